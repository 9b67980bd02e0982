"""What the pages on installing, running and removing the service say to type; the day is in installation_trial.py."""

import shutil
import sys
from collections.abc import Callable
from subprocess import CompletedProcess

import pytest

from tests.integration import installation_trial
from tests.support import service


@pytest.mark.timeout(500)
def test_an_operators_first_day(
    systemd_boot: Callable[..., CompletedProcess[str]],
    terraform_binary: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Every step of it goes well, all in one boot."""
    folder = tmp_path_factory.mktemp("first-day")
    shutil.copy(terraform_binary, folder / "terraform")
    command = [sys.executable, "-m", installation_trial.__name__, str(folder), str(folder / "terraform")]
    done = systemd_boot(
        ["env", f"PYTHONPATH={service.ROOT}", *command], bind=[folder, *service.folders()], timeout=480
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.split() == [step.__name__ for step in installation_trial.STEPS]
