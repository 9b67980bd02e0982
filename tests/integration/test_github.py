"""GitHub alone: the App's sign-in, its limits, and what other forges have differently."""

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from envmgr.adapters.forge import github
from envmgr.adapters.forge.failure import Declined
from envmgr.composition.forges.wiring import forge_of
from envmgr.config.sections.forge.forge import Forge as ForgeSection
from envmgr.domain.errors import NeedsOperator, NotThere, RetryLater, Transient
from envmgr.domain.values.forge import (
    CommitStatus,
    DeploymentReport,
    ForgePerson,
    Permission,
    PullRequestState,
    ReportState,
)
from tests.support.forges.kinds.github import APP, GitHub
from tests.support.forges.loopback import TOKEN, Call, LoopbackForge, Reply
from tests.support.forges.model import HEAD, Model, Status
from tests.support.forges.trials import TRIALS

if TYPE_CHECKING:
    from envmgr.composition.forges.parts import Shared

TRIAL = TRIALS["github"]
PENDING = CommitStatus(commit=HEAD, context="envmgr/x", state=ReportState.PENDING, sentence="", url="")


@pytest.fixture
def loopback(rsa_key: tuple[str, str]) -> Iterator[LoopbackForge]:
    """A GitHub that knows the App."""
    with LoopbackForge(GitHub(rsa_key[1]), tokens={}) as served:
        yield served


def test_an_app_signs_in_by_a_token_of_its_installation(
    loopback: LoopbackForge, rsa_key: tuple[str, str]
) -> None:
    """Narrowed to the repository and what is needed, made once, and again after a refusal."""
    forge = TRIAL.open(loopback, token=None, app={"id": APP, "key": rsa_key[0]})
    loopback.model.opens()
    threads = [threading.Thread(target=forge.open_pull_requests) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    forge.set_status(PENDING)
    kind = loopback.kind
    assert isinstance(kind, GitHub)
    assert kind.minted == [
        {
            "repositories": ["shop"],
            "permissions": {
                "metadata": "read",
                "contents": "read",
                "pull_requests": "write",
                "statuses": "write",
                "deployments": "write",
            },
        }
    ]
    assert forge.identity().person.login == "envmgr[bot]"
    assert forge.identity().missing == ("contents: read",)
    assert APP in forge.account


def test_a_token_of_an_app_is_made_again_in_time_and_once_after_a_refusal(
    loopback: LoopbackForge, rsa_key: tuple[str, str]
) -> None:
    """After 50 minutes of the 60; a new one that is refused is not asked for again and again."""
    from envmgr.adapters.forge.budget import Budget
    from envmgr.adapters.forge.client import ForgeClient
    from envmgr.adapters.forge.github.app import JwtSignIn
    from envmgr.adapters.forge.wire import Wire

    now = [0.0]
    base, dialect, wire = f"{loopback.url}/api/v3", github.dialect("GitHub"), Wire("GitHub", {})
    jwt = JwtSignIn(APP, lambda: rsa_key[0], "GitHub")
    sign_in = github.AppSignIn(
        ForgeClient(base, dialect, jwt, wire, Budget("GitHub")), "acme/shop", clock=lambda: now[0]
    )
    forge = github.GitHub(ForgeClient(base, dialect, sign_in, wire, Budget("GitHub")), "acme/shop", sign_in)
    kind = loopback.kind
    assert isinstance(kind, GitHub)
    for at, made in ((0, 1), (2999, 1), (3000, 2), (3100, 2)):
        now[0] = at
        forge.open_pull_requests()
        assert len(kind.minted) == made, at
    kind.expire_tokens(loopback)
    forge.set_status(PENDING)
    assert len(kind.minted) == 3
    kind.expire_tokens(loopback)
    with pytest.raises(NeedsOperator, match="does not accept the credentials"):
        forge.open_pull_requests()
    assert len(kind.minted) == 3
    now[0] += 61
    forge.open_pull_requests()


def test_an_app_that_is_not_installed_or_has_another_key(
    loopback: LoopbackForge, rsa_key: tuple[str, str]
) -> None:
    """Each in a sentence that has nothing of the key."""
    absent = TRIAL.open(loopback, token=None, app={"id": APP, "key": rsa_key[0]}, repository="acme/other")
    with pytest.raises(NeedsOperator, match="is not installed on other: install it there"):
        absent.open_pull_requests()
    other = TRIAL.open(loopback, token=None, app={"id": "Iv9other", "key": rsa_key[0]})
    with pytest.raises(NeedsOperator, match="does not accept the credentials"):
        other.open_pull_requests()
    broken = TRIAL.open(loopback, token=None, app={"id": APP, "key": rsa_key[0].replace("RSA", "FOO")})
    with pytest.raises(NeedsOperator, match="is no RSA key in PEM") as error:
        broken.open_pull_requests()
    assert error.value.__cause__ is None


def test_more_statuses_than_github_takes_are_refused_for_good(loopback: LoopbackForge) -> None:
    """A thousand for each commit and context."""
    forge = TRIAL.open(loopback)
    loopback.model.statuses += [Status(HEAD, "ENVMGR/x", "pending", "", "")] * 1000
    with pytest.raises(Declined, match="has reached the maximum number of statuses"):
        forge.set_status(PENDING)


def test_a_limit_without_a_time_is_heeded_too(loopback: LoopbackForge) -> None:
    """The secondary one, which comes as 403 with words alone; one without these is a missing right."""
    forge, kind = TRIAL.open(loopback), loopback.kind
    said = "You have exceeded a secondary rate limit."
    kind.refusal = lambda *_: {"message": said}  # type: ignore[method-assign]
    loopback.fails(status=403)
    with pytest.raises(RetryLater, match="asked again in 60 s"):
        forge.set_status(PENDING)
    said = "Resource not accessible by personal access token"
    with pytest.raises(RetryLater):
        forge.set_status(PENDING)
    loopback.fails(status=403)
    with pytest.raises(NeedsOperator, match=r"does not let envmgr do this \(403, .*not accessible"):
        TRIAL.open(loopback).set_status(PENDING)


def test_whose_fork_or_account_is_gone(loopback: LoopbackForge) -> None:
    """A fork stays one, and nobody has its author's rights; who may not ask for rights is not told of any."""
    forge = TRIAL.open(loopback)
    pull = loopback.model.opens(is_from_fork=True)
    pull.extra |= {"fork_is_gone": True, "author_is_gone": True}
    (found,) = forge.open_pull_requests()
    assert (found.is_from_fork, found.author) == (True, ForgePerson("", "ghost"))
    assert forge.permission(found.author) is Permission.NONE
    loopback.fails(status=403)
    assert forge.permission(ForgePerson("2", "alice")) is Permission.UNKNOWN


def test_a_list_that_changed_while_it_was_read_is_none(loopback: LoopbackForge) -> None:
    """What is closed between two pages would leave out another; afterwards the list is whole."""
    model, kind = loopback.model, loopback.kind
    for number in range(1, 252):
        model.opens(f"topic-{number}")
    calls = dict(kind.calls())
    listed = calls["pulls/list"]

    def closing(call: Call) -> Reply:
        if call.query.get("page") == "2" and model.pulls[1].state is PullRequestState.OPEN:
            model.ends(model.pulls[1])
        return listed(call)

    kind.calls = lambda: {**calls, "pulls/list": closing}  # type: ignore[method-assign]
    forge = TRIAL.open(loopback)
    with pytest.raises(Transient, match="changed while it was read"):
        forge.open_pull_requests()
    assert len(forge.open_pull_requests()) == 250


def test_what_is_told_of_a_deployment(loopback: LoopbackForge) -> None:
    """Only addresses that are some; an end of what was never told is not told; one that was taken away is made anew."""
    forge, model = TRIAL.open(loopback), loopback.model
    report = DeploymentReport(
        environment="pr/1",
        commit=HEAD,
        ref="topic",
        state=ReportState.SUCCESS,
        sentence="x" * 500,
        url="javascript:alert(1)",
        is_transient=True,
    )
    ended = DeploymentReport(environment="pr/1", commit=HEAD, ref="", state=ReportState.INACTIVE, sentence="")
    assert forge.report_deployment(ended, "") == ""
    known = forge.report_deployment(report, "")
    told = model.deployments[0]
    assert {"transient_environment": True, "production_environment": False}.items() <= told.extra.items()
    assert "environment_url" not in told.states[0]
    assert forge.report_deployment(ended, known) == known
    assert told.states[-1]["state"] == "inactive"
    model.deployments.clear()
    assert forge.report_deployment(report, known) != known
    model.name = "acme/moved"
    with pytest.raises(NotThere):
        forge.report_deployment(report, known)


def test_repositories_of_one_token_share_what_is_left(loopback: LoopbackForge) -> None:
    """Where one was told to wait, the other asks nothing; a rotated token is used at once."""
    loopback.models.append(Model(name="acme/api"))
    tokens = {"TOKEN": "token-of-yesterday"}
    shared: dict[object, Shared] = {}
    section = {"kind": "github", "url": loopback.url, "token": {"env": "TOKEN"}}
    one, other = (
        forge_of(ForgeSection.model_validate({**section, "repository": name}), "/x", tokens, shared)
        for name in ("acme/shop", "acme/api")
    )
    with pytest.raises(NeedsOperator, match="does not accept"):
        one.open_pull_requests()
    loopback.tokens["rotated-token-1"] = loopback.model.own
    tokens["TOKEN"] = "rotated-token-1"
    one.open_pull_requests()
    assert one.account == other.account
    loopback.fails(status=429, headers={"Retry-After": "9"})
    with pytest.raises(RetryLater):
        one.open_pull_requests()
    before = len(loopback.calls)
    with pytest.raises(RetryLater):
        other.open_pull_requests()
    assert len(loopback.calls) == before


def test_an_idle_minute_of_forty_repositories_costs_nothing_of_the_budget(loopback: LoopbackForge) -> None:
    """One call each, which GitHub answers with 304."""
    names = [f"acme/shop-{number}" for number in range(40)]
    loopback.models += [Model(name=name) for name in names]
    for model in loopback.models:
        model.opens()
    loopback.remaining = loopback.limit
    shared: dict[object, Shared] = {}
    section = {"kind": "github", "url": loopback.url, "token": TOKEN}
    forges = [
        forge_of(ForgeSection.model_validate({**section, "repository": name}), "/x", {}, shared)
        for name in names
    ]
    for forge in forges:
        assert len(forge.open_pull_requests()) == 1
    left, before = loopback.remaining, len(loopback.calls)
    for forge in forges:
        assert len(forge.open_pull_requests()) == 1
    assert [status for _, status in loopback.calls[before:]] == [304] * 40
    assert loopback.remaining == left == loopback.limit - 40


@pytest.mark.parametrize(
    ("url", "base", "pause"),
    [
        ("https://github.com", "https://api.github.com", 1.0),
        ("https://acme.ghe.com", "https://api.acme.ghe.com", 1.0),
        ("https://git.example.com/", "https://git.example.com/api/v3", 0.0),
        ("https://evilgithub.com", "https://evilgithub.com/api/v3", 0.0),
    ],
)
def test_where_its_calls_are(url: str, base: str, pause: float) -> None:
    """On github.com, with data residency, on a server of one's own."""
    assert (github.base(url), github.write_pause(url)) == (base, pause)
