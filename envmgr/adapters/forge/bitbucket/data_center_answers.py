"""What a Bitbucket Data Center's answers say."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from envmgr.adapters.forge.answer import Malformed, Object
from envmgr.domain.values.forge import Comment, ForgeApproval, ForgePerson, PullRequest, PullRequestState

_STATES = {
    "OPEN": PullRequestState.OPEN,
    "MERGED": PullRequestState.MERGED,
    "DECLINED": PullRequestState.CLOSED,
}
_BRANCHES = "refs/heads/"
_VERDICTS = ("APPROVED", "UNAPPROVED", "REVIEWED")


def moment(found: Object, *way: str) -> datetime:
    """A time, which is told in thousandths of a second."""
    try:
        return datetime.fromtimestamp(found.number(*way) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        raise Malformed(f"Bitbucket did not answer as it should: `{'.'.join(way)}` is no time.") from None


def person_of(user: Object) -> ForgePerson:
    """Somebody; names may change here, numbers do not."""
    return ForgePerson(
        id=str(user.number("id")),
        login=user.text("name")[:255],
        is_bot=user.text_or("NORMAL", "type") != "NORMAL",
    )


def pull_request_of(found: Object, page: str) -> PullRequest:
    """A pull request; `page` is the repository's own."""
    number = found.number("id")
    return PullRequest(
        number=number,
        url=f"{page}/pull-requests/{number}",
        title=found.text("title"),
        author=person_of(found.inner("author", "user")),
        state=_STATES.get(found.text("state"), PullRequestState.OPEN),  # a word nobody knows ends nothing
        head=found.text("fromRef", "id").removeprefix(_BRANCHES),
        base=found.text("toRef", "id").removeprefix(_BRANCHES),
        commit=found.text("fromRef", "latestCommit"),
        is_from_fork=found.number("fromRef", "repository", "id") != found.number("toRef", "repository", "id"),
        is_draft=found.flag("draft"),
        updated_at=moment(found, "updatedDate") if found.has("updatedDate") else None,
        comments=found.number("properties", "commentCount")
        if found.has("properties", "commentCount")
        else None,
    )


def comments_of(entry: Object) -> Iterator[Comment]:
    """The comments of one thing that happened: its own, unless it is about a file, and the answers to it."""
    if entry.text_or("", "action") != "COMMENTED" or not entry.has("comment"):
        return
    if entry.has("commentAnchor") or entry.has("comment", "anchor"):
        return
    waiting = [(entry.inner("comment"), False)]
    while waiting:
        found, is_reply = waiting.pop()
        waiting.extend((each, True) for each in found.listed("comments"))
        at = moment(found, "createdDate")
        yield Comment(
            id=str(found.number("id")),
            author=person_of(found.inner("author")),
            text=found.text("text"),
            at=at,
            is_edited=found.number("version") > 0 or moment(found, "updatedDate") > at,
            is_reply=is_reply or entry.text_or("ADDED", "commentAction") == "REPLIED",
        )


def approvals_of(found: Object, commit: str) -> list[ForgeApproval]:
    """The approvals of those who looked at just this commit, which is the head."""
    if found.text("fromRef", "latestCommit") != commit:
        return []
    author = person_of(found.inner("author", "user"))
    approving = {
        person_of(each.inner("user"))
        for each in (*found.listed("reviewers"), *found.listed("participants"))
        if each.text_or("", "status") == "APPROVED" and each.text_or("", "lastReviewedCommit") == commit
    }
    return [
        ForgeApproval(person, commit)
        for person in sorted(approving, key=lambda p: p.id)
        if person.id != author.id and not person.is_bot
    ]


def dated(given: Sequence[ForgeApproval], happened: Iterable[Object]) -> list[ForgeApproval]:
    """Approvals with when they were given, by what happened, newest first, since the head came to be where it is.

    One that is not among that has no time: it may be of what was there before.
    """
    missing, times = {each.person.id for each in given}, dict[str, datetime]()
    for entry in happened:
        action = entry.text_or("", "action")
        if not missing or (action == "RESCOPED" and _moved(entry)):
            break
        if action not in _VERDICTS:
            continue
        who = person_of(entry.inner("user")).id
        if who in missing and action == "APPROVED":
            times[who] = moment(entry, "createdDate")
        missing.discard(who)
    return [replace(each, at=times.get(each.person.id)) for each in given]


def _moved(entry: Object) -> bool:
    """Whether it is the head that moved, and not what it is to be merged into; in doubt it is."""
    before, after = entry.text_or("", "previousFromHash"), entry.text_or("", "fromHash")
    return not before or before != after
