"""Limits of all that a child starts, by the control group that the unit is delegated; see limits_trial.py."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration import limits_trial
from tests.integration.limits_service import GREEDY, LONG
from tests.support import service, systemd


@pytest.mark.timeout(300)
def test_limits_hold_for_all_together(tmp_path: Path) -> None:
    """Under the shipped unit, beside a kernel of its own: this machine's may have no cgroup v2 to give. One boot."""
    if reason := systemd.why_no_kernel():
        pytest.skip(reason)
    command = [sys.executable, "-m", limits_trial.__name__, str(tmp_path)]
    done = systemd.boot(
        ["env", f"PYTHONPATH={service.ROOT}", "ENVMGR_TRIAL_PATIENCE=120", *command],
        bind=[tmp_path, *service.folders()],
        timeout=280,
        script=systemd.KERNEL_SCRIPT,
    )
    assert (tmp_path / "seen.json").exists(), done.stdout + done.stderr
    seen: dict[str, Any] = json.loads((tmp_path / "seen.json").read_text())
    assert done.returncode == 0, f"{done.stderr}\n{seen}"

    assert set(seen["settled"]["controllers"]) == {"cpu", "memory", "pids"}
    assert seen["is_in_leaf"]
    # Each process by itself stays within its limit: limits of a process alone would stop none of them.
    told = seen["greedy"]
    assert [name for name, *_ in GREEDY if f"cage.{name.split()[0]} " not in told[name]] == [], seen
    assert {name: (first, f"cage.{name} " in second) for name, (first, second) in seen["runs"].items()} == {
        "memory": ("", True),
        "cpu": ("", True),
    }, "the commands of a run, and what one left running, share its limits"
    assert seen["restarts"] == "1", "systemd could start the next daemon beside what the killed one left"
    assert seen["adopted"] == {
        "limits": LONG.memory,
        "files": {"memory.max": str(LONG.memory), "pids.max": "30", "cpu.max": "150000 100000"},
        "was_there": True,
        "is_done": True,
        "is_gone": True,
    }
    assert seen["left"] == []
