"""Bitbucket Cloud, and what it does unlike others."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from hashlib import sha1

import pytest

from envmgr.adapters.forge.bitbucket.cloud import BitbucketCloud, dialect
from envmgr.adapters.forge.budget import Budget
from envmgr.adapters.forge.client import ForgeClient
from envmgr.adapters.forge.signing import TokenSignIn
from envmgr.adapters.forge.wire import Wire
from envmgr.domain.errors import NeedsOperator, NotThere, Transient
from envmgr.domain.rules.forge.mark import last_line, mark_of
from envmgr.domain.values.forge import CommitStatus, DeploymentReport, ForgePerson, Permission, ReportState
from envmgr.domain.values.forge.telling import CommentText
from envmgr.engine.forge.comments import keep
from tests.support.forges.kinds import bitbucket_cloud as kind
from tests.support.forges.loopback import TOKEN, LoopbackForge
from tests.support.forges.model import ALICE, BOB, CAROL, ENVMGR, HEAD, NEXT

TWIN = f"{HEAD[:12]}{'b' * 28}"
STATUS = CommitStatus(
    commit=HEAD,
    context="envmgr/pr-1",
    state=ReportState.RUNNING,
    sentence="Applies.",
    url="https://envmgr.example.com/x",
)


@pytest.fixture
def loopback() -> Iterator[LoopbackForge]:
    """One to ask."""
    with LoopbackForge(kind.BitbucketCloud()) as made:
        yield made


@pytest.fixture
def forge(loopback: LoopbackForge) -> BitbucketCloud:
    """Its one repository, as envmgr sees it."""
    return made(loopback)


def made(loopback: LoopbackForge) -> BitbucketCloud:
    """A new envmgr."""
    where = "Bitbucket"
    sign_in = TokenSignIn(lambda: TOKEN, where)
    client = ForgeClient(f"{loopback.url}/2.0", dialect(where), sign_in, Wire(where, {}), Budget(where))
    return BitbucketCloud(client, "acme/shop")


def test_the_key_of_a_status_is_never_too_long(loopback: LoopbackForge, forge: BitbucketCloud) -> None:
    """Nor is its sentence; the same context has the same key."""
    long = replace(STATUS, context=f"envmgr/{'x' * 300}", sentence="y " * 300, state=ReportState.FAILURE)
    for status in (STATUS, replace(STATUS, state=ReportState.SUCCESS), long):
        forge.set_status(status)
    first, second, third = loopback.model.statuses
    assert first.extra["key"] == second.extra["key"] == sha1(b"envmgr/pr-1").hexdigest()
    assert len(third.extra["key"]) == 40
    assert len(third.sentence) <= 255
    assert [each.state for each in loopback.model.statuses] == ["INPROGRESS", "SUCCESSFUL", "FAILED"]


@pytest.mark.parametrize("url", ["", "http://localhost:8420/x"])
def test_a_status_always_has_an_address_that_is_taken(
    loopback: LoopbackForge, forge: BitbucketCloud, url: str
) -> None:
    """The commit's page, where envmgr has none."""
    forge.set_status(replace(STATUS, url=url))
    assert loopback.model.statuses[0].url == f"https://bitbucket.org/acme/shop/commits/{HEAD}"


def test_lists_are_read_page_by_page(loopback: LoopbackForge, forge: BitbucketCloud) -> None:
    """Fifty at a time: more the forge refuses. Each once, however often it comes."""
    for _ in range(120):
        loopback.model.opens()
    loopback.is_doubled = True
    found = forge.open_pull_requests()
    assert [each.number for each in found] == list(range(1, 121))
    assert {each.commit for each in found} == {None}
    assert loopback.count("cloud_PullRequest_get") == 3


def test_a_list_that_changed_while_it_was_read_is_no_answer(
    loopback: LoopbackForge, forge: BitbucketCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was closed between two pages moved the others up: one of them is on neither."""
    pulls = [loopback.model.opens() for _ in range(60)]
    real = kind.paged

    def closing(*given: object) -> object:
        reply = real(*given)  # type: ignore[arg-type]
        loopback.model.ends(pulls[0])
        return reply

    monkeypatch.setattr(kind, "paged", closing)
    with pytest.raises(Transient, match="changed while it was read"):
        forge.open_pull_requests()
    assert len(forge.open_pull_requests()) == 59


def test_a_next_page_on_another_host_is_not_followed(
    loopback: LoopbackForge, forge: BitbucketCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token would go along."""
    loopback.model.opens()
    real = kind.paged

    def elsewhere(*given: object) -> object:
        reply = real(*given)  # type: ignore[arg-type]
        reply.body["next"] = "https://attacker.example.com/2.0/x"
        return reply

    monkeypatch.setattr(kind, "paged", elsewhere)
    with pytest.raises(NeedsOperator, match="leads to another address"):
        forge.open_pull_requests()


def test_an_approval_counts_until_anything_changes(loopback: LoopbackForge, forge: BitbucketCloud) -> None:
    """A push, also of a commit that begins alike; or but the title."""
    pull = loopback.model.opens()
    for reviewer in (BOB, ALICE):
        loopback.model.reviews(pull, reviewer)
    loopback.model.reviews(pull, CAROL, "rejected")
    assert [each.person.login for each in forge.approvals(1, HEAD)] == ["bob"]
    assert forge.approvals(1, NEXT) == []
    loopback.model.pushes(pull, TWIN)
    assert forge.approvals(1, TWIN) == forge.approvals(1, HEAD) == []
    loopback.model.reviews(pull, BOB)
    assert [each.person.login for each in forge.approvals(1, TWIN)] == ["bob"]
    pull.extra["updates"] = [loopback.model.tick()]
    assert forge.approvals(1, TWIN) == []


def test_an_approval_that_was_taken_back_counts_for_nothing(
    loopback: LoopbackForge, forge: BitbucketCloud
) -> None:
    """What happened stays in the list of what happened."""
    pull = loopback.model.opens()
    loopback.model.reviews(pull, BOB)
    loopback.model.reviews(pull, BOB, "dismissed")
    assert forge.approvals(1, HEAD) == []


def test_what_happened_is_read_no_further_than_needed(loopback: LoopbackForge, forge: BitbucketCloud) -> None:
    """An approval may lie behind many comments, and many of them before the last push."""
    pull = loopback.model.opens()
    for _ in range(120):
        loopback.model.says(pull, "x")
    loopback.model.pushes(pull, NEXT)
    loopback.model.reviews(pull, BOB)
    for _ in range(60):
        loopback.model.says(pull, "x")
    assert len(forge.approvals(1, NEXT)) == 1
    assert loopback.count("cloud_Activity_get") == 2


def test_only_an_administrator_is_told_who_may_do_what(
    loopback: LoopbackForge, forge: BitbucketCloud
) -> None:
    """Else it is unknown, and counts as nothing."""
    alice, nobody = (ForgePerson(kind.uuid(user), "") for user in (ALICE, replace(ALICE, id=99)))
    assert forge.permission(alice) is Permission.UNKNOWN
    loopback.tokens[TOKEN] = replace(ENVMGR, permission=Permission.ADMIN)
    assert forge.permission(alice) is Permission.WRITE
    assert forge.permission(nobody) is Permission.NONE
    assert forge.permission(ForgePerson('{x}" OR user.uuid="{y}', "")) is Permission.UNKNOWN


def test_names_are_not_what_people_are_known_by(loopback: LoopbackForge, forge: BitbucketCloud) -> None:
    """Anybody may call herself anything there."""
    loopback.model.opens(user=replace(BOB, login="alice"))
    assert forge.open_pull_requests()[0].author.id == kind.uuid(BOB)


def test_comments_since_a_minute_before(loopback: LoopbackForge, forge: BitbucketCloud) -> None:
    """Those that were deleted, or that are about a file, are none."""
    pull = loopback.model.opens()
    said = [loopback.model.says(pull, str(number)) for number in range(150)]
    said[149].extra["is_deleted"] = True
    said[148].extra["inline"] = {"path": "main.tf"}
    said[147].extra["parent"] = {"id": said[0].id}
    assert [each.text for each in forge.comments(1)] == [str(n) for n in range(148)]
    late = forge.comments(1, since=said[130].at + timedelta(seconds=60))
    assert (late[0].text, late[0].is_reply) == ("130", False)
    assert late[-1].is_reply
    loopback.model.edits(said[0], "changed")
    assert [each.is_edited for each in forge.comments(1)[:2]] == [True, False]


def test_a_comment_that_is_gone(loopback: LoopbackForge, forge: BitbucketCloud) -> None:
    """Cannot be edited, and is deleted already; so is one whose ID is none."""
    pull = loopback.model.opens()
    made_one = forge.create_comment(1, "one")
    loopback.model.remark(int(made_one))[1].extra["is_deleted"] = True  # type: ignore[index]
    for gone in (made_one, "99", "../1"):
        with pytest.raises(NotThere):
            forge.edit_comment(1, gone, "two")
        forge.delete_comment(1, gone)
    assert pull.remarks[0].text == "one"


def test_a_token_learns_its_name_when_it_has_written(loopback: LoopbackForge, forge: BitbucketCloud) -> None:
    """Before, nobody tells; a person's token may ask."""
    loopback.model.opens()
    assert forge.identity().person.id == ""
    forge.create_comment(1, "x")
    assert forge.identity().person.id == kind.uuid(ENVMGR)
    loopback.model.extra["is_user"] = True
    assert made(loopback).identity().person.id == kind.uuid(ENVMGR)


@pytest.mark.parametrize(
    ("scopes", "missing", "too_wide"),
    [
        ("repository, pullrequest:write", [], ()),
        ("pullrequest:write", [], ()),
        ("repository", ["pullrequest:write", "pullrequest"], ()),
        ("pullrequest, project:admin", ["pullrequest:write"], ("project:admin",)),
        ("", [], ()),
    ],
)
def test_what_a_token_lacks_and_has_too_much(
    loopback: LoopbackForge, forge: BitbucketCloud, scopes: str, missing: list[str], too_wide: tuple[str, ...]
) -> None:
    """As each answer tells it; where it does not, nothing is known."""
    loopback.model.extra["scopes"] = scopes
    found = forge.identity()
    assert [each.partition(",")[0] for each in found.missing] == missing
    assert found.too_wide == too_wide


def test_deployments_and_reactions_are_not_told(loopback: LoopbackForge, forge: BitbucketCloud) -> None:
    """There are none."""
    report = DeploymentReport(
        environment="pr-1", commit=HEAD, ref="topic", state=ReportState.SUCCESS, sentence=""
    )
    assert forge.report_deployment(report, "before") == "before"
    assert loopback.calls == []


def test_the_one_comment_is_found_again_by_a_token_that_does_not_know_its_name(
    loopback: LoopbackForge, forge: BitbucketCloud
) -> None:
    """After the records were lost: it learns who it is by writing another, and takes that away. Nobody else's is touched."""
    mark = mark_of("envmgr", "acme/shop")
    pull = loopback.model.opens()
    foreign = loopback.model.says(pull, f"mine\n\n{last_line(mark)}", BOB)
    before = loopback.model.says(pull, f"old\n\n{last_line(mark)}", ENVMGR)
    text = CommentText(number=1, text=f"new\n\n{last_line(mark)}", mark=mark)
    kept = keep(forge, text, "", forge.identity().person)
    assert kept == str(before.id)
    assert [each.text for each in pull.remarks] == [foreign.text, text.text]
