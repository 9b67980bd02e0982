"""A freeze: nothing is applied or destroyed in an organization, or in one of its repositories."""

from dataclasses import dataclass
from datetime import datetime

from envmgr.domain.values.names import RepositoryId

from .person import place_name

IN_FILE = "the organization file"
"""Who freezes where the configuration says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """That nothing is applied or destroyed; in all of an organization, or in one `repository`.

    `by` is who wants it, `until` when it is over by itself (None: it is not). One that stands `in_file` is ended there.
    """

    organization: str
    repository: str | None = None
    reason: str
    by: str
    since: datetime
    until: datetime | None = None
    in_file: bool = False

    @property
    def place(self) -> str:
        """Where it holds: `acme`, `acme/shop`."""
        return place_name(self.organization, self.repository)

    @property
    def ends_by(self) -> str:
        """How a person ends it."""
        return f"`freeze` in {IN_FILE}" if self.in_file else f"`envmgr thaw {self.place}`"

    def covers(self, repository: RepositoryId) -> bool:
        """Whether it holds for a repository."""
        return self.organization == repository.organization and self.repository in (None, repository.name)

    def is_over(self, now: datetime) -> bool:
        """Whether its end has come."""
        return self.until is not None and self.until <= now

    def __str__(self) -> str:
        until = f" until {self.until:%Y-%m-%d %H:%M} UTC" if self.until else ""
        return f"{self.place} is frozen by {self.by}{until} ({self.reason})"
