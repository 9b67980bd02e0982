"""What a look at a forge makes of what is known of a pull request: pure, and bounded whatever the forge says."""

import re
from dataclasses import replace
from datetime import datetime

from envmgr.domain.values.forge import KnownPullRequest, Permission, PullRequest, PullRequestState
from envmgr.domain.values.names import COMMIT, RepositoryId

_LONG, _SHORT = 1_000, 255
_MOST_LABELS = 100
_COMMIT = re.compile(COMMIT)


def bounded(told: PullRequest) -> PullRequest:
    """A pull request without anything that is too long to be kept; a head or base that is cut is none any more, so it is empty."""
    return replace(
        told,
        url=told.url if len(told.url) <= _LONG else "",
        title=told.title[:_SHORT],
        author=replace(told.author, id=told.author.id[:_SHORT], login=told.author.login[:_SHORT]),
        head=told.head if len(told.head) <= _LONG else "",
        base=told.base if len(told.base) <= _LONG else "",
        commit=told.commit if told.commit is not None and _COMMIT.fullmatch(told.commit) else None,
        labels=tuple(label[:_SHORT] for label in told.labels[:_MOST_LABELS]),
    )


def seen_open(
    repository: RepositoryId,
    before: KnownPullRequest | None,
    told: PullRequest,
    now: datetime,
    *,
    is_first: bool = False,
) -> KnownPullRequest:
    """It is among those that are open; `is_first`: of its repository nothing was known, so no comment counts that is there."""
    told = bounded(told)
    if before is None:
        read = now if is_first else None
        return KnownPullRequest(
            repository=repository, told=told, first_seen_at=now, seen_at=now, read_until=read
        )
    return _said(before, told, now, closed=0)


def asked_for(
    repository: RepositoryId, before: KnownPullRequest | None, told: PullRequest, now: datetime
) -> KnownPullRequest:
    """The forge was asked for just this one. Whether it is closed counts by that alone, and by each time it says so."""
    if told.state is PullRequestState.OPEN:
        return seen_open(repository, before, told, now)
    told = bounded(told)
    first = KnownPullRequest(repository=repository, told=told, first_seen_at=now, seen_at=now)
    found = before or first
    return _said(found, told, now, closed=found.closed + 1)


def not_found(before: KnownPullRequest, now: datetime) -> KnownPullRequest:
    """The forge knows of none with its number, which proves nothing: neither that it is closed, nor that it is open."""
    if before.is_lost:
        return before
    return replace(before, is_lost=True, closed=0, closed_at=None, seen_at=now)


def with_permission(before: KnownPullRequest, permission: Permission) -> KnownPullRequest:
    """What its author may do in the repository, as the forge says."""
    return replace(before, permission=permission)


def is_another(before: PullRequest, told: PullRequest) -> bool:
    """Whether a pull request has but the number of the one that is known, as where the forge answers of another repository.

    Nobody changes who opened one; its head may be renamed, and its repository, but hardly both between two looks.
    """
    is_known = bool(before.author.id and told.author.id)
    is_elsewhere = bool(before.url and told.url) and before.url != told.url
    return (is_known and before.author.id != told.author.id) or (is_elsewhere and before.head != told.head)


def _said(before: KnownPullRequest, told: PullRequest, now: datetime, *, closed: int) -> KnownPullRequest:
    if is_another(before.told, told):
        return not_found(before, now)
    is_same_author = told.author.id == before.told.author.id
    after = replace(
        before,
        told=told,
        closed=closed,
        closed_at=None if not closed else before.closed_at or now,
        is_lost=False,
        permission=before.permission if is_same_author else None,
    )
    return before if after == before else replace(after, seen_at=now)
