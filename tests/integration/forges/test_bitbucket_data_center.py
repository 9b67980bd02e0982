"""Bitbucket Data Center, and what it does unlike others."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from envmgr.adapters.forge.bitbucket.data_center import API, BitbucketDataCenter, dialect
from envmgr.adapters.forge.budget import Budget
from envmgr.adapters.forge.client import ForgeClient
from envmgr.adapters.forge.signing import TokenSignIn
from envmgr.adapters.forge.wire import Wire
from envmgr.domain.errors import NotThere, Transient
from envmgr.domain.values.forge import CommitStatus, DeploymentReport, ForgePerson, Permission, ReportState
from tests.support.forges.kinds.bitbucket_data_center import BitbucketDataCenter as Kind
from tests.support.forges.loopback import TOKEN, Call, LoopbackForge, Reply
from tests.support.forges.model import ALICE, BOB, BOT, CAROL, ENVMGR, HEAD, NEXT, Model, Remark

STATUS = CommitStatus(
    commit=HEAD,
    context="envmgr/pr-1",
    state=ReportState.RUNNING,
    sentence="Applies.",
    url="https://envmgr.example.com/x",
)
REPORT = DeploymentReport(
    environment="pr-1", commit=HEAD, ref="topic", state=ReportState.RUNNING, sentence="Applies."
)
NOW = 1_800_000_000


@pytest.fixture
def loopback() -> Iterator[LoopbackForge]:
    """One to ask."""
    with LoopbackForge(Kind(), [Model(name="ACME/shop")]) as made:
        yield made


@pytest.fixture
def forge(loopback: LoopbackForge) -> BitbucketDataCenter:
    """Its one repository, as envmgr sees it."""
    return made(loopback)


def made(loopback: LoopbackForge) -> BitbucketDataCenter:
    """A new envmgr."""
    where = "Bitbucket"
    sign_in = TokenSignIn(lambda: TOKEN, where)
    client = ForgeClient(f"{loopback.url}{API}", dialect(where), sign_in, Wire(where, {}), Budget(where))
    return BitbucketDataCenter(client, "ACME/shop", loopback.url, lambda: NOW)


def test_a_status_is_within_all_bounds(loopback: LoopbackForge, forge: BitbucketDataCenter) -> None:
    """Of key, name, sentence and address; `parent` is what a check of the repository names all of them by."""
    long = replace(
        STATUS, context=f"envmgr/{'x' * 300}", sentence="y " * 300, url=f"https://x.org/{'z' * 450}"
    )
    forge.set_status(STATUS)
    forge.set_status(long)
    first, second = loopback.model.statuses
    assert (first.extra["key"], first.url) == ("envmgr/pr-1", STATUS.url)
    assert second.url == f"{loopback.url}/projects/ACME/repos/shop/commits/{HEAD}"
    assert len(second.extra["key"]) <= 255
    assert {first.extra["parent"], second.extra["parent"]} == {"envmgr"}


def test_a_deployment_keeps_its_number(loopback: LoopbackForge, forge: BitbucketDataCenter) -> None:
    """From its beginning to its end; the next commit has a higher one."""
    known = forge.report_deployment(REPORT, "")
    for state in (ReportState.SUCCESS, ReportState.INACTIVE):
        url = "https://pr-1.example.com"
        assert forge.report_deployment(replace(REPORT, state=state, url=url), known) == known
    (found,) = loopback.model.deployments
    assert [each["state"] for each in found.states] == ["IN_PROGRESS", "SUCCESSFUL", "ROLLED_BACK"]
    assert found.id == NOW
    assert [each["environment"].get("url") for each in found.states] == [None, url, url]
    assert found.states[0]["url"] == f"{loopback.url}/projects/ACME/repos/shop/commits/{HEAD}"
    assert found.states[0]["environment"]["type"] == "DEVELOPMENT"
    hostile = "javascript:alert(1)"
    forge.report_deployment(replace(REPORT, url=hostile, log_url=hostile), known)
    assert "javascript" not in str(found.states[-1])
    again = replace(REPORT, commit=NEXT, is_production=True, sentence="")
    assert int(forge.report_deployment(again, "")) >= NOW


def test_an_edit_names_the_version_that_it_replaces(
    loopback: LoopbackForge, forge: BitbucketDataCenter
) -> None:
    """And is tried again where somebody was faster; three times at most."""
    loopback.model.opens()
    comment = forge.create_comment(1, "one")
    remark = remark_of(loopback, comment)
    forge.edit_comment(1, comment, "two")
    loopback.fails(operation="dc_updateComment_2", status=409)
    forge.edit_comment(1, comment, "three")
    assert (remark.text, remark.extra["version"]) == ("three", 2)
    loopback.fails(operation="dc_updateComment_2", status=409, times=3)
    with pytest.raises(Transient, match="as fast as it is edited"):
        forge.edit_comment(1, comment, "four")
    assert loopback.count("dc_updateComment_2") == 6


def remark_of(loopback: LoopbackForge, comment: str) -> Remark:
    """A comment on the forge."""
    found = loopback.model.remark(int(comment))
    assert found is not None
    return found[1]


def test_a_comment_that_was_answered_stays_without_its_text(
    loopback: LoopbackForge, forge: BitbucketDataCenter
) -> None:
    """Others go; so do those that are gone already."""
    pull = loopback.model.opens()
    first, second = forge.create_comment(1, "one"), forge.create_comment(1, "two")
    answer = Remark(999, ALICE, "why?", pull.at, pull.at)
    remark_of(loopback, first).extra["answers"] = [answer]
    for comment in (first, second, second, "x"):
        forge.delete_comment(1, comment)
    assert [each.text for each in pull.remarks] == ["…"]
    with pytest.raises(NotThere):
        forge.edit_comment(1, second, "three")


def test_comments_are_found_among_all_that_happened(
    loopback: LoopbackForge, forge: BitbucketDataCenter
) -> None:
    """Page by page, and no further back than is asked for."""
    pull = loopback.model.opens()
    said = [loopback.model.says(pull, str(number)) for number in range(250)]
    said[249].extra["anchor"] = {"path": "main.tf"}
    said[248].extra["answers"] = [Remark(999, BOB, "answer", said[248].at, said[248].at)]
    found = forge.comments(1)
    assert [each.text for each in found if not each.is_reply] == [str(n) for n in range(249)]
    assert [each.text for each in found if each.is_reply] == ["answer"]
    assert loopback.count("dc_getActivities") == 3
    late = forge.comments(1, since=said[240].at + timedelta(seconds=60))
    assert late[0].text == "240"
    assert loopback.count("dc_getActivities") == 4


def test_an_approval_is_of_the_commit_that_was_looked_at(
    loopback: LoopbackForge, forge: BitbucketDataCenter
) -> None:
    """And gone with the next one."""
    pull = loopback.model.opens()
    for reviewer in (BOB, ALICE, BOT):
        loopback.model.reviews(pull, reviewer)
    loopback.model.reviews(pull, CAROL, "approved", NEXT)
    (found,) = forge.approvals(1, HEAD)
    assert (found.person.login, found.at) == ("bob", pull.reviews[0].at.replace(microsecond=0))
    loopback.model.pushes(pull, NEXT)
    assert forge.approvals(1, HEAD) == []
    # Given before the push, whatever is said of its commit: nobody knows when she meant that one.
    (found,) = forge.approvals(1, NEXT)
    assert (found.person.login, found.at) == ("carol", None)
    again = loopback.model.reviews(pull, CAROL)
    loopback.model.reviews(pull, BOB, "rejected")
    (found,) = forge.approvals(1, NEXT)
    assert (found.person.login, found.at) == ("carol", again.at.replace(microsecond=0))


def test_rights_by_whatever_way_somebody_has_them(
    loopback: LoopbackForge, forge: BitbucketDataCenter
) -> None:
    """By number: another whose name has hers in it is somebody else."""
    loopback.model.users.append(replace(CAROL, id=77, login="alice-admin"))
    found = {
        user.login: forge.permission(ForgePerson(str(user.id), user.login)) for user in (ALICE, BOB, CAROL)
    }
    assert found == {"alice": Permission.WRITE, "bob": Permission.READ, "carol": Permission.ADMIN}
    assert forge.permission(ForgePerson("98", "dave")) is Permission.NONE
    assert forge.permission(ForgePerson("98", "")) is Permission.UNKNOWN
    loopback.fails(operation="dc_getUsers_2", status=403)
    assert forge.permission(ForgePerson("2", "alice")) is Permission.UNKNOWN


def test_who_envmgr_is_stands_in_a_header(loopback: LoopbackForge, forge: BitbucketDataCenter) -> None:
    """Or, of a token that is nobody's, on what it has written."""
    found = forge.identity()
    assert (found.person.id, found.too_wide) == (str(ENVMGR.id), ())
    loopback.model.users[0] = replace(ENVMGR, permission=Permission.ADMIN)
    assert made(loopback).identity().too_wide != ()
    loopback.model.extra["is_nobody"] = True
    loopback.model.opens()
    nobody = made(loopback)
    assert nobody.identity().person.id == ""
    nobody.create_comment(1, "x")
    assert nobody.identity().person.id == str(ENVMGR.id)


def test_a_page_says_where_the_next_one_begins(
    loopback: LoopbackForge, forge: BitbucketDataCenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever that is: the forge may give less than it was asked for."""
    for _ in range(30):
        loopback.model.opens()
    from tests.support.forges.kinds import bitbucket_data_center as kind

    real = kind.paged

    def seven(call: Call, rows: list[object]) -> Reply:
        return real(replace(call, query={**call.query, "limit": "7"}), rows)

    monkeypatch.setattr(kind, "paged", seven)
    assert [each.number for each in forge.open_pull_requests()] == list(range(1, 31))
    assert loopback.count("dc_getPage") == 5
    assert forge.traits.heads == "refs/pull-requests/{number}/from"
