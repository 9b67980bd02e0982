"""Azure DevOps, and what it does unlike others."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from envmgr.adapters.forge.azure_devops.forge import AzureDevOps
from envmgr.adapters.forge.azure_devops.place import dialect, place_of
from envmgr.adapters.forge.azure_devops.sign_in import AccessTokenSignIn
from envmgr.adapters.forge.budget import Budget
from envmgr.adapters.forge.client import ForgeClient
from envmgr.adapters.forge.signing import SignIn, TokenSignIn
from envmgr.adapters.forge.wire import Wire
from envmgr.domain.errors import NeedsOperator, NotThere
from envmgr.domain.values.forge import (
    CommitStatus,
    DeploymentReport,
    ForgePerson,
    Permission,
    Reaction,
    ReportState,
)
from tests.support.forges.kinds import azure_devops as kind
from tests.support.forges.loopback import TOKEN, LoopbackForge
from tests.support.forges.model import ALICE, BOB, BOT, CAROL, ENVMGR, HEAD, NEXT
from tests.support.scripted_http import Reply, ScriptedHttp

WHERE = "Azure DevOps"
STATUS = CommitStatus(
    commit=HEAD,
    context="envmgr/pr-1",
    state=ReportState.RUNNING,
    sentence="Applies.",
    url="https://envmgr.example.com/x",
    number=1,
)


@pytest.fixture
def loopback() -> Iterator[LoopbackForge]:
    """One to ask."""
    with LoopbackForge(kind.AzureDevOps()) as made:
        yield made


@pytest.fixture
def forge(loopback: LoopbackForge) -> AzureDevOps:
    """Its one repository, as envmgr sees it."""
    return made(loopback.url)


def made(url: str, sign_in: SignIn | None = None, *, needs_labels: bool = True) -> AzureDevOps:
    """An envmgr, by a personal access token."""
    place = place_of(url, f"{kind.COLLECTION}/acme/shop")
    by = sign_in or AccessTokenSignIn(lambda: TOKEN, WHERE)
    client = ForgeClient(place.base, dialect(WHERE), by, Wire(WHERE, {}), Budget(WHERE))
    return AzureDevOps(client, client, place, needs_labels=needs_labels)


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (203, {}),
        (302, {"Location": "https://spsprodweu.example.com/_signin"}),
        (302, {"Location": "/_signin"}),
        (401, {}),
    ],
)
def test_a_page_to_sign_in_is_no_answer(status: int, headers: Mapping[str, str]) -> None:
    """A bad token gets one, and it is called a success."""
    page = Reply(status, b"<html>Sign in</html>", {"Content-Type": "text/html", **headers})
    with ScriptedHttp(lambda _: page) as server:
        forge = made(f"http://127.0.0.1:{server.port}")
        with pytest.raises(NeedsOperator, match="does not accept the credentials"):
            forge.open_pull_requests()
        with pytest.raises(NeedsOperator, match="does not accept the credentials"):
            forge.create_comment(1, "x")


def test_a_token_of_entra_is_a_bearer(loopback: LoopbackForge) -> None:
    """Where a personal one is nobody's password."""
    loopback.model.opens()
    assert len(made(loopback.url, TokenSignIn(lambda: TOKEN, WHERE)).open_pull_requests()) == 1


def test_a_status_is_told_of_the_commit_and_of_the_push(loopback: LoopbackForge, forge: AzureDevOps) -> None:
    """With the iteration, which a policy asks for; of a commit that is no push of it, only to the commit."""
    pull = loopback.model.opens()
    forge.set_status(STATUS)
    loopback.model.pushes(pull, NEXT)
    forge.set_status(replace(STATUS, commit=NEXT, state=ReportState.SUCCESS))
    forge.set_status(replace(STATUS, commit="c" * 40))
    forge.set_status(replace(STATUS, number=None, url="", state=ReportState.FAILURE))
    told = [(each.commit, each.state, each.context) for each in loopback.model.statuses]
    assert told == [
        (HEAD, "pending", "envmgr/pr-1"),
        (NEXT, "succeeded", "envmgr/pr-1"),
        ("c" * 40, "pending", "envmgr/pr-1"),
        (HEAD, "failed", "envmgr/pr-1"),
    ]
    of_pulls = loopback.model.extra["pull_statuses"]
    assert [(each.commit, each.state, each.extra["iteration"]) for each in of_pulls] == [
        (HEAD, "pending", 1),
        (NEXT, "succeeded", 2),
    ]


def test_the_same_commit_pushed_again_is_its_newest_push(loopback: LoopbackForge, forge: AzureDevOps) -> None:
    """There and back: what is told of the first push is of no use."""
    pull = loopback.model.opens()
    for commit in (NEXT, HEAD):
        forge.pull_request(1)
        loopback.model.pushes(pull, commit)
    forge.set_status(STATUS)
    assert loopback.model.extra["pull_statuses"][0].extra["iteration"] == 3


def test_the_head_is_the_newest_push(loopback: LoopbackForge, forge: AzureDevOps) -> None:
    """What the pull request itself says lags behind; a list says nothing of it, but of a fork what was merged on trial."""
    pull = loopback.model.opens()
    forge.pull_request(1)
    loopback.model.pushes(pull, NEXT)
    assert forge.pull_request(1).commit == NEXT
    assert [each.commit for each in forge.open_pull_requests()] == [None]
    pull.is_from_fork = True
    assert [each.commit for each in forge.open_pull_requests()] == [NEXT]
    assert (forge.traits.heads, forge.traits.heads_are_merges) == ("refs/pull/{number}/merge", True)


def test_lists_are_read_page_by_page(
    loopback: LoopbackForge, forge: AzureDevOps, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until one is not full; labels that the list has are not asked for."""
    monkeypatch.setattr("envmgr.adapters.forge.azure_devops.forge._PAGE", 100)
    for number in range(200):
        loopback.model.opens(labels=("preview",), is_from_fork=number == 7)
    found = forge.open_pull_requests()
    assert [each.number for each in found] == list(range(1, 201))
    assert {each.labels for each in found} == {("preview",)}
    assert [each.number for each in found if each.is_from_fork] == [8]
    assert loopback.count("PullRequests_GetPullRequests") == 3
    assert loopback.count("PullRequestLabels_List") == 0


def test_labels_that_a_list_lacks_are_asked_for(loopback: LoopbackForge, forge: AzureDevOps) -> None:
    """And kept for a while."""
    loopback.model.extra["shows_labels"] = False
    loopback.model.opens(labels=("preview",))
    for _ in range(3):
        assert forge.open_pull_requests()[0].labels == ("preview",)
    assert loopback.count("PullRequestLabels_List") == 1


def test_labels_that_nobody_needs_are_not_asked_for(loopback: LoopbackForge) -> None:
    """Each would be a call of its own."""
    loopback.model.extra["shows_labels"] = False
    loopback.model.opens(labels=("preview",))
    forge = made(loopback.url, needs_labels=False)
    assert forge.open_pull_requests()[0].labels == ()
    assert loopback.count("PullRequestLabels_List") == 0


def test_a_comment_opens_a_thread_that_is_closed(loopback: LoopbackForge, forge: AzureDevOps) -> None:
    """An open one would keep the pull request from being merged."""
    pull = loopback.model.opens()
    comment = forge.create_comment(1, "one")
    assert comment == f"{pull.remarks[0].id}/1"
    assert pull.remarks[0].extra["status"] == "closed"
    forge.edit_comment(1, comment, "two")
    assert (pull.remarks[0].text, pull.remarks[0].extra["status"]) == ("two", "closed")
    for gone in ("99/1", "99", "1/../2", "x/y"):
        with pytest.raises(NotThere):
            forge.edit_comment(1, gone, "three")
        forge.delete_comment(1, gone)
    forge.delete_comment(1, comment)
    assert pull.remarks == []


def test_comments_of_people(loopback: LoopbackForge, forge: AzureDevOps) -> None:
    """Not of files; votes, which come as threads too, are none."""
    pull = loopback.model.opens()
    said = [
        loopback.model.says(pull, str(number), user) for number, user in enumerate((ALICE, BOT, BOB, BOB))
    ]
    said[2].extra["context"] = {"filePath": "/main.tf"}
    said[3].extra["comment"] = {"parentCommentId": 1}
    loopback.model.reviews(pull, CAROL)
    found = forge.comments(1)
    assert [(each.text, each.author.is_bot, each.is_reply) for each in found] == [
        ("0", False, False),
        ("1", True, False),
        ("3", False, True),
    ]
    late = forge.comments(1, since=said[1].at + timedelta(seconds=60))
    assert [each.text for each in late] == ["1", "3"]


def test_a_like_says_that_a_command_was_seen(loopback: LoopbackForge, forge: AzureDevOps) -> None:
    """There is nothing else to say by."""
    pull = loopback.model.opens()
    remark = loopback.model.says(pull, "/envmgr plan")
    forge.react(1, f"{remark.id}/1", Reaction.REFUSED)
    assert remark.reactions == []
    forge.react(1, f"{remark.id}/1", Reaction.SEEN)
    loopback.fails(operation="PullRequestCommentLikes_Create", status=409)
    forge.react(1, f"{remark.id}/1", Reaction.DONE)
    assert remark.reactions == ["like"]


def test_a_vote_stays_after_a_push_and_counts_no_more(loopback: LoopbackForge, forge: AzureDevOps) -> None:
    """Until it is given anew; and not one's own."""
    pull = loopback.model.opens()
    for reviewer in (BOB, ALICE):
        loopback.model.reviews(pull, reviewer)
    loopback.model.reviews(pull, CAROL, "rejected")
    assert [each.person.login for each in forge.approvals(1, HEAD)] == ["bob"]
    loopback.model.pushes(pull, NEXT)
    assert forge.approvals(1, HEAD) == forge.approvals(1, NEXT) == []
    loopback.model.reviews(pull, BOB)
    assert [each.person.login for each in forge.approvals(1, NEXT)] == ["bob"]
    loopback.model.reviews(pull, BOB, "dismissed")
    assert forge.approvals(1, NEXT) == []


@pytest.mark.parametrize("has_no_list", [False, True])
def test_rights_by_the_lists(loopback: LoopbackForge, forge: AzureDevOps, has_no_list: bool) -> None:
    """The project's, where the repository has none of its own."""
    loopback.model.extra["has_no_list"] = has_no_list
    found = [forge.permission(ForgePerson(kind.uuid(user), "")) for user in (ALICE, BOB, CAROL)]
    assert found == [Permission.WRITE, Permission.READ, Permission.ADMIN]
    assert forge.permission(ForgePerson(kind.uuid(replace(BOB, id=99)), "")) is Permission.UNKNOWN


def test_rights_that_are_not_told_are_unknown(loopback: LoopbackForge, forge: AzureDevOps) -> None:
    """Most tokens may not read them."""
    loopback.model.extra["tells_rights"] = False
    assert forge.permission(ForgePerson(kind.uuid(CAROL), "")) is Permission.UNKNOWN


def test_who_envmgr_is(loopback: LoopbackForge, forge: AzureDevOps) -> None:
    """What it lacks, and what it has too much."""
    found = forge.identity()
    assert (found.person.id, found.person.login) == (kind.uuid(ENVMGR), "envmgr-bot")
    assert (found.missing, found.too_wide) == ((), ())
    loopback.model.extra["own_bits"] = 8
    lacking = forge.identity()
    assert [each.partition(",")[0] for each in lacking.missing] == ["Contribute to pull requests"]
    assert lacking.too_wide == ("Force push",)


def test_who_is_not_signed_in_is_nobody() -> None:
    """Some servers answer those, too."""
    nobody = Reply(200, {"authenticatedUser": {"id": "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"}})
    with ScriptedHttp(lambda _: nobody) as server, pytest.raises(NeedsOperator, match="does not know"):
        made(f"http://127.0.0.1:{server.port}").identity()


def test_deployments_are_not_told(loopback: LoopbackForge, forge: AzureDevOps) -> None:
    """There are none."""
    report = DeploymentReport(
        environment="pr-1", commit=HEAD, ref="topic", state=ReportState.SUCCESS, sentence=""
    )
    assert forge.report_deployment(report, "before") == "before"
    assert loopback.calls == []
