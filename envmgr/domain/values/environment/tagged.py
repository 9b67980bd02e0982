"""What is noted of the tag that an environment comes from."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Offered:
    """A tag that is there in place of the noted one, and the commit that it leads to."""

    name: str
    commit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagged:
    """The tag's own `object`, and when it was made (`at`, where that had to be known).

    `offered` waits for a person: the same tag at another commit, or an older one, since the noted one is gone.
    """

    object: str
    at: datetime | None = None
    offered: Offered | None = None
