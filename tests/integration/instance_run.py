"""The unit of one organization with its real daemon, limited as a whole; see instance_trial.py. `make instance` runs it.

No part of the suite: where a kernel is a process, Terraform takes minutes.
"""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration import instance_trial
from tests.support import service, systemd


@pytest.mark.timeout(1800)
def test_the_daemon_itself_under_the_unit_of_one_organization(
    terraform_binary: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its runs are limited as a whole and say by what, outlive `kill -9`, and are waited for by a stop. One boot."""
    if reason := systemd.why_no_kernel():
        pytest.skip(reason)
    monkeypatch.setenv("MEMORY", "2500M")
    shutil.copy(terraform_binary, tmp_path / "terraform")
    command = [sys.executable, "-m", instance_trial.__name__, str(tmp_path), str(tmp_path / "terraform")]
    done = systemd.boot(
        ["env", f"PYTHONPATH={service.ROOT}", "ENVMGR_TRIAL_PATIENCE=400", *command],
        bind=[tmp_path, *service.folders()],
        timeout=1700,
        script=systemd.KERNEL_SCRIPT,
    )
    assert (tmp_path / "seen.json").exists(), done.stdout + done.stderr
    seen: dict[str, Any] = json.loads((tmp_path / "seen.json").read_text())
    assert "error" not in seen, f"{seen['error']}\n{seen}"
    assert seen["starts"] == {"state": "active", "user": "envmgr-acme", "said": True}
    assert (seen["applies"]["action"], seen["applies"]["told"]) == ("deployed", ["started 1", "finished 1"])
    for name, limit in {
        "memory": "cage.memory",
        "processes": "cage.processes",
        "output": "1000000 bytes",
    }.items():
        assert seen[name]["action"] == "failed"
        assert limit in seen[name]["event"], seen[name]
    assert seen["killed"]["midway"] == ["started 5"], "the daemon was back too late for what is tried here"
    assert (seen["killed"]["action"], seen["killed"]["told"]) == ("deployed", ["started 5", "finished 5"])
    assert seen["stopped"] == {"result": "success", "told": ["started 6", "finished 6"], "left": []}
