"""What is the same of lists, whichever forge gives them."""

from collections.abc import Iterable
from datetime import UTC, datetime

from envmgr.domain.errors import Transient
from envmgr.domain.values.forge import Comment


def in_order(comments: Iterable[Comment]) -> list[Comment]:
    """Oldest first; of the same moment by their IDs, which are numbers, or several with `/` between."""
    return sorted(comments, key=lambda each: (each.at, *map(int, each.id.split("/"))))


def changed_meanwhile(where: str, what: str = "pull requests") -> Transient:
    """A list that is another one by its last page: what is closed between two moves the others up, and one is on neither."""
    return Transient(f"{where}'s list of {what} changed while it was read; it is asked again.")


def in_utc(moment: datetime) -> str:
    """A moment as queries have it, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
