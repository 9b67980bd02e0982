"""Server processes for tests: started on a free loopback port, waited for, and surely ended."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

HOST = "127.0.0.1"
_ATTEMPTS = 3


class ServerDidNotStart(Exception):
    """A server ended, or did not listen in time; the text holds what it printed."""


def free_port() -> int:
    """A loopback port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def dies_with_us(argv: Sequence[str], *, user: str | None = None) -> list[str]:
    """The command so that the kernel ends it when this process dies, if need be as another user."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return list(argv)
    switch = [f"--reuid={user}", f"--regid={user}", "--init-groups"] if user else []
    return [setpriv, "--pdeathsig", "TERM", *switch, "--", *argv]


class Server:
    """One child process that listens on a loopback port."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        """Wrap a process that was just started."""
        self.process = process
        self.port = port
        self.log = log

    @classmethod
    def start(
        cls,
        command: Callable[[int], Sequence[str]],
        log: Path,
        *,
        environment: Mapping[str, str] | None = None,
        user: str | None = None,
        seconds: float = 30,
    ) -> Self:
        """Start `command(port)`, and again on another port where somebody else was faster."""
        for attempt in range(_ATTEMPTS):
            server = cls._spawn(dies_with_us(command(port := free_port()), user=user), port, log, environment)
            try:
                server._wait(seconds)
            except ServerDidNotStart:
                server.stop()
                if attempt == _ATTEMPTS - 1:
                    raise
            else:
                return server
        raise AssertionError("unreachable: the last attempt returns or raises")

    @classmethod
    def _spawn(cls, argv: list[str], port: int, log: Path, environment: Mapping[str, str] | None) -> Self:
        with log.open("ab") as output:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
                cwd="/",
            )
        return cls(process, port, log)

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise ServerDidNotStart(f"{self.process.args!r} ended at once: {self.printed()}")
            with socket.socket() as probe:
                if probe.connect_ex((HOST, self.port)) == 0:
                    return
            time.sleep(0.02)
        raise ServerDidNotStart(f"{self.process.args!r} did not listen in {seconds:.0f} s: {self.printed()}")

    def printed(self) -> str:
        """The last of what the process printed."""
        return self.log.read_text(errors="replace")[-2000:]

    def stop(self, first: signal.Signals = signal.SIGTERM) -> None:
        """End the process and all it started, politely first."""
        if self.process.poll() is None:
            self.process.send_signal(first)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
