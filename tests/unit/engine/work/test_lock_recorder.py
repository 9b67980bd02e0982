"""By what a state lock is known to be ours."""

import pwd
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest

from envmgr.domain.documents.state import LockInfo
from envmgr.engine.work.lock_recorder import is_of, our_name


def test_a_user_that_the_system_does_not_know_has_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container: Terraform writes `@host` then, seen with 1.11.4."""
    monkeypatch.setattr("os.getuid", lambda: 54321)
    with pytest.raises(KeyError):
        pwd.getpwuid(54321)
    assert our_name() == f"@{socket.gethostname()}"


def test_a_lock_from_a_cage_says_of_which_run_it_is() -> None:
    """By a name that the run has before anything of it is started, on whichever host."""
    lock = LockInfo("id", "OperationTypeApply", "envmgr-5f0c9a1e77b2-1042@build-2", datetime.now(UTC))
    assert is_of(lock, Path("/var/lib/envmgr/logs/5f0c9a1e77b2/0001/1042.log"))
    assert is_of(lock, Path("/srv/other/logs/5f0c9a1e77b2/0001/1042.log"))
    assert not is_of(lock, Path("/var/lib/envmgr/logs/5f0c9a1e77b2/0001/104.log"))
    assert not is_of(lock, Path("/var/lib/envmgr/logs/aaaaaaaaaaaa/0001/1042.log"))
    assert not is_of(LockInfo("id"), Path("/dev/null"))
    assert not is_of(LockInfo("id", who="@build-2"), Path("/dev/null"))
