"""What Bitbucket Cloud's answers say."""

import re
from collections.abc import Iterator
from datetime import timedelta

from envmgr.adapters.forge.answer import Answer, Object
from envmgr.domain.values.forge import Comment, ForgeApproval, ForgePerson, PullRequest, PullRequestState
from envmgr.domain.values.names import COMMIT

_STATES = {
    "OPEN": PullRequestState.OPEN,
    "MERGED": PullRequestState.MERGED,
    "DECLINED": PullRequestState.CLOSED,
    "SUPERSEDED": PullRequestState.CLOSED,
}
_FULL = re.compile(COMMIT)
_SAME_MOMENT = timedelta(seconds=1)  # within it a new comment is written down twice
_NOBODY = ForgePerson(id="", login="", is_bot=True)


def person_of(user: Object) -> ForgePerson:
    """Somebody, known by the UUID: names are whatever somebody calls herself, if need be as a file names an ID."""
    name = (user.text_or("", "nickname") or user.text_or("", "display_name")).replace(":", " ")
    return ForgePerson(id=user.text("uuid"), login=name[:255], is_bot=user.text_or("user", "type") != "user")


def pull_request_of(found: Object, page: str) -> PullRequest:
    """A pull request; `page` is the repository's own."""
    number, source = found.number("id"), found.inner("source")
    commit = source.text_or("", "commit", "hash")
    return PullRequest(
        number=number,
        url=f"{page}/pull-requests/{number}",
        title=found.text("title"),
        author=_author(found),
        state=_state(found),
        head=source.text_or("", "branch", "name"),
        base=found.text("destination", "branch", "name"),
        commit=commit if _FULL.fullmatch(commit) else None,  # most often it is cut to 12 characters
        is_from_fork=_is_from_fork(found),
        is_draft=found.flag("draft"),
        updated_at=found.moment_or_none("updated_on"),
        comments=found.number("comment_count") if found.has("comment_count") else None,
    )


def comment_of(found: Object) -> Comment | None:
    """A comment; None for one that was deleted, that is about a line of code, or whose author is gone."""
    if found.flag("deleted") or found.has("inline") or not found.has("user", "uuid"):
        return None
    at = found.moment("created_on")
    changed = found.moment_or_none("updated_on") or at
    return Comment(
        id=str(found.number("id")),
        author=person_of(found.inner("user")),
        text=found.text_or("", "content", "raw"),
        at=at,
        is_edited=changed - at > _SAME_MOMENT,
        is_reply=found.has("parent"),
    )


def approvals_of(full: Object, activity: Iterator[Answer], commit: str) -> list[ForgeApproval]:
    """The approvals that stand, given after the last change of the pull request; none where that is not of this commit.

    Any change counts, even one of the title. Bitbucket cuts hashes to 12 characters, and two commits that begin with the same
    12 are found within minutes: whether the commit was changed for its twin, it cannot say.
    """
    standing = {
        each.text("user", "uuid")
        for each in full.listed("participants")
        if each.flag("approved") and each.has("user", "uuid")
    } - {_author(full).id}
    found: dict[str, ForgeApproval] = {}
    for entry in (entry for page in activity for entry in page.as_object().listed("values")):
        if entry.has("update"):
            return list(found.values()) if _is_of(entry, commit) else []
        if entry.has("approval", "user", "uuid"):
            person = person_of(entry.inner("approval", "user"))
            if person.id in standing and not person.is_bot:
                approval = ForgeApproval(person, commit, entry.moment_or_none("approval", "date"))
                found.setdefault(person.id, approval)
    return []  # nothing says which commit they are of


def _is_of(entry: Object, commit: str) -> bool:
    said = entry.text_or("", "update", "source", "commit", "hash")
    return len(said) >= 12 and commit.startswith(said)


def _author(found: Object) -> ForgePerson:
    return person_of(found.inner("author")) if found.has("author", "uuid") else _NOBODY


def _state(found: Object) -> PullRequestState:
    # A word that nobody knows ends nothing.
    return _STATES.get(found.text("state"), PullRequestState.OPEN)


def _is_from_fork(found: Object) -> bool:
    """Also where the fork is gone: nothing is known of it then."""
    source = found.text_or("", "source", "repository", "uuid")
    return not source or source != found.text("destination", "repository", "uuid")
