"""Engines on ports in memory, where nobody waits: what would be slept passes on the test's clock."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.in_memory.engine import MemoryEngine
from tests.support.in_memory.passing import PASSING, PLACES
from tests.support.in_memory.straight import StraightRecorder


@pytest.fixture(autouse=True)
def _nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in PLACES:
        monkeypatch.setattr(f"{module}.time", PASSING)
    monkeypatch.setattr("envmgr.engine.work.job.LockRecorder", StraightRecorder)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[MemoryEngine]:
    """A whole envmgr for an organization `acme`, in memory."""
    made = MemoryEngine(tmp_path)
    yield made
    made.close()
