"""What a child left running is found in whatever moment it is looked at."""

import os
import signal
import time
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


def test_what_was_there_before_is_nothing_that_was_left() -> None:
    """Of a session only what began with its leader or later is looked at; a mark alone is looked for everywhere."""
    mark = f"ENVMGR_TRIAL=before-{os.getpid()}"
    name, _, value = mark.partition("=")

    def begin() -> int:
        return os.posix_spawn("/bin/sleep", ["sleep", "600"], {name: value}, setsid=True)

    before = begin()
    time.sleep(2 / os.sysconf("SC_CLK_TCK"))  # times of processes are told in ticks
    leader = os.posix_spawn("/bin/true", ["true"], {}, setsid=True)
    after = begin()
    try:
        assert end_leftovers(leader, mark) == 1
        assert os.waitpid(after, os.WNOHANG)[0] == after
        assert os.waitpid(before, os.WNOHANG)[0] == 0
        assert end_leftovers(None, mark) == 1
        assert os.waitpid(before, 0)[0] == before
    finally:
        os.waitpid(leader, 0)
        for pid in (before, after):
            with suppress(ChildProcessError, ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
