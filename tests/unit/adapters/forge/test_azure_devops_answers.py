"""What Azure DevOps' answers are taken for."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from envmgr.adapters.forge.answer import Answer, Object
from envmgr.adapters.forge.azure_devops.answers import (
    comments_of,
    labels_of,
    newest,
    person_of,
    pull_request_of,
)
from envmgr.adapters.forge.azure_devops.labels import Labels
from envmgr.adapters.forge.azure_devops.place import dialect, place_of
from envmgr.adapters.forge.azure_devops.rights import permission_of
from envmgr.adapters.forge.azure_devops.votes import approvals_of
from envmgr.domain.errors import EnvmgrError
from envmgr.domain.values.forge import Permission, PullRequestState

HEAD = "a1b2c3d4e5f60718293a4b5c6d7e8f9012345678"
OTHER = "0f1e2d3c4b5a69788796a5b4c3d2e1f001122334"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def said(value: Mapping[str, object]) -> Object:
    """A part of an answer."""
    return Object(value, "Azure DevOps")


def at(minutes: float) -> str:
    """A time so many minutes after noon, in seven digits as the forge writes it."""
    return f"{(NOON + timedelta(minutes=minutes)).strftime('%Y-%m-%dT%H:%M:%S.%f')}7Z"


def person(name: str, descriptor: str = "aad.x") -> dict[str, object]:
    """Somebody."""
    return {"id": name, "uniqueName": f"{name}@example.com", "descriptor": descriptor}


def pull_request(**changes: object) -> dict[str, object]:
    """A pull request."""
    made: dict[str, object] = {
        "pullRequestId": 7,
        "status": "active",
        "title": "Add cart",
        "createdBy": person("alice"),
        "sourceRefName": "refs/heads/feature/cart",
        "targetRefName": "refs/heads/main",
        "lastMergeSourceCommit": {"commitId": OTHER},
        "reviewers": [],
    }
    return {**made, **changes}


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("active", PullRequestState.OPEN),
        ("completed", PullRequestState.MERGED),
        ("abandoned", PullRequestState.CLOSED),
        ("notSet", PullRequestState.OPEN),
    ],
)
def test_a_pull_request(status: str, state: PullRequestState) -> None:
    """Its branches without what stands before them; a fork is one that has a source."""
    found = pull_request_of(said(pull_request(status=status)), "https://x/_git/shop", HEAD, ("a",))
    assert (found.state, found.head, found.base, found.commit) == (state, "feature/cart", "main", HEAD)
    assert (found.url, found.labels) == ("https://x/_git/shop/pullrequest/7", ("a",))
    assert not found.is_from_fork
    fork = pull_request_of(said(pull_request(forkSource={"name": "refs/heads/cart"})), "", None, ())
    assert fork.is_from_fork


def test_labels_that_were_taken_away_are_none() -> None:
    """One that says nothing of it is there."""
    found: list[dict[str, object]] = [
        {"name": "a", "active": True},
        {"name": "b", "active": False},
        {"name": "c"},
    ]
    assert labels_of(map(said, found)) == ("a", "c")


def test_labels_are_asked_for_once_in_five_minutes() -> None:
    """Each is a call of its own."""
    asked: list[int] = []

    def ask() -> tuple[str, ...]:
        asked.append(1)
        return ("a",)

    now = [0.0]
    labels = Labels(lambda: now[0])
    for now[0] in (0.0, 1.0, 299.0, 301.0):
        assert labels.of(7, ask) == ("a",)
    assert len(asked) == 2


def test_a_displayed_name_is_nobodys() -> None:
    """Everybody chooses her own."""
    found = person_of(said({"id": "1-2", "displayName": "carol@example.com"}))
    assert (found.id, found.login) == ("1-2", "1-2")


# --- comments ------------------------------------------------------------------------------------


def comment(number: int = 1, **changes: object) -> dict[str, object]:
    """A comment."""
    made: dict[str, object] = {
        "id": number,
        "parentCommentId": 0,
        "content": "/envmgr plan",
        "commentType": "text",
        "publishedDate": at(0),
        "lastContentUpdatedDate": at(0),
        "author": person("alice"),
    }
    return {**made, **changes}


def test_comments_are_known_by_thread_and_number() -> None:
    """Numbers begin anew in each thread. The second is an answer."""
    thread = {"id": 12, "threadContext": None, "comments": [comment(1), comment(2, parentCommentId=1)]}
    found = list(comments_of(said(thread)))
    assert [(each.id, each.is_reply, each.is_edited) for each in found] == [
        ("12/1", False, False),
        ("12/2", True, False),
    ]
    assert found[0].author.login == "alice@example.com"


@pytest.mark.parametrize(
    "thread",
    [
        {"id": 1, "isDeleted": True, "comments": [comment()]},
        {"id": 1, "threadContext": {"filePath": "/main.tf"}, "comments": [comment()]},
        {"id": 1, "comments": [comment(commentType="system")]},
        {"id": 1, "comments": [comment(isDeleted=True)]},
    ],
)
def test_threads_that_have_no_comment(thread: dict[str, object]) -> None:
    """Deleted, about a file, or written by Azure DevOps itself."""
    assert list(comments_of(said(thread))) == []


def test_who_changed_a_comment_and_who_is_no_person() -> None:
    """By the time of the text alone: a like changes another one."""
    liked = comment(lastUpdatedDate=at(5))
    changed = comment(lastContentUpdatedDate=at(5))
    robot = comment(author=person("pipeline", "svc.abc"))
    principal = comment(author=person("principal", "aadsp.abc"))
    thread = said({"id": 1, "comments": [liked, changed, robot, principal]})
    found = list(comments_of(thread))
    assert [each.is_edited for each in found] == [False, True, False, False]
    assert [each.author.is_bot for each in found] == [False, False, True, True]


# --- votes ---------------------------------------------------------------------------------------


def vote(name: str, value: int, minutes: float, **more: str) -> dict[str, object]:
    """The thread that tells of a vote."""
    properties = {
        "CodeReviewThreadType": "VoteUpdate",
        "CodeReviewVoteResult": str(value),
        "CodeReviewVotedByTfId": name,
        **more,
    }
    return {
        "id": 1,
        "publishedDate": at(minutes),
        "properties": {key: {"$type": "System.String", "$value": text} for key, text in properties.items()},
        "identities": {"1": {"id": "bob"}, "2": {"id": "carol"}},
        "comments": [],
    }


def reviewer(name: str, value: int, **more: object) -> dict[str, object]:
    """How somebody's vote stands."""
    return {**person(name), "vote": value, **more}


ITERATION = {"id": 2, "createdDate": at(0), "sourceRefCommit": {"commitId": HEAD}}


def approving(
    reviewers: list[dict[str, object]], votes: list[dict[str, object]], commit: str = HEAD
) -> list[str]:
    """Whose votes approve a commit."""
    full = said(pull_request(reviewers=reviewers))
    return [each.person.id for each in approvals_of(full, map(said, votes), said(ITERATION), commit)]


def test_a_vote_after_the_newest_iteration_approves_its_commit() -> None:
    """With suggestions or without; and no other commit."""
    reviewers = [reviewer("bob", 10), reviewer("carol", 5)]
    votes = [vote("bob", 10, 1), vote("carol", 5, 2)]
    assert approving(reviewers, votes) == ["bob", "carol"]
    assert approving(reviewers, votes, OTHER) == []


def test_a_vote_before_the_push_stays_and_approves_nothing() -> None:
    """Nor does one in the same moment."""
    for minutes in (-1, 0):
        assert approving([reviewer("bob", 10)], [vote("bob", 10, minutes)]) == []
    assert approving([reviewer("bob", 10)], [vote("bob", 10, -1), vote("bob", 10, 1)]) == ["bob"]


@pytest.mark.parametrize("value", [0, -5, -10])
def test_the_last_vote_counts(value: int) -> None:
    """In whatever order the threads come, and even where the list of reviewers lags behind."""
    votes = [vote("bob", 10, 1), vote("bob", value, 2)]
    assert approving([reviewer("bob", 10)], votes) == []
    assert approving([reviewer("bob", 10)], votes[::-1]) == []
    assert approving([reviewer("bob", value)], [vote("bob", 10, 1)]) == []


def test_nobody_approves_her_own() -> None:
    """Nor does a service, or who turned the review down."""
    robot = {**reviewer("robot", 10), "descriptor": "svc.abc"}
    reviewers = [reviewer("alice", 10), robot, reviewer("bob", 10, hasDeclined=True)]
    assert approving(reviewers, [vote(name, 10, 1) for name in ("alice", "robot", "bob")]) == []


def test_a_vote_without_its_thread_counts_for_nothing() -> None:
    """A group's follows from its members'."""
    assert approving([reviewer("team", 10, isContainer=True)], []) == []


def test_whose_vote_it_is_must_be_sure() -> None:
    """By number, or by place among those the thread names; not where that contradicts itself, or another gave it."""
    by_place = vote("", 10, 1, CodeReviewVotedByIdentity="1")
    by_another = vote("bob", 10, 1, CodeReviewVotedByInitiatorIdentity="2")
    by_himself = vote("bob", 10, 1, CodeReviewVotedByInitiatorTfId="bob")
    assert approving([reviewer("bob", 10)], [by_place]) == ["bob"]
    assert approving([reviewer("bob", 10)], [by_himself]) == ["bob"]
    for thread in (by_another, vote("bob", 10, 1, CodeReviewVotedByIdentity="2"), vote("", 10, 1)):
        assert approving([reviewer("bob", 10)], [thread]) == []


def test_the_newest_iteration_is_the_one_with_the_highest_number() -> None:
    """In whatever order they come."""
    found = newest([said({"id": 1}), said({"id": 10}), said({"id": 9})])
    assert found is not None
    assert found.number("id") == 10
    assert newest([]) is None


# --- rights --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "permission"),
    [
        ({"extendedInfo": {"effectiveAllow": 0}}, Permission.NONE),
        ({"extendedInfo": {"effectiveAllow": 2}}, Permission.READ),
        ({"extendedInfo": {"effectiveAllow": 16386}}, Permission.READ),
        ({"extendedInfo": {"effectiveAllow": 6}}, Permission.WRITE),
        ({"extendedInfo": {"effectiveAllow": 6, "effectiveDeny": 4}}, Permission.READ),
        ({"extendedInfo": {"effectiveAllow": 8198}}, Permission.ADMIN),
        ({"extendedInfo": {"effectiveAllow": 8194}}, Permission.READ),
        ({"allow": 8198}, Permission.UNKNOWN),
    ],
)
def test_rights_are_what_follows_from_all_lists(entry: dict[str, object], permission: Permission) -> None:
    """What is denied is not allowed; what an entry itself allows is not the whole."""
    assert permission_of(said(entry)) is permission


# --- where it is ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "repository", "base", "identities"),
    [
        (
            "https://dev.azure.com",
            "acme/web/shop",
            "https://dev.azure.com/acme",
            "https://vssps.dev.azure.com/acme",
        ),
        (
            "https://dev.azure.com/acme",
            "web/shop",
            "https://dev.azure.com/acme",
            "https://vssps.dev.azure.com/acme",
        ),
        (
            "https://acme.visualstudio.com",
            "web/shop",
            "https://acme.visualstudio.com",
            "https://acme.vssps.visualstudio.com",
        ),
        (
            "https://tfs.example.com/tfs",
            "DefaultCollection/web/shop",
            "https://tfs.example.com/tfs/DefaultCollection",
            "https://tfs.example.com/tfs/DefaultCollection",
        ),
    ],
)
def test_where_a_repository_is(url: str, repository: str, base: str, identities: str) -> None:
    """On Services people are known at another address; a Server has but one."""
    place = place_of(url, repository)
    assert (place.base, place.identities) == (base, identities)
    assert place.path == "/web/_apis/git/repositories/shop"
    assert place.page == f"{base}/web/_git/shop"


@pytest.mark.parametrize("wrong", ["shop", "a/b/c/d", "acme//shop", "acme/../shop"])
def test_a_repository_has_a_project(wrong: str) -> None:
    """And all of its names are some."""
    with pytest.raises(EnvmgrError):
        place_of("https://dev.azure.com", wrong)


def test_names_with_spaces_are_quoted() -> None:
    """Projects have such names."""
    assert place_of("https://dev.azure.com", "acme/My Web/shop").path.startswith("/My%20Web/_apis/")


def page(url: str, number: int, **headers: str) -> str | None:
    """Where a list goes on after a page of so many."""
    body = {"count": number, "value": [{}] * number}
    answer = Answer(status=200, headers=headers, body=body, url=url, where="Azure DevOps")
    return dialect("Azure DevOps").next_page(answer)


def test_a_list_goes_on_after_a_full_page() -> None:
    """Or where the forge says so itself."""
    url = "https://dev.azure.com/acme/x?$top=2&api-version=7.1"
    assert page(url, 1) is None
    assert page(url, 2) == "https://dev.azure.com/acme/x?%24top=2&api-version=7.1&%24skip=2"
    assert page(f"{url}&$skip=2", 2) == "https://dev.azure.com/acme/x?%24top=2&api-version=7.1&%24skip=4"
    assert page("https://x/y?a=b", 5, **{"x-ms-continuationtoken": "m 1"}) == (
        "https://x/y?a=b&continuationToken=m%201"
    )
