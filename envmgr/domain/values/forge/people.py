"""People on a forge, and what they may do there."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class ForgePerson:
    """Somebody on a forge. `id` is what the forge never gives to another; the `login` is for people, and may change hands."""

    id: str
    login: str
    is_bot: bool = False


class Permission(StrEnum):
    """What somebody may do in a repository. UNKNOWN: the forge does not tell envmgr, so it counts as none."""

    NONE = "none"
    READ = "read"
    WRITE = "write"
    ADMIN = "admin"
    UNKNOWN = "unknown"

    @property
    def may_write(self) -> bool:
        """Whether it is known to let somebody write."""
        return self in (Permission.WRITE, Permission.ADMIN)


@dataclass(frozen=True, slots=True)
class ForgeApproval:
    """A review that approves just one commit of a pull request, and stands."""

    person: ForgePerson
    commit: str
    at: datetime | None = None
