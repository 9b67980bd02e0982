"""What Gitea and Forgejo answer, in envmgr's own values."""

import re

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

_NOBODY = ForgePerson(id="", login="ghost", is_bot=True)
_COMMIT = re.compile(COMMIT)
_PERMISSIONS = {
    "none": Permission.NONE,
    "read": Permission.READ,
    "write": Permission.WRITE,
    "admin": Permission.ADMIN,
    "owner": Permission.ADMIN,
}


def person(found: Object, *way: str) -> ForgePerson:
    """Somebody; nobody in particular where the account is gone. Those that Gitea made itself have numbers below one, which are nobody's own."""
    if not found.has(*way):
        return _NOBODY
    user = found.inner(*way)
    number, login = user.number("id"), user.text("login")
    return ForgePerson(
        id=str(number) if number > 0 else "", login=login, is_bot=number < 1 or login.endswith("[bot]")
    )


def commit(found: Object, *way: str) -> str | None:
    """A commit in full; None for whatever is not one."""
    text = found.text_or("", *way)
    return text if _COMMIT.fullmatch(text) else None


def pull_request(found: Object) -> PullRequest:
    """A pull request; whether it is a draft follows from its title, which its author writes."""
    return PullRequest(
        number=found.number("number"),
        url=found.text_or("", "html_url"),
        title=found.text_or("", "title"),
        author=person(found, "user"),
        state=_state(found),
        head=found.text("head", "ref"),
        base=found.text("base", "ref"),
        commit=commit(found, "head", "sha"),
        # A fork that is gone has no repository any more.
        is_from_fork=not found.has("head", "repo")
        or found.number("head", "repo_id") != found.number("base", "repo_id"),
        is_draft=found.flag("draft"),
        labels=tuple(label.text("name") for label in found.listed("labels")),
        updated_at=found.moment_or_none("updated_at"),
    )


def _state(found: Object) -> PullRequestState:
    state = found.text("state")
    if state == "open":
        return PullRequestState.OPEN
    if state != "closed":
        raise Transient("Gitea did not answer as it should: a pull request is in no state that is known.")
    return PullRequestState.MERGED if found.flag("merged") else PullRequestState.CLOSED


def comment(found: Object) -> Comment:
    """A comment; those of reviews, which alone have replies, are not among what is asked for."""
    at = found.moment("created_at")
    return Comment(
        id=found.id("id"),
        author=person(found, "user"),
        text=found.text_or("", "body"),
        at=at,
        is_edited=found.moment("updated_at") != at,
    )


def permission(found: Object) -> Permission:
    """What somebody may do in the repository; a word that is not known counts as none."""
    return _PERMISSIONS.get(found.text("permission"), Permission.UNKNOWN)


def is_verdict(review: Object) -> bool:
    """Whether a review says yes or no, and still stands: it is no comment, no draft, and nobody dismissed it."""
    return review.text_or("", "state") in ("APPROVED", "REQUEST_CHANGES") and not review.flag("dismissed")


def approves(review: Object, wanted: str) -> bool:
    """Whether a review approves just this commit, by somebody whose approval counts."""
    return (
        review.text("state") == "APPROVED"
        and review.flag("official")
        and not review.flag("stale")
        and commit(review, "commit_id") == wanted
    )
