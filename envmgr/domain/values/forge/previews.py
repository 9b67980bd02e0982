"""Which pull requests get an environment, and what that is called."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewRules:
    """Which pull requests get an environment of their own: those of which all of this is true.

    `name` is the environment's, with `{number}` in it. `base` are patterns of the branch that it is to be merged into, none:
    any. `labels`: it has each of these. `authors`: `members` are those who may write to the repository, else people, each by login or `id:ID`. `ttl` counts from the last
    push, and so many as `limit` have one at a time.
    """

    name: str = "pr-{number}"
    base: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    drafts: bool = False
    forks: bool = False
    authors: Literal["members", "anyone"] | tuple[str, ...] = "members"
    ttl: timedelta | None = None
    limit: int = 20
