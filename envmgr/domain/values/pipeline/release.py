"""What was ready where: the evidence for a promotion."""

from dataclasses import dataclass
from datetime import datetime

from envmgr.domain.values.names import EnvironmentId


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """That a commit was ready in an environment, or in one application of it, and healthy where its health is asked.

    `ready_at` is since when. `tested_at` is when its tests passed, or since when it was ready where it has none; None
    while they have not passed, also where they did before and are run once more.
    """

    environment: EnvironmentId
    commit: str
    ready_at: datetime
    tested_at: datetime | None = None

    @property
    def has_passed(self) -> bool:
        """Whether a promotion may rest on it."""
        return self.tested_at is not None
