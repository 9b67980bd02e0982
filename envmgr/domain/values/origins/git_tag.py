"""A tag of a git repository, as a listing shows it."""

from dataclasses import dataclass
from datetime import datetime

TAGS = "refs/tags/"
"""What the full name of a tag's ref begins with."""


@dataclass(frozen=True, slots=True)
class GitTag:
    """The `commit` that a tag leads to, and the `object` that it is: of an annotated one the tag's own, else the commit.

    `at` is when it was made (an annotated one), or its commit (a light one); None where nobody had to ask.
    """

    commit: str
    object: str
    at: datetime | None = None
