"""envmgr as its daemon runs it: composed once, then polls and work for as long as the process lives."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from envmgr.domain.values.environment import Environment, Status
from tests.support.engine import Engine, TestClock


class WallClock(TestClock):
    """The present as it is."""

    def __call__(self) -> datetime:
        """The present."""
        return datetime.now(UTC)


class Subject(Engine):
    """An engine on the real clock that may have as many environments as it likes."""

    def __init__(self, folder: Path, **organization: Any) -> None:
        """`organization` are further keys of the organization file."""
        limits = {"environments": 1000, "concurrency": 2, "health_networks": ["127.0.0.0/8"]}
        super().__init__(folder, **{"limits": limits, **organization})
        self.clock = WallClock()

    def reconcile(self) -> None:
        """From the poll that sees what was pushed to the end of all work: what is timed."""
        self.poll()
        self.work()

    def ready(self, name: str, repository: str = "shop") -> Environment:
        """The environment, which surely is as its branch wants it."""
        found = self.environment(name, repository)
        if found.status is not Status.READY or found.applied.commit != found.commit:
            raise RuntimeError(f"{found.label} is {found.status}: {found.message}")
        return found
