"""`envmgr serve` in a process of its own for the length of a block."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_LONGEST = 60.0
_LISTENS = re.compile(r"Listens on ([0-9.]+:\d+)")


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """Its process and its address."""

    pid: int
    url: str


@contextmanager
def serving(config: Path, data: Path, log: Path) -> Iterator[ServerProcess]:
    """The server, from when it listens. Raises RuntimeError with what it said where it does not."""
    command = [sys.executable, "-m", "envmgr", "--config", str(config), "--data-dir", str(data), "serve"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=dict(os.environ))
    try:
        yield ServerProcess(process.pid, _address(process, log))
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _address(process: "subprocess.Popen[bytes]", log: Path) -> str:
    deadline = time.monotonic() + _LONGEST
    while (found := _LISTENS.search(log.read_text())) is None:
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the server did not start: {log.read_text()[-3000:]}")
        time.sleep(0.1)
    return f"http://{found[1]}"


def resident_mib(pid: int) -> float:
    """The memory of a process that is in RAM."""
    found = re.search(r"^VmRSS:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    if found is None:
        raise RuntimeError("this kernel does not say how much memory is resident")
    return int(found[1]) / 1024
