"""A daemon that runs in a process of its own for the length of a block."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LONGEST = 120.0


@contextmanager
def running(config: Path, data: Path, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """The daemon, from when it has started; its log is appended to a file. Raises RuntimeError with that."""
    begin = log.stat().st_size if log.exists() else 0
    command = [sys.executable, "-m", "envmgr", "--config", str(config), "--data-dir", str(data), "daemon"]
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        _wait_for_the_start(process, log, begin)
        yield process
    finally:
        for _ in range(2):  # the second ends what hangs
            process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.5)
        try:
            process.wait(LONGEST)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def _wait_for_the_start(process: "subprocess.Popen[bytes]", log: Path, begin: int) -> None:
    """Until the daemon has its database, and has looked at all: who opens one again and again while it is made keeps it from that."""
    deadline = time.monotonic() + LONGEST
    while b'"action": "started"' not in log.read_bytes()[begin:]:
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the daemon did not start: {log.read_text()[-3000:]}")
        time.sleep(0.1)
