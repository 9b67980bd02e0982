"""Groups of runs, where the kernel is late; with a real one they are tried in test_run_limits.py."""

from pathlib import Path

import pytest

from envmgr.domain.values.cage import CageLimits
from envmgr.host import control_group
from envmgr.host.control_group import ChildGroup, RunGroup, group
from envmgr.host.spent import spent_by


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders in the place of groups: a child takes 4 s, and what was killed is still there at its end."""
    monkeypatch.setattr(control_group, "_place", lambda: tmp_path)
    monkeypatch.setattr(RunGroup, "make", lambda self: self.path.mkdir(exist_ok=True))
    monkeypatch.setattr(control_group, "processor_time", lambda _: 4_000_000)
    monkeypatch.setattr(ChildGroup, "is_empty", lambda _: True)
    monkeypatch.setattr(ChildGroup, "end", lambda _: None)
    return tmp_path


def test_what_a_run_used_is_known_though_its_group_goes_late(place: Path) -> None:
    """Whoever removes it: forgotten, each command of a run would have all of its processor time anew."""
    log = place / "7.log"
    for seconds in (4, 8):
        with group(CageLimits(cpu_seconds=6), log, outlives=False):
            assert [path.name for path in place.iterdir()] == ["run-7"]
        assert list(place.iterdir()) == []
        assert spent_by(log).processor == seconds * 1_000_000
