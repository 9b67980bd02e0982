"""A pull request, as its forge shows it."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from .people import ForgePerson


class PullRequestState(StrEnum):
    """Whether a pull request is still open."""

    OPEN = "open"
    CLOSED = "closed"
    MERGED = "merged"


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """A pull request, as its forge shows it. Titles, names and labels are whatever somebody typed.

    `head` and `base` are names of branches; `head` is one of this repository, unless it `is_from_fork`. `commit` is where
    the forge says that the head is: git knows it better, and None where the forge does not tell it in full.
    `updated_at` is when anything of it changed last, None where the forge does not say; `is_draft`: not to be merged yet.
    `comments` is how many it has, None where the forge does not say: it is not kept, and nothing depends on it but when they are read.
    """

    number: int
    url: str
    title: str
    author: ForgePerson
    state: PullRequestState
    head: str
    base: str
    commit: str | None
    is_from_fork: bool
    is_draft: bool = False
    labels: tuple[str, ...] = ()
    updated_at: datetime | None = None
    comments: int | None = field(default=None, compare=False)
