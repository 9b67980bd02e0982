"""The units of `systemd/` under a real systemd; what is tried is in systemd_trial.py."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration import systemd_trial
from tests.support import service

UNITS = Path(__file__).parents[2] / "systemd"


@pytest.mark.timeout(300)
def test_service(
    systemd_boot: Callable[..., "subprocess.CompletedProcess[str]"],
    terraform_binary: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Each check of the trial goes well, all in one boot."""
    folder = tmp_path_factory.mktemp("systemd")
    shutil.copy(terraform_binary, folder / "terraform")
    command = [sys.executable, "-m", systemd_trial.__name__, str(folder), str(folder / "terraform")]
    done = systemd_boot(
        ["env", f"PYTHONPATH={service.ROOT}", *command], bind=[folder, *service.folders()], timeout=180
    )
    assert done.returncode == 0, done.stdout + done.stderr
    outcomes: dict[str, str] = json.loads((folder / "outcomes.json").read_text())
    assert set(outcomes) == {check.__name__ for check in systemd_trial.CHECKS}
    assert {check: why for check, why in outcomes.items() if why} == {}


def exposure(unit: Path) -> str:
    """What systemd itself measures: how much a unit may do, from 0 to 10."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is absent: install Debian's systemd")
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    return found[1]


@pytest.mark.parametrize("unit", ["envmgr.service", "envmgr@.service"])
def test_exposure(unit: str) -> None:
    """It stays below 2.0."""
    assert float(exposure(UNITS / unit)) < 2.0


@pytest.mark.parametrize("unit", ["envmgr.service", "envmgr@.service"])
def test_exposure_with_what_a_cage_takes(unit: str, tmp_path: Path) -> None:
    """As high as the guide says, and no higher."""
    drop_in = (UNITS / "envmgr.service.d/cage.conf.example").read_text()
    whole = tmp_path / unit
    whole.write_text(f"{(UNITS / unit).read_text()}\n{drop_in}")
    told = f"`systemd-analyze security` then says {exposure(whole)} "
    guide = UNITS.parent / "docs/guides/service.md"
    for text in (UNITS / "README.md", guide):
        assert told in text.read_text()
    whole.write_text(whole.read_text().replace(" pid ipc net uts\n", " pid net\n"))
    assert f"| both without `ipc` and `uts` | {exposure(whole)} |" in guide.read_text()


def test_the_units_differ_in_the_instance_only() -> None:
    """Hardening is never forgotten in one of the two."""
    one = _settings("envmgr.service")
    each = [
        line.replace("/%i.yaml", "").replace("/%i", "").replace("envmgr-%i", "envmgr")
        for line in _settings("envmgr@.service")
    ]
    each.remove("Conflicts=envmgr.service")
    each.remove("After=envmgr.service")
    each.remove("ExecStartPre=+/bin/chmod 711 /var/lib/envmgr /var/cache/envmgr")
    assert each == [line if not line.startswith("Description=") else f"{line} of %i" for line in one]


def _settings(unit: str) -> list[str]:
    lines = (UNITS / unit).read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]
