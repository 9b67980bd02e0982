"""`.ci/run` over a stand-in for `make` and for pytest: what it lets through, and what it says of it."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[2] / ".ci/run"
Run = Callable[[str, int], tuple[int, list[str]]]

PASSED = "== 9003 passed in 877.94s (0:14:37) =="
LATE = f"""\
FAILED tests/test_a.py::test_late[x] - assert 1 == 0
FAILED tests/test_b.py::test_later - assert 1 == 0
{PASSED.replace("9003 passed", "2 failed, 9001 passed")}"""
MANY = PASSED.replace("9003 passed", "4 failed, 8999 passed")
BROKEN = PASSED.replace("9003 passed", "1 failed, 9001 passed, 1 error")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs it where the tests print that and `make test` fails or not, and pytest alone ends with that code."""
    checkout, programs = tmp_path / "checkout", tmp_path / "bin"
    for folder in (checkout / ".ci", checkout / ".venv/bin", programs):
        folder.mkdir(parents=True)
    shutil.copy(SCRIPT, checkout / ".ci/run")
    subprocess.run(["git", "init", "-q", checkout], check=True)
    (checkout / ".gitignore").write_text("*\n!left\n")

    def done(printed: str, alone: int) -> tuple[int, list[str]]:
        (tmp_path / "printed").write_text(printed + "\n")
        fails = "exit 2" if "failed" in printed else ":"
        program(programs / "make", f'case $1 in test) cat "{tmp_path}/printed"; {fails};; esac')
        program(
            checkout / ".venv/bin/python",
            f'case "$*" in *--last-failed*) echo ran-alone; exit {alone};; esac',
        )
        path = f"{programs}:{os.environ['PATH']}"
        ended = subprocess.run(
            [checkout / ".ci/run"],
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        return ended.returncode, ended.stdout.splitlines()

    return done


def program(path: Path, body: str) -> None:
    """A shell script."""
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def test_what_passes_is_let_through(run: Run) -> None:
    code, told = run(PASSED, 1)
    assert (code, told[-1], "ran-alone" in told) == (0, PASSED, False)


def test_what_was_only_late_is_let_through_and_said(run: Run) -> None:
    code, told = run(LATE, 0)
    assert code == 0
    assert told[-1] == "== 9001 passed, 2 passed only alone in 877.94s (0:14:37) =="
    said = told.index("ci: failed among all others and passed alone, so there is a race to be found:")
    assert told[said + 1 : said + 3] == ["tests/test_a.py::test_late[x]", "tests/test_b.py::test_later"]


@pytest.mark.parametrize(("printed", "alone", "ran"), [(LATE, 1, True), (MANY, 0, False), (BROKEN, 0, False)])
def test_what_fails_is_not(run: Run, printed: str, alone: int, ran: bool) -> None:
    """Neither what fails alone, too, nor where much does: then it was not the company."""
    code, told = run(printed, alone)
    assert (code, told[-1], "ran-alone" in told) == (1, printed.splitlines()[-1], ran)
    assert "ci: make test failed." in told
