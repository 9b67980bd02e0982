"""GitHub's answers as values."""

import re

from envmgr.adapters.forge.answer import Answer, Object
from envmgr.domain.values.forge import (
    Comment,
    ForgeApproval,
    ForgePerson,
    Permission,
    PullRequest,
    PullRequestState,
)
from envmgr.domain.values.names import COMMIT

_COMMIT = re.compile(COMMIT)
_TITLE = 1_000
_LABELS = 100
_NOBODY = ForgePerson(id="", login="ghost")
_PERMISSIONS = {"admin": Permission.ADMIN, "write": Permission.WRITE, "read": Permission.READ}


def person(found: Object, *way: str) -> ForgePerson:
    """Somebody; nobody whose account is gone may do anything."""
    if not found.has(*way):
        return _NOBODY
    user = found.inner(*way)
    return ForgePerson(id=user.id("id"), login=user.text("login"), is_bot=user.text("type") == "Bot")


def pull_request(found: Object) -> PullRequest:
    """A pull request, of a list or alone."""
    state = PullRequestState.OPEN
    if found.text("state") != "open":
        is_merged = found.has("merged_at") or found.flag("merged")
        state = PullRequestState.MERGED if is_merged else PullRequestState.CLOSED
    # `head.repo.fork` says something else: that the repository is itself one.
    is_here = found.has("head", "repo") and found.id("head", "repo", "id") == found.id("base", "repo", "id")
    commit = found.text("head", "sha")
    return PullRequest(
        number=found.number("number"),
        url=found.text("html_url"),
        title=found.text("title")[:_TITLE],
        author=person(found, "user"),
        state=state,
        head=found.text("head", "ref"),
        base=found.text("base", "ref"),
        commit=commit if _COMMIT.fullmatch(commit) else None,
        is_from_fork=not is_here,
        is_draft=found.flag("draft"),
        labels=tuple(each.text("name") for each in found.listed("labels")[:_LABELS]),
        updated_at=found.moment("updated_at"),
    )


def numbers(page: Answer) -> set[int]:
    """The pull requests of a page."""
    return {each.number("number") for each in page.as_objects()}


def comment(found: Object) -> Comment:
    """A comment. One that an App wrote in somebody's name is no person's either."""
    author = person(found, "user")
    if found.has("performed_via_github_app"):
        author = ForgePerson(author.id, author.login, is_bot=True)
    at = found.moment("created_at")
    return Comment(
        id=found.id("id"),
        author=author,
        text=found.text_or("", "body"),
        at=at,
        is_edited=found.moment("updated_at") != at,
    )


def approvals(reviews: list[Object], author: ForgePerson, commit: str) -> list[ForgeApproval]:
    """The approvals of a commit that stand: of each person the newest review that says yes or no."""
    newest: dict[str, Object] = {}
    said = [each for each in reviews if each.text("state") not in ("COMMENTED", "PENDING")]
    for review in sorted(said, key=lambda each: (each.moment("submitted_at"), each.number("id"))):
        newest[person(review, "user").id] = review
    return [
        ForgeApproval(person(review, "user"), commit, review.moment("submitted_at"))
        for who, review in newest.items()
        if who not in ("", author.id)
        and review.text("state") == "APPROVED"
        and review.text_or("", "commit_id") == commit
    ]


def permission(found: Object, asked: ForgePerson) -> Permission:
    """What somebody may do; nothing where her name is somebody else's by now."""
    if not found.has("user") or found.id("user", "id") != asked.id:
        return Permission.NONE
    return _PERMISSIONS.get(found.text("permission"), Permission.NONE)
