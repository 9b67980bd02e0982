"""What a child left running is found in whatever moment it is looked at."""

import os
import signal
from contextlib import suppress

import pytest

from envmgr.host.children.leftovers import end_leftovers

# Runs itself anew without end: for a good part of its time it is between two programs.
AGAIN = 'exec /bin/sh -c "$AGAIN"'


@pytest.mark.parametrize("trial", range(40))
def test_between_two_programs(trial: int) -> None:
    """A process is found in the moment in which it has no environment, as it is about to run another program."""
    mark = f"ENVMGR_TRIAL=again-{os.getpid()}-{trial}"
    name, _, value = mark.partition("=")
    pid = os.posix_spawn("/bin/sh", ["sh", "-c", AGAIN], {"AGAIN": AGAIN, name: value}, setsid=True)
    try:
        assert end_leftovers(None, mark) == 1
        assert os.waitpid(pid, 0)[1] in (signal.SIGTERM, signal.SIGKILL)
        pid = 0
    finally:
        if pid:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
