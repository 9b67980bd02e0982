"""What is deployed when: pure, over all that a deploy may find."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmgr.domain.errors import NeedsPerson
from envmgr.domain.rules.attempt import attempt_key
from envmgr.domain.rules.decide import decide
from envmgr.domain.rules.settled import is_done, is_settled
from envmgr.domain.values.decision import Apply, Await, Rest
from envmgr.domain.values.deployment import Deployment, DeployRules, due, mark
from envmgr.domain.values.environment import Environment, Output, Status
from envmgr.domain.values.health import Condition, Health, HealthCheck
from envmgr.domain.values.policy import Neighbours
from envmgr.domain.values.step import Step
from envmgr.domain.values.template import fill
from tests.unit.domain_example import NEW, NOW, OLD, POLICY, ready

RULES = DeployRules(
    steps=(
        Step(name="always", run="a"),
        Step(name="infrastructure", run="i", when="infrastructure"),
        Step(name="code", run="c", when="code"),
        Step(name="web", run="w", paths=("web/", "*.css")),
    )
)
DONE = Deployment(commit=OLD, rules="r", apply=7, after=7)
CHECK = HealthCheck(url="http://x")
INFRASTRUCTURE, WEB = RULES.steps[1], RULES.steps[3]
WITH_DEPLOY = replace(POLICY, deploy="r")

words = st.sampled_from(["a", "b", "c"])
runs = st.none() | st.integers(1, 3)
deployments = st.builds(
    Deployment,
    commit=st.none() | words,
    rules=words,
    apply=runs,
    after=runs,
    healthy_commit=st.none() | words,
    ended=st.booleans(),
    begun=st.sets(st.sampled_from([mark(step) for step in RULES.steps]), max_size=2).map(sorted).map(tuple),
)
paths = st.none() | st.frozensets(st.sampled_from(["web/a.html", "deep/b.css", "app.py"]))


def names(before: Deployment, commit: str, digest: str = "r", changed: frozenset[str] | None = None) -> str:
    """The names of the steps that are due."""
    return " ".join(step.name for step in due(RULES, before, commit, digest, changed))


@pytest.mark.parametrize(
    ("before", "commit", "changed", "wanted"),
    [
        (DONE, OLD, None, ""),
        (Deployment(), OLD, frozenset(), "always infrastructure code web"),
        (replace(DONE, rules="other"), OLD, frozenset(), "always infrastructure code web"),
        (replace(DONE, ended=True), OLD, frozenset(), "always infrastructure code web"),
        (replace(DONE, apply=8), OLD, frozenset(), "always infrastructure"),
        (DONE, NEW, frozenset({"app.py"}), "always code"),
        (DONE, NEW, frozenset({"web/deep/a.html"}), "always code web"),
        (DONE, NEW, frozenset({"deep/b.css"}), "always code web"),
        (DONE, NEW, frozenset({"website/a.html"}), "always code"),
        (DONE, NEW, None, "always code web"),
        (replace(DONE, apply=8), NEW, frozenset(), "always infrastructure code"),
        (DONE.beginning([WEB]), OLD, frozenset(), "always web"),
        (DONE.beginning([WEB, INFRASTRUCTURE]), NEW, frozenset(), "always infrastructure code web"),
        (DONE.beginning([replace(WEB, run="edited")]), OLD, frozenset(), "always infrastructure code web"),
        (DONE.beginning([Step(name="bye", run="b")]), OLD, frozenset(), "always infrastructure code web"),
    ],
)
def test_steps_that_are_due(
    before: Deployment, commit: str, changed: frozenset[str] | None, wanted: str
) -> None:
    """Each for the changes that it is for; all of them where it is not known what runs."""
    assert names(before, commit, changed=changed) == wanted


@given(before=deployments, commit=words, digest=words, changed=paths)
def test_nothing_is_due_exactly_where_it_runs_already(
    before: Deployment, commit: str, digest: str, changed: frozenset[str] | None
) -> None:
    """A step that always runs tells."""
    found = due(RULES, before, commit, digest, changed)
    assert (found == ()) == before.is_of(commit, digest)
    after = replace(before, commit=commit, rules=digest, after=before.apply, ended=False, begun=())
    assert due(RULES, after, commit, digest, changed) == ()


@given(before=deployments, commit=words, digest=words, changed=paths)
def test_what_is_not_known_is_run(
    before: Deployment, commit: str, digest: str, changed: frozenset[str] | None
) -> None:
    """Knowing less about the files never runs less."""
    assert set(due(RULES, before, commit, digest, changed)) <= set(due(RULES, before, commit, digest, None))


def test_rules_that_do_nothing_have_no_digest() -> None:
    """What comes before a destroy, or follows a failure, is no reason to deploy."""
    assert DeployRules(on_destroy=RULES.steps, on_unhealthy="previous").digest == ""
    assert DeployRules(health=CHECK).digest != ""
    slower = replace(RULES, steps=(replace(RULES.steps[0], timeout=timedelta(hours=1)),))
    assert len({RULES.digest, slower.digest, DeployRules(health=CHECK).digest}) == 3


# --- decisions ---------------------------------------------------------------------------------


def deployed(**changes: object) -> Environment:
    """One that is ready, applied and deployed."""
    return ready(**{"deployment": DONE, **changes})


def starting(**changes: object) -> Environment:
    """One that waits until it is healthy."""
    health = Health(check=CHECK, condition=Condition.STARTING, since=NOW)
    return deployed(**{"status": Status.RUNNING, "message": "waits", "health": health, **changes})


def test_what_was_applied_but_not_deployed_is_not_done() -> None:
    """Rules that are new, a commit or an apply that was not deployed, an end that was begun."""
    assert is_settled(deployed(), WITH_DEPLOY)
    assert is_settled(deployed(status=Status.DEGRADED), WITH_DEPLOY)
    for other in (
        ready(),
        deployed(deployment=replace(DONE, commit=NEW)),
        deployed(deployment=replace(DONE, apply=8)),
        deployed(deployment=replace(DONE, rules="other")),
        deployed(deployment=replace(DONE, ended=True)),
        deployed(deployment=DONE.beginning([WEB])),
        deployed(ending=True),
    ):
        assert not is_done(other, WITH_DEPLOY)
        assert decide(other, WITH_DEPLOY, Neighbours(), NOW) == Apply(
            "The code of aaaaaaaaaa is to be deployed."
        )
    assert is_settled(ready(), POLICY)


def test_health_is_waited_for_where_all_is_done() -> None:
    """A newer commit comes first; a failure is not waited for again."""
    assert decide(starting(), WITH_DEPLOY, Neighbours(), NOW) == Await()
    assert isinstance(decide(starting(commit=NEW), WITH_DEPLOY, Neighbours(), NOW), Apply)
    tried = attempt_key(starting(), WITH_DEPLOY)
    failed = starting(status=Status.FAILED, failed_on=tried, message="no")
    assert decide(failed, WITH_DEPLOY, Neighbours(), NOW) == Rest()
    assert isinstance(decide(starting(suspended="by hand"), WITH_DEPLOY, Neighbours(), NOW), Rest)


def test_other_deploy_rules_are_another_attempt() -> None:
    """A mended step in the organization file is tried at once."""
    failed = deployed(
        status=Status.FAILED,
        deployment=replace(DONE, commit=None),
        failed_on=attempt_key(deployed(), WITH_DEPLOY),
    )
    assert isinstance(decide(failed, WITH_DEPLOY, Neighbours(), NOW), Rest)
    assert isinstance(decide(failed, replace(POLICY, deploy="mended"), Neighbours(), NOW), Apply)


# --- outputs in texts --------------------------------------------------------------------------


def test_outputs_stand_in_texts() -> None:
    """Text as it is, all else as JSON; one that is not there is named with those that are."""
    outputs = {"host": Output("example.com"), "port-number": Output(80)}
    assert fill("http://{outputs.host}:{outputs.port-number}/{x}", outputs) == "http://example.com:80/{x}"
    with pytest.raises(
        NeedsPerson, match=r"no Terraform output 'url' for .*; the outputs are: host, port-number"
    ):
        fill("{outputs.url}", outputs)
