"""By what a state lock is known to be ours."""

import pwd
import socket

import pytest

from envmgr.engine.work.lock_recorder import our_name


def test_a_user_that_the_system_does_not_know_has_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container: Terraform writes `@host` then, seen with 1.11.4."""
    monkeypatch.setattr("os.getuid", lambda: 54321)
    with pytest.raises(KeyError):
        pwd.getpwuid(54321)
    assert our_name() == f"@{socket.gethostname()}"
