"""Between plan and apply: checks of the plan, and people's approval of just what would be done."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from envmgr.commands import operations, rollback, steering
from envmgr.commands.pipeline import approvals
from envmgr.domain.errors import EnvmgrError, NeedsPerson, Transient
from envmgr.domain.rules.access.roles import Rules, by_token, signed_in
from envmgr.domain.values.asking.person import Person, Role
from envmgr.domain.values.asking.token import Token
from envmgr.domain.values.environment import Environment, Guard, RunKind, RunStatus, Status, WaitsFor
from envmgr.domain.values.pipeline.proposal import CheckOutcome
from envmgr.engine.work.job import AwaitsApproval
from tests.support.engine import MODULE
from tests.support.engine import code as files_of
from tests.support.in_memory.engine import MemoryEngine

ROLES = {"acme": Rules({Role.APPROVER: ("carol", "dave"), Role.DEVELOPER: ("erin",)})}
APPROVAL = {"needed": 1, "from": "approver", "expires": "7d"}


def code(files: Mapping[str, str] | None = None, size: str = "small", trigger: str = "") -> dict[str, str]:
    """A branch with one resource: of a size, made anew where its trigger is another."""
    module = MODULE.replace("small", size)
    if trigger:
        module = module.replace("input ", f'triggers_replace = "{trigger}"\n  input ')
    return files_of(files, module)


def person(name: str) -> Person:
    """Somebody who signed in."""
    return signed_in(name, (), ROLES)


def approve(engine: MemoryEngine, who: Person, environment: Environment | None = None) -> Environment:
    """Somebody approves what she sees."""
    found = environment or engine.environment("alice")
    (done,) = steering.approve(engine.application.asked_by(who), found)
    return done


def applies(engine: MemoryEngine) -> int:
    """How often Terraform applied anything since the last call of this."""
    return engine.calls().count("apply")


@pytest.fixture
def asked(engine: MemoryEngine) -> MemoryEngine:
    """An engine whose plans are to be approved, with one that waits."""
    repository = engine.repository(approval=APPROVAL)
    repository.commit("env-alice", code())
    engine.turn()
    return engine


def test_a_plan_waits_for_an_approval_and_is_applied_then(asked: MemoryEngine) -> None:
    found = asked.environment("alice")
    assert applies(asked) == 0
    assert [run.status for run in asked.store.runs(found.id)] == [RunStatus.PROPOSED]
    assert (found.status, found.hold.guard) == (Status.WAITING, Guard.APPROVAL)
    assert found.claim is None
    assert found.waits is not None
    assert found.waits.on is WaitsFor.APPROVAL
    assert "0 of 1 approvals" in found.message
    assert found.proposal is not None
    assert found.proposal.changes["add"] == 1
    assert [address for _, address in found.proposal.actions] == ["terraform_data.app"]
    asked.turn(minutes=10)
    assert asked.calls() == []  # it is planned once
    approved = approve(asked, person("carol"))
    assert approved.hold.approved is Guard.APPROVAL
    asked.turn()
    found = asked.environment("alice")
    assert (found.status, found.proposal, found.hold.guard) == (Status.READY, None, None)
    assert applies(asked) == 1
    told = {e.action: e for e in asked.store.events(found.id)}
    assert told["approved"].actor == "person carol"
    assert "person carol" in told["approval-used"].message


def test_another_plan_or_commit_is_asked_for_anew(asked: MemoryEngine) -> None:
    approve(asked, person("carol"))
    before = asked.environment("alice")
    asked.repositories["shop"].commit("env-alice", code({"more.txt": "x"}, size="large"))
    asked.turn()
    found = asked.environment("alice")
    assert applies(asked) == 0
    assert found.proposal is not None
    assert found.proposal.approvals == ()
    with pytest.raises(NeedsPerson, match="not the one that waits any more"):
        approve(asked, person("carol"), before)


def test_the_same_commit_with_other_changes_is_asked_for_anew(engine: MemoryEngine) -> None:
    """What somebody changed in the cloud meanwhile makes another plan."""
    repository = engine.repository(approval=APPROVAL)
    repository.commit("env-alice", code())
    engine.turn()
    approve(engine, person("carol"))
    engine.turn()
    repository.commit("env-alice", code(size="large"))
    engine.turn()
    approve(engine, person("carol"))
    engine.state("alice").write_bytes(engine.state("alice").read_bytes().replace(b"small", b"other"))
    engine.calls()
    engine.turn()
    found = engine.environment("alice")
    assert (found.status, applies(engine)) == (Status.WAITING, 0)
    assert found.proposal is not None
    assert found.proposal.approvals == ()


def _away(*_: object) -> None:
    raise Transient("The state store is away.")


def test_what_was_applied_as_approved_is_not_asked_for_again(
    asked: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It could not be recorded, as where envmgr was killed just then: so there is nothing left to plan."""
    approve(asked, person("carol"))
    with monkeypatch.context() as dying:
        dying.setattr("envmgr.engine.change.apply.found", _away)
        asked.turn()
    assert applies(asked) == 1
    asked.turn(3, minutes=2)
    found = asked.environment("alice")
    assert (found.status, found.proposal) == (Status.READY, None), found.message
    assert [e.action for e in asked.store.events(found.id)].count("proposed") == 1


def test_who_may_not_approve(asked: MemoryEngine) -> None:
    """Neither without the role, nor the author, nor twice, nor after it was over."""
    with pytest.raises(EnvmgrError, match="takes the role approver"):
        approve(asked, person("erin"))
    author = asked.environment("alice").proposal
    assert author is not None
    roles = {"acme": Rules({Role.APPROVER: (author.author,)})}
    with pytest.raises(NeedsPerson, match="made the commit"):
        approve(asked, signed_in(author.author, (), roles))
    asked.clock.forward(days=8)
    with pytest.raises(NeedsPerson, match="planned again"):
        approve(asked, person("carol"))
    asked.turn()
    assert applies(asked) == 0
    found = asked.environment("alice").proposal
    assert found is not None
    assert found.expires_at > asked.clock()


def test_two_people_are_two_people(engine: MemoryEngine) -> None:
    """However many tokens one of them has."""
    repository = engine.repository(approval={**APPROVAL, "needed": 2})
    repository.commit("env-alice", code())
    engine.turn()
    token = Token(
        name="hers", digest="d", role=Role.APPROVER, created_at=engine.clock(), created_by="person carol"
    )
    engine.store.tokens.add(token)
    assert approve(engine, person("carol")).hold.approved is None
    for again in (person("carol"), by_token(token, ["acme"])):
        with pytest.raises(NeedsPerson, match="has approved it already"):
            approve(engine, again)
    engine.turn()
    assert applies(engine) == 0
    assert "1 of 2 approvals" in engine.environment("alice").message
    assert approve(engine, person("dave")).hold.approved is Guard.APPROVAL
    engine.turn()
    assert (engine.environment("alice").status, applies(engine)) == (Status.READY, 1)


def test_a_rejected_plan_is_not_applied_until_it_is_proposed_anew(asked: MemoryEngine) -> None:
    approve(asked, person("carol"))
    done = approvals.reject(
        asked.application.asked_by(person("dave")), asked.environment("alice"), "not on\na Friday"
    )
    assert "rejected by person dave (not on a Friday)" in done.message
    asked.turn(days=20)
    assert (asked.environment("alice").status, applies(asked)) == (Status.WAITING, 0)
    with pytest.raises(NeedsPerson, match="is not held back"):
        approve(asked, person("carol"))
    with pytest.raises(AwaitsApproval, match="0 of 1"):
        operations.apply(asked.application, asked.environment("alice"), lambda *_: True)
    approve(asked, person("carol"))
    asked.turn()
    assert asked.environment("alice").status is Status.READY


def test_an_apply_or_a_way_back_by_hand_needs_it_too(asked: MemoryEngine) -> None:
    with pytest.raises(AwaitsApproval):
        operations.apply(asked.application, asked.environment("alice"), lambda *_: True)
    first = asked.environment("alice").commit
    approve(asked, person("carol"))
    operations.apply(asked.application, asked.environment("alice"), lambda *_: True)
    assert applies(asked) == 1
    asked.repositories["shop"].commit("env-alice", code(size="large"))
    asked.turn()
    approve(asked, person("carol"))
    asked.turn()
    assert applies(asked) == 1
    with pytest.raises(AwaitsApproval):
        rollback.roll_back(asked.application, asked.environment("alice"), first, lambda *_: True)
    asked.turn()
    assert applies(asked) == 0
    approve(asked, person("carol"))
    asked.turn()
    found = asked.environment("alice")
    assert (found.status, found.applied.commit, applies(asked)) == (Status.READY, first, 1)


def test_a_way_back_to_a_release_may_be_free(engine: MemoryEngine) -> None:
    repository = engine.repository(approval={**APPROVAL, "rollback": "free"})
    first = repository.commit("env-alice", code())
    engine.turn()
    approve(engine, person("carol"))
    engine.turn()
    repository.commit("env-alice", code(size="large"))
    engine.turn()
    approve(engine, person("carol"))
    engine.turn()
    engine.calls()
    rollback.roll_back(engine.application, engine.environment("alice"), first, lambda *_: True)
    assert (engine.environment("alice").applied.commit, applies(engine)) == (first, 1)


def test_code_that_is_only_deployed_is_approved_too(engine: MemoryEngine, tmp_path: Path) -> None:
    served = tmp_path / "served"
    repository = engine.repository(approval=APPROVAL, deploy=[{"name": "app", "run": f"cp app.txt {served}"}])
    repository.commit("env-alice", code({"app.txt": "one\n"}))
    engine.turn()
    approve(engine, person("carol"))
    engine.turn()
    repository.commit("env-alice", {"app.txt": "two\n"})
    engine.turn()
    assert engine.environment("alice").hold.guard is Guard.APPROVAL
    assert served.read_text() == "one\n"
    approve(engine, person("carol"))
    engine.turn()
    assert engine.environment("alice").status is Status.READY
    assert served.read_text() == "two\n"


# --- checks ----------------------------------------------------------------------------------------


@pytest.fixture
def policy(tmp_path: Path) -> Callable[[str], str]:
    """The path of a policy with a rule."""

    def written(rule: str) -> str:
        file = tmp_path / "policy.rego"
        file.write_text(f"package envmgr\n{rule}\n")
        return str(file)

    return written


_SMALL = (
    "deny contains m if { some c in input.resource_changes; "
    'contains(c.change.after.input, "large"); m := sprintf("%s is large in %s", [c.address, input.envmgr.environment]) }'
)


def test_a_policy_refuses_a_plan(engine: MemoryEngine, policy: Callable[[str], str]) -> None:
    repository = engine.repository(checks=[{"name": "size", "rego": policy(_SMALL)}])
    repository.commit("env-alice", code(size="large"))
    engine.turn()
    found = engine.environment("alice")
    assert (found.status, applies(engine)) == (Status.FAILED, 0)
    assert "Check size refuses the plan: terraform_data.app is large in alice" in found.message
    runs = {run.kind: run for run in engine.store.runs(found.id)}
    assert runs[RunKind.CHECK].status is RunStatus.FAILED
    assert "is large in alice" in engine.application.services.layout.log(runs[RunKind.CHECK].id).read_text()
    repository.commit("env-alice", code(size="small"))
    engine.turn()
    assert (engine.environment("alice").status, applies(engine)) == (Status.READY, 1)
    assert engine.store.runs(found.id)[0].kind is RunKind.CHECK


def test_what_is_refused_is_not_asked_about(engine: MemoryEngine, policy: Callable[[str], str]) -> None:
    """Nor are the checks made twice of one plan; what they warn of stands beside it."""
    warns = {"name": "always", "run": "exit 1", "on_failure": "warn"}
    repository = engine.repository(checks=[{"name": "size", "rego": policy(_SMALL)}, warns])
    repository.commit("env-alice", code(size="large"))
    engine.turn()
    asked: list[str] = []

    def confirm(text: str, _plan: object) -> bool:
        asked.append(text)
        return True

    with pytest.raises(NeedsPerson, match="Check size refuses the plan"):
        operations.apply(engine.application, engine.environment("alice"), confirm)
    assert (asked, applies(engine)) == ([], 0)
    repository.commit("env-alice", code(size="tiny"))
    engine.application.poller.poll_all(engine.application.services.repositories.values(), 1)
    before = len(engine.store.runs())
    found = operations.apply(engine.application, engine.environment("alice"), confirm)
    assert (found.status, applies(engine)) == (Status.READY, 1)
    assert "Check always warns" in asked[0]
    assert [run.kind for run in engine.store.runs()[:-before]] == [
        RunKind.CHECK,
        RunKind.CHECK,
        RunKind.APPLY,
    ]


def test_a_policy_that_does_not_parse_makes_it_wait(
    engine: MemoryEngine, policy: Callable[[str], str]
) -> None:
    repository = engine.repository(checks=[{"name": "size", "rego": policy("deny contains x if {")}])
    repository.commit("env-alice", code())
    engine.turn()
    found = engine.environment("alice")
    assert (found.status, applies(engine)) == (Status.WAITING, 0)
    assert "is never closed" in found.message
    policy(_SMALL)
    engine.turn(minutes=11)
    assert (engine.environment("alice").status, applies(engine)) == (Status.READY, 1)


def test_a_check_may_ask_people_or_only_warn(engine: MemoryEngine, policy: Callable[[str], str]) -> None:
    warns = {"name": "lint", "run": "test -f $ENVMGR_PLAN", "on_failure": "warn"}
    asks = {"name": "size", "rego": policy(_SMALL), "on_failure": "approve"}
    repository = engine.repository(checks=[warns, asks])
    repository.commit("env-alice", code())
    engine.turn()
    assert (engine.environment("alice").status, applies(engine)) == (Status.READY, 1)
    repository.commit("env-alice", code(size="large"))
    engine.turn()
    found = engine.environment("alice")
    assert found.proposal is not None
    assert [check.outcome for check in found.proposal.checks] == [CheckOutcome.PASSED, CheckOutcome.ASKS]
    approve(engine, person("carol"))
    engine.turn()
    assert engine.environment("alice").status is Status.READY


def test_terraforms_own_checks(engine: MemoryEngine) -> None:
    checks: list[dict[str, Any]] = [
        {"name": "layout", "terraform": "fmt", "on_failure": "warn"},
        {"name": "meaning", "terraform": "validate"},
    ]
    repository = engine.repository(checks=checks)
    engine.terraform.found = {"fmt": ["main.tf is not laid out."]}
    repository.commit("env-alice", code())
    engine.turn()
    found = engine.environment("alice")
    assert found.status is Status.READY
    assert "check-warned" in [e.action for e in engine.store.events(found.id)]


def test_what_has_data_is_not_taken_away_unasked(engine: MemoryEngine) -> None:
    """In a protected environment alone, and by the types that the organization names."""
    engine.settings["resources_with_data"] = ["terraform_*"]
    repository = engine.repository(protected=["env-prod"])
    for name in ("prod", "alice"):
        repository.commit(f"env-{name}", code())
    engine.turn()
    assert applies(engine) == 2
    for name in ("prod", "alice"):
        repository.commit(f"env-{name}", code(trigger="other"))
    engine.turn()
    assert applies(engine) == 1
    found = engine.environment("prod")
    assert found.proposal is not None
    assert "terraform_data.app (replaced)" in found.proposal.reasons[0]
    approve(engine, person("carol"), found)
    engine.turn()
    assert (engine.environment("prod").status, applies(engine)) == (Status.READY, 1)
