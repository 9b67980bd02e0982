"""A process that /proc hides lives, as far as is known: who was to wait for its end may not go on."""

import os
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from envmgr.adapters import processes
from envmgr.adapters.processes import identify
from envmgr.domain.errors import RetryLater
from envmgr.host.children.child import Supervision, attend


@pytest.fixture
def living() -> Iterator[int]:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
        yield process.pid


@pytest.fixture
def hidden(living: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """As under `ProtectProc=invisible` with `PrivateUsers=yes`: signals find it, /proc does not show it."""
    known = identify(living)
    assert known.pid == living
    monkeypatch.setattr(processes, "PROC", tmp_path)
    return living


def test_a_process_that_is_hidden_is_not_taken_for_ended(hidden: int) -> None:
    with pytest.raises(RetryLater, match=f"process {hidden}, and /proc hides which one"):
        identify(hidden)


def test_one_that_has_ended_is_known_to_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "PROC", tmp_path)
    with subprocess.Popen(["true"]) as process:
        pass
    with pytest.raises(ProcessLookupError):
        identify(process.pid)


def test_who_adopts_one_that_is_hidden_is_not_told_of_its_end(hidden: int) -> None:
    supervision = Supervision(
        timeout=timedelta(minutes=1),
        patience=timedelta(seconds=1),
        started=lambda _: pytest.fail("it is not known which it is"),
        stop=lambda: False,
        tick=lambda: True,
    )
    with pytest.raises(RetryLater):
        attend(hidden, lambda pid: identify(pid).pid == os.getpid(), supervision)
