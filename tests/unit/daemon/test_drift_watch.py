"""What a round of checks meets is told of."""

from pathlib import Path
from typing import NoReturn

import pytest
from structlog.testing import capture_logs

from envmgr.daemon import drift_watch
from envmgr.daemon.drift_watch import DriftWatch
from tests.support.in_memory.world import World


def test_a_mistake_in_choosing_what_is_due_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody looks at what a round came to: unseen it would end all checks of an organization."""
    watch = DriftWatch(World(tmp_path).daemon.application)

    def due(*_: object) -> NoReturn:
        raise ValueError("odd")

    monkeypatch.setattr(drift_watch, "due", due)
    with capture_logs() as logged:
        watch.tick()
        assert watch.wait(30.0)
    watch.close()
    assert [(each["action"], each["organization"]) for each in logged] == [("unexpected", "acme")]
