"""When the comments of a pull request are to be read again, by what a look at the list of pull requests says: pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from envmgr.domain.values.forge import CommentSign, KnownPullRequest

IN_FULL = timedelta(minutes=30)
"""How long a count is believed that does not change: one comment may be deleted as another is written."""


@dataclass(frozen=True, slots=True)
class Reading:
    """That comments were read (`at`), and how many there were by the list of then. `is_settled`: as many as at the reading before.

    A list may know of a comment before it can be read, so that after each change there is one more reading.
    """

    at: datetime
    count: int | None
    is_settled: bool


def is_due(
    pull: KnownPullRequest, sign: CommentSign, last: Reading | None, now: datetime, apart: timedelta
) -> bool:
    """Whether there may be comments that were not read; those that nothing tells of are read `apart`."""
    if sign is CommentSign.NOWHERE:
        return last is None or _is_over(last, now, apart)
    updated, until = pull.told.updated_at, pull.read_until
    if updated is None or until is None or updated > until:
        return True
    if sign is CommentSign.TIME:
        return False
    count = pull.told.comments
    is_same = last is not None and last.is_settled and count is not None and count == last.count
    return last is None or not is_same or _is_over(last, now, IN_FULL)


def _is_over(last: Reading, now: datetime, time: timedelta) -> bool:
    """Whether a time has passed since a reading, also where the clock was set back."""
    return not last.at <= now < last.at + time


def read(pull: KnownPullRequest, last: Reading | None, now: datetime) -> Reading:
    """What is to be remembered of comments that are read now."""
    count = pull.told.comments
    return Reading(now, count, is_settled=last is not None and count == last.count)
