"""What the configuration says of a repository's forge, beside how it is reached."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from envmgr.domain.values.asking.person import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeRules:
    """How often pull requests are looked at, whether comments are obeyed, and whose (`members`).

    A member is a login, `id:ID`, or `permission:…` for all who have that in the repository there. `context` is what the
    names of statuses begin with, and `comments` says whether pull requests have a comment that tells how it goes.
    """

    interval: timedelta = timedelta(minutes=1)
    obeys: bool = True
    context: str = "envmgr"
    comments: bool = True
    members: Mapping[Role, tuple[str, ...]] = field(default_factory=dict)
