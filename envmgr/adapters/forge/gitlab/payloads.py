"""What GitLab answers, in envmgr's own values."""

import re
from datetime import UTC, datetime, time, timedelta

from envmgr.adapters.forge.answer import Object
from envmgr.domain.errors import Transient
from envmgr.domain.values.forge import (
    Comment,
    ForgePerson,
    Permission,
    PullRequest,
    PullRequestState,
)
from envmgr.domain.values.names import COMMIT

# Tokens of projects and groups speak as users of their own; their names are all that tells them from people.
_BOT = re.compile(
    r"(project|group)_\d+_bot(_[0-9a-z]+)?|service_account_.*|(alert|support|security)-bot|ghost"
)
_COMMIT = re.compile(COMMIT)
# A merge request is `locked` while it is being merged, which may yet fail: it is not surely closed.
_STATES = {
    "opened": PullRequestState.OPEN,
    "locked": PullRequestState.OPEN,
    "closed": PullRequestState.CLOSED,
    "merged": PullRequestState.MERGED,
}
_OF_LINES = ("DiffNote", "LegacyDiffNote")
_SAME_MOMENT = timedelta(seconds=1)
_MAINTAINER, _DEVELOPER, _REPORTER = 40, 30, 20


def person(found: Object) -> ForgePerson:
    """Somebody."""
    login = found.text("username")
    return ForgePerson(id=found.id("id"), login=login, is_bot=_BOT.fullmatch(login) is not None)


def commit(found: Object, *way: str) -> str | None:
    """A commit in full; None for whatever is not one. A merge request's is not there until GitLab has prepared it."""
    text = found.text_or("", *way)
    return text if _COMMIT.fullmatch(text) else None


def is_from_fork(found: Object) -> bool:
    """Whether a merge request's branch is in another project; where that is gone, it was."""
    return not found.has("source_project_id") or found.id("source_project_id") != found.id(
        "target_project_id"
    )


def pull_request(found: Object) -> PullRequest:
    """A merge request."""
    state = _STATES.get(found.text("state"))
    if state is None:
        raise Transient("GitLab did not answer as it should: a merge request is in no state that is known.")
    return PullRequest(
        number=found.number("iid"),
        url=found.text_or("", "web_url"),
        title=found.text_or("", "title"),
        author=person(found.inner("author")),
        state=state,
        head=found.text("source_branch"),
        base=found.text("target_branch"),
        commit=commit(found, "sha"),
        is_from_fork=is_from_fork(found),
        is_draft=found.flag("draft"),
        labels=found.texts("labels"),
        updated_at=found.moment_or_none("updated_at"),
    )


def comment(found: Object) -> Comment | None:
    """A note as a comment; None for one of a line of code, and for what GitLab wrote of what happened.

    Which note of a thread began it is not told here: each of them counts as a reply.
    """
    kind = found.text_or("", "type")
    if found.flag("system") or kind in _OF_LINES:
        return None
    at = found.moment("created_at")
    return Comment(
        id=found.id("id"),
        author=person(found.inner("author")),
        text=found.text_or("", "body"),
        at=at,
        is_edited=found.moment("updated_at") - at > _SAME_MOMENT,
        is_reply=kind == "DiscussionNote",
    )


def permission(member: Object) -> Permission:
    """What a member of the project may do; who is blocked may do nothing, and guests do not see the code."""
    level = member.number("access_level")
    if member.text_or("", "state") != "active" or level < _REPORTER:
        return Permission.NONE
    if level < _DEVELOPER:
        return Permission.READ
    return Permission.ADMIN if level >= _MAINTAINER else Permission.WRITE


def end_of(token: Object) -> datetime | None:
    """When a token ends: with the beginning of the day that it has."""
    text = token.text_or("", "expires_at")
    try:
        return datetime.combine(datetime.fromisoformat(text).date(), time(), UTC) if text else None
    except ValueError:
        return None
