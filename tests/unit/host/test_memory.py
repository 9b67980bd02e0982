"""The limit of a child's memory holds for it and for what it starts, also for what it started before."""

import subprocess
import sys
import time

from envmgr.host.memory import limit_memory

MIB = 1024**2
TAKES = "import sys\ntry:\n    x = bytearray(300 * 1024**2)\nexcept MemoryError:\n    sys.exit(7)\n"
STARTS = (
    "import subprocess, sys, time\n"
    f"child = subprocess.Popen([sys.executable, '-c', 'import sys; sys.stdin.readline()\\n' + {TAKES!r}], stdin=subprocess.PIPE)\n"
    "print(child.pid, flush=True); sys.stdin.readline()\n"
    "child.communicate(b'go\\n'); sys.exit(child.returncode)\n"
)


def started(program: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def test_a_child_gets_no_more() -> None:
    for memory, code in ((200 * MIB, 7), (900 * MIB, 0)):
        child = started("import sys; sys.stdin.readline()\n" + TAKES)
        limit_memory(child.pid, memory)
        child.communicate(b"go\n", timeout=20)
        assert child.returncode == code


def test_nor_what_it_started_before() -> None:
    child = started(STARTS)
    assert child.stdout is not None
    assert child.stdout.readline()
    limit_memory(child.pid, 200 * MIB)
    child.communicate(b"go\n", timeout=20)
    assert child.returncode == 7


def test_a_child_that_has_ended_is_no_error() -> None:
    child = started("pass")
    child.communicate()
    time.sleep(0)
    limit_memory(child.pid, MIB)
