"""What a host began ends before its lease does, whatever becomes of envmgr itself."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from envmgr.adapters.processes import identify
from envmgr.domain.values.hosts.terms import TERMS
from envmgr.host.fence import Fence, _lives
from tests.support.store import in_threads
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow

NAME = "acme/shop/alice"
SHORT = replace(
    TERMS,
    soft=timedelta(seconds=4),
    later=timedelta(),
    hard=timedelta(seconds=7),
    pause=timedelta(seconds=0.1),
)
_STUBBORN = (
    "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print(flush=True); time.sleep(600)"
)


@pytest.fixture
def fence(tmp_path: Path, children: list["subprocess.Popen[bytes]"]) -> Iterator[Fence]:
    """One whose times are short."""
    made = Fence(tmp_path, SHORT)
    yield made
    for child in children:
        child.kill()
    wait_for(lambda: not any(map(_lives, made._beside)), 30)


@pytest.fixture
def children() -> Iterator[list["subprocess.Popen[bytes]"]]:
    """What was started, ended afterwards."""
    found: list[subprocess.Popen[bytes]] = []
    yield found
    for each in found:
        with each:
            each.kill()


def begin(children: list["subprocess.Popen[bytes]"], *argv: str) -> "subprocess.Popen[bytes]":
    """A child that leads a group, as envmgr starts them."""
    child = subprocess.Popen(argv, stdout=subprocess.PIPE, start_new_session=True)
    children.append(child)
    return child


def test_of_two_threads_one_looks_at_a_time_at_what_is_beside(
    fence: Fence, children: list["subprocess.Popen[bytes]"], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is awaited once has a number that may be another child's: awaited again, that one's end would be lost."""
    at_once: list[int] = []
    most = 0

    def lives(process: int) -> bool:
        nonlocal most
        at_once.append(process)
        most = max(most, len(at_once))
        time.sleep(0.2)
        at_once.remove(process)
        return True

    fence.guard(NAME, identify(begin(children, "sleep", "600").pid))
    with monkeypatch.context() as patched:
        patched.setattr("envmgr.host.fence._lives", lives)
        in_threads(lambda name: fence.renewed(name, fence.now()), ["a", "b"])
    assert most == 1


def test_what_is_renewed_goes_on_and_then_is_asked_to_end(
    fence: Fence, children: list["subprocess.Popen[bytes]"]
) -> None:
    """Nobody but the process beside it does that here; it ends, too, once there is nothing to guard."""
    fence.renewed(NAME, fence.now())
    child = begin(children, "sleep", "600")
    fence.guard(NAME, identify(child.pid))
    for _ in range(12):
        time.sleep(0.5)
        fence.renewed(NAME, fence.now())
    assert child.poll() is None
    [beside] = fence._beside
    wait_for(lambda: child.poll() is not None, 20)
    assert child.returncode == -signal.SIGINT
    wait_for(lambda: not _lives(beside), 20)


def test_what_does_not_heed_that_is_killed(fence: Fence, children: list["subprocess.Popen[bytes]"]) -> None:
    """With all that it started in its group."""
    fence.renewed(NAME, fence.now())
    child = begin(children, sys.executable, "-c", _STUBBORN)
    assert child.stdout is not None
    child.stdout.readline()
    began = time.monotonic()
    fence.guard(NAME, identify(child.pid))
    wait_for(lambda: child.poll() is not None, 30)
    assert child.returncode == -signal.SIGKILL
    assert time.monotonic() - began > 3


def test_whom_envmgr_has_asked_is_not_asked_again(
    fence: Fence, children: list["subprocess.Popen[bytes]"]
) -> None:
    """A second SIGINT makes Terraform drop everything, also the writing of its state: only the end is sure."""
    fence.renewed(NAME, fence.now() - 5)
    assert fence.must_end(NAME)
    child = begin(children, "sleep", "600")
    fence.guard(NAME, identify(child.pid))
    wait_for(lambda: child.poll() is not None, 30)
    assert child.returncode == -signal.SIGKILL


def test_a_lease_that_is_renewed_ends_nothing(fence: Fence) -> None:
    """Nor does one that was given back, or that nobody ever had."""
    assert not fence.must_end(NAME)
    fence.renewed(NAME, fence.now())
    assert not fence.must_end(NAME)
    fence.renewed(NAME, fence.now() - 6)
    assert fence.must_end(NAME)
    fence.given_back(NAME)
    assert not fence.must_end(NAME)


def test_another_process_of_its_number_is_left_alone(
    fence: Fence, children: list["subprocess.Popen[bytes]"]
) -> None:
    """Numbers are given again."""
    child = begin(children, "sleep", "600")
    fence.renewed(NAME, fence.now() - 100)
    is_it = identify(child.pid)
    fence.guard(NAME, replace(is_it, started=is_it.started - 1))
    [beside] = fence._beside
    wait_for(lambda: not _lives(beside), 20)
    assert child.poll() is None


def test_old_notes_go(fence: Fence, tmp_path: Path) -> None:
    """Those of today stay: something may still run by them."""
    fence.renewed("old", fence.now())
    [old] = tmp_path.iterdir()
    os.utime(old, (1, 1))
    fence.renewed("new", fence.now())
    fence.prune()
    assert len(list(tmp_path.iterdir())) == 1
    assert not old.exists()
