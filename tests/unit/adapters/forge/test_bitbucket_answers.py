"""What Bitbucket's answers are taken for, in Cloud and in Data Center."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from envmgr.adapters.forge.answer import Answer, Object
from envmgr.adapters.forge.bitbucket import cloud_answers as cloud
from envmgr.adapters.forge.bitbucket import data_center_answers as center
from envmgr.adapters.forge.bitbucket.texts import address, names
from envmgr.domain.errors import EnvmgrError
from envmgr.domain.rules.forge.place import is_bitbucket_cloud
from envmgr.domain.values.forge import PullRequestState

HEAD = "a1b2c3d4e5f60718293a4b5c6d7e8f9012345678"
TWIN = "a1b2c3d4e5f6ffffffffffffffffffffffffffff"
OTHER = "0f1e2d3c4b5a69788796a5b4c3d2e1f001122334"
PAGE = "https://bitbucket.org/acme/shop"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def said(value: Mapping[str, object]) -> Object:
    """A part of an answer."""
    return Object(value, "Bitbucket")


def user(name: str, kind: str = "user") -> dict[str, object]:
    """Somebody of the Cloud."""
    return {"uuid": f"{{{name}}}", "display_name": name.title(), "nickname": name, "type": kind}


def pull_request(**changes: object) -> dict[str, object]:
    """A pull request of the Cloud."""
    here = {"uuid": "{repository}", "full_name": "acme/shop"}
    made: dict[str, object] = {
        "id": 7,
        "state": "OPEN",
        "title": "Add cart",
        "author": user("alice"),
        "source": {
            "branch": {"name": "cart"},
            "commit": {"hash": HEAD[:12]},
            "repository": here,
        },
        "destination": {"branch": {"name": "main"}, "repository": here},
        "updated_on": "2026-01-01T12:00:00.123456+00:00",
        "participants": [],
    }
    return {**made, **changes}


def test_a_cut_hash_is_no_commit() -> None:
    """Git knows it in full; a hash that is whole is taken."""
    found = cloud.pull_request_of(said(pull_request()), PAGE)
    assert (found.commit, found.head, found.base, found.is_from_fork) == (None, "cart", "main", False)
    assert found.url == f"{PAGE}/pull-requests/7"
    source = {
        "branch": {"name": "cart"},
        "commit": {"hash": HEAD},
        "repository": {"uuid": "{repository}"},
    }
    assert cloud.pull_request_of(said(pull_request(source=source)), PAGE).commit == HEAD


@pytest.mark.parametrize("repository", [None, {"uuid": "{fork}"}, {}])
def test_another_repository_or_none_is_a_fork(repository: object) -> None:
    """A fork that was deleted still is one."""
    source = {"branch": {"name": "cart"}, "commit": {"hash": HEAD[:12]}, "repository": repository}
    assert cloud.pull_request_of(said(pull_request(source=source)), PAGE).is_from_fork


@pytest.mark.parametrize(
    ("state", "meant"),
    [
        ("OPEN", PullRequestState.OPEN),
        ("MERGED", PullRequestState.MERGED),
        ("DECLINED", PullRequestState.CLOSED),
        ("SUPERSEDED", PullRequestState.CLOSED),
        ("SOMETHING_NEW", PullRequestState.OPEN),
    ],
)
def test_only_words_that_are_known_end_a_pull_request(state: str, meant: PullRequestState) -> None:
    """What nobody knows ends nothing."""
    assert cloud.pull_request_of(said(pull_request(state=state)), PAGE).state is meant


def comment(**changes: object) -> dict[str, object]:
    """A comment on the Cloud."""
    made: dict[str, object] = {
        "id": 1,
        "content": {"raw": "/envmgr plan"},
        "user": user("alice"),
        "created_on": "2026-01-01T12:00:00.186143+00:00",
        "updated_on": "2026-01-01T12:00:00.188643+00:00",
    }
    return {**made, **changes}


def test_comments_of_the_cloud() -> None:
    """Which are none, which are answers, which were changed; who is no person."""
    plain = cloud.comment_of(said(comment()))
    assert plain is not None
    assert (plain.id, plain.author.id, plain.is_edited, plain.is_reply) == ("1", "{alice}", False, False)
    assert not plain.author.is_bot
    for nothing in ({"deleted": True}, {"inline": {"path": "main.tf"}}, {"user": None}):
        assert cloud.comment_of(said(comment(**nothing))) is None
    reply = cloud.comment_of(said(comment(parent={"id": 3})))
    assert reply is not None
    assert reply.is_reply
    edited = cloud.comment_of(said(comment(updated_on="2026-01-01T12:00:02.000000+00:00")))
    assert edited is not None
    assert edited.is_edited
    token = cloud.comment_of(said(comment(user=user("envmgr", "AppUser"))))
    assert token is not None
    assert token.author.is_bot


def test_nobody_is_called_as_a_file_names_an_id() -> None:
    """Or a permission: those have a colon."""
    for name in ("id:{7b1d3e52}", "permission:admin"):
        assert ":" not in cloud.person_of(said({"uuid": "{x}", "nickname": name, "type": "user"})).login


def update(commit: str) -> dict[str, object]:
    """The pull request was changed."""
    return {"update": {"date": NOON.isoformat(), "state": "OPEN", "source": {"commit": {"hash": commit}}}}


def approval(name: str) -> dict[str, object]:
    """Somebody approved."""
    return {"approval": {"date": NOON.isoformat(), "user": user(name)}}


def approving(entries: list[dict[str, object]], *standing: str, commit: str = HEAD) -> list[str]:
    """Whose approvals count, where these happened, newest first, in pages of two."""
    full = said(pull_request(participants=[{"user": user(name), "approved": True} for name in standing]))
    pages = [
        Answer(status=200, headers={}, body={"values": entries[n : n + 2]}, url="", where="Bitbucket")
        for n in range(0, len(entries), 2)
    ]
    return [each.person.id for each in cloud.approvals_of(full, iter(pages), commit)]


def test_an_approval_after_the_last_change_counts() -> None:
    """Once each, of those who approve still, and who are neither the author nor a bot."""
    happened: list[dict[str, object]] = [
        {"comment": {"id": 1}},
        approval("bob"),
        approval("carol"),
        approval("bob"),
        approval("alice"),
        update(HEAD[:12]),
        approval("dave"),
        update(HEAD[:12]),
    ]
    assert approving(happened, "bob", "carol", "alice", "dave") == ["{bob}", "{carol}"]
    assert approving(happened, "bob") == ["{bob}"]
    assert approving(happened) == []


def test_an_approval_before_a_push_counts_for_nothing() -> None:
    """Even where the other commit begins with the same 12 characters: Bitbucket tells no more of it."""
    assert approving([update(OTHER[:12]), approval("bob"), update(HEAD[:12])], "bob", commit=OTHER) == []
    assert approving([update(TWIN[:12]), approval("bob"), update(HEAD[:12])], "bob", commit=TWIN) == []


def test_an_approval_counts_only_for_the_commit_that_is_the_head() -> None:
    """And for none where nothing says which that is."""
    assert approving([approval("bob"), update(OTHER[:12])], "bob") == []
    assert approving([approval("bob"), update("")], "bob") == []
    assert approving([approval("bob"), update(HEAD[:7])], "bob") == []
    assert approving([approval("bob")], "bob") == []


# --- Data Center ---------------------------------------------------------------------------------


def member(name: str, number: int, kind: str = "NORMAL") -> dict[str, object]:
    """Somebody of a Data Center."""
    return {"name": name, "slug": name, "id": number, "displayName": name.title(), "type": kind}


def ref(name: str, commit: str, repository: int = 61) -> dict[str, object]:
    """A side of a pull request."""
    return {"id": f"refs/heads/{name}", "latestCommit": commit, "repository": {"id": repository}}


def center_request(**changes: object) -> dict[str, object]:
    """A pull request of a Data Center."""
    made: dict[str, object] = {
        "id": 7,
        "state": "OPEN",
        "title": "Add cart",
        "author": {"user": member("alice", 11)},
        "fromRef": ref("feature/cart", HEAD),
        "toRef": ref("main", OTHER),
        "updatedDate": 1767268800000,
    }
    return {**made, **changes}


def test_a_pull_request_of_a_data_center() -> None:
    """Its head in full; a fork is another repository's number."""
    found = center.pull_request_of(said(center_request()), "https://git.example.com/projects/ACME/repos/shop")
    assert (found.commit, found.head, found.base) == (HEAD, "feature/cart", "main")
    assert (found.updated_at, found.is_from_fork, found.is_draft) == (NOON, False, False)
    fork = center_request(fromRef=ref("cart", HEAD, repository=62), draft=True, state="DECLINED")
    gone = center.pull_request_of(said(fork), "")
    assert (gone.is_from_fork, gone.is_draft, gone.state) == (True, True, PullRequestState.CLOSED)


def reviewer(name: str, number: int, **changes: object) -> dict[str, object]:
    """Somebody who approved the head."""
    return {
        "user": member(name, number),
        "status": "APPROVED",
        "lastReviewedCommit": HEAD,
        **changes,
    }


def test_an_approval_of_a_data_center_names_its_commit() -> None:
    """Only that of the head counts, and not the author's own, nor a service's."""
    found = said(
        center_request(
            reviewers=[
                reviewer("bob", 12),
                reviewer("carol", 13, lastReviewedCommit=OTHER),
                reviewer("dave", 14, status="NEEDS_WORK"),
                reviewer("alice", 11),
                reviewer("robot", 15, user=member("robot", 15, "SERVICE")),
            ],
            participants=[reviewer("erin", 16), reviewer("bob", 12)],
        )
    )
    assert [each.person.login for each in center.approvals_of(found, HEAD)] == ["bob", "erin"]
    assert center.approvals_of(found, OTHER) == []


def written(number: int, **changes: object) -> dict[str, object]:
    """A comment on a Data Center."""
    made: dict[str, object] = {
        "id": number,
        "version": 0,
        "text": "/envmgr plan",
        "author": member("alice", 11),
        "createdDate": 1767268800000,
        "updatedDate": 1767268800000,
    }
    return {**made, **changes}


def test_comments_of_a_data_center() -> None:
    """With the answers to them; those of a file, and other things that happened, are none."""
    entry = {"action": "COMMENTED", "comment": written(1, comments=[written(2, comments=[written(3)])])}
    found = list(center.comments_of(said(entry)))
    assert [(each.id, each.is_reply) for each in found] == [("1", False), ("2", True), ("3", True)]
    assert found[0].at == NOON
    for other in (
        {**entry, "commentAnchor": {"path": "main.tf"}},
        {"action": "COMMENTED", "comment": written(1, anchor={"path": "main.tf"})},
        {"action": "APPROVED"},
    ):
        assert list(center.comments_of(said(other))) == []


def test_a_comment_of_which_there_is_another_version_was_changed() -> None:
    """Or whose time says so."""
    for changes in ({"version": 1}, {"updatedDate": 1767268800001}):
        (found,) = center.comments_of(said({"action": "COMMENTED", "comment": written(1, **changes)}))
        assert found.is_edited


def test_a_time_that_is_none_is_no_answer() -> None:
    """Thousandths of a second that no calendar has."""
    with pytest.raises(EnvmgrError, match="is no time"):
        center.moment(said({"at": 10**20}), "at")


# --- addresses -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://localhost:8420/x",
        "https://x.example.com/" + "y" * 450,
        "javascript://x.example.com/%0aalert(1)",
        "https://[x",
    ],
)
def test_an_address_that_bitbucket_would_refuse_gives_way(url: str) -> None:
    """To the commit's own page."""
    assert address(url, PAGE, 450) == PAGE


def test_an_address_with_a_dot_is_taken() -> None:
    """Also an IPv6 address."""
    for url in ("https://envmgr.example.com/x", "http://127.0.0.1:8420/x", "http://[::1]:8420/x"):
        assert address(url, PAGE, 450) == url


def test_a_repository_has_two_names() -> None:
    """Fit for a path."""
    assert names("~alice/my shop") == ("~alice", "my%20shop")
    for wrong in ("shop", "a/b/c", "../shop", "acme/"):
        with pytest.raises(EnvmgrError):
            names(wrong)


@pytest.mark.parametrize(
    ("url", "cloud_is_meant"),
    [
        ("https://bitbucket.org", True),
        ("https://api.bitbucket.org/2.0", True),
        ("https://git.example.com", False),
        ("https://bitbucket.org.example.com", False),
    ],
)
def test_the_address_says_which_bitbucket_it_is(url: str, cloud_is_meant: bool) -> None:
    """Nothing is asked for that."""
    assert is_bitbucket_cloud(url) is cloud_is_meant
