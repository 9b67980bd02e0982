"""What Azure DevOps' answers say."""

from collections.abc import Iterable, Iterator
from datetime import timedelta

from envmgr.adapters.forge.answer import Object
from envmgr.domain.values.forge import Comment, ForgePerson, PullRequest, PullRequestState

_STATES = {
    "active": PullRequestState.OPEN,
    "completed": PullRequestState.MERGED,
    "abandoned": PullRequestState.CLOSED,
}
_BRANCHES = "refs/heads/"
_SAME_MOMENT = timedelta(seconds=1)
_SERVICES = ("aadsp.", "svc.", "s2s.")  # descriptors of what is no person


def person_of(found: Object) -> ForgePerson:
    """Somebody. The unique name is an address that the organization gave; the one that is displayed is anybody's choice."""
    name = found.text_or("", "uniqueName") or found.text("id")
    return ForgePerson(
        id=found.text("id"),
        login=name[:255],
        is_bot=found.text_or("", "descriptor").lower().startswith(_SERVICES),
    )


def pull_request_of(found: Object, page: str, commit: str | None, labels: tuple[str, ...]) -> PullRequest:
    """A pull request; `page` is the repository's own."""
    number = found.number("pullRequestId")
    return PullRequest(
        number=number,
        url=f"{page}/pullrequest/{number}",
        title=found.text_or("", "title"),
        author=person_of(found.inner("createdBy")),
        state=_STATES.get(found.text("status"), PullRequestState.OPEN),  # a word nobody knows ends nothing
        head=found.text("sourceRefName").removeprefix(_BRANCHES),
        base=found.text("targetRefName").removeprefix(_BRANCHES),
        commit=commit,
        is_from_fork=found.has("forkSource"),
        is_draft=found.flag("isDraft"),
        labels=labels,
    )


def merged_of(found: Object) -> str | None:
    """The head of a fork that was merged on trial last; None where it is none of a fork, or it was not tried yet."""
    return found.text_or("", "lastMergeSourceCommit", "commitId") or None if found.has("forkSource") else None


def labels_of(found: Iterable[Object]) -> tuple[str, ...]:
    """The labels that a pull request has now."""
    return tuple(each.text("name") for each in found if each.flag("active") or not each.has("active"))


def newest(iterations: Iterable[Object]) -> Object | None:
    """The newest of a pull request's iterations; each push makes one."""
    return max(iterations, key=lambda each: each.number("id"), default=None)


def comments_of(thread: Object) -> Iterator[Comment]:
    """The comments of a thread that is about no file; what Azure DevOps itself says there is none."""
    if thread.flag("isDeleted") or thread.has("threadContext"):
        return
    for found in thread.listed("comments"):
        if (
            found.flag("isDeleted")
            or found.text_or("", "commentType") != "text"
            or not found.has("author", "id")
        ):
            continue
        at = found.moment("publishedDate")
        changed = found.moment_or_none("lastContentUpdatedDate") or at
        yield Comment(
            id=f"{thread.number('id')}/{found.number('id')}",
            author=person_of(found.inner("author")),
            text=found.text_or("", "content"),
            at=at,
            is_edited=changed - at > _SAME_MOMENT,
            is_reply=found.has("parentCommentId") and found.number("parentCommentId") > 0,
        )
