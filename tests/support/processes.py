"""Server processes for tests: started on a free loopback port, waited for, and surely ended."""

import itertools
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

HOST = "127.0.0.1"
_ATTEMPTS = 3
_LOWEST = 10_000
_SHARES = 16
_NUMBERS = itertools.count(random.randrange(1 << 16))  # from anywhere on, as there may be other runs


class ServerDidNotStart(Exception):
    """A server ended, or did not listen in time; the text holds what it printed."""


def free_port() -> int:
    """A loopback port that nobody has, and that nobody gets until it is listened on.

    None of those that the kernel gives to connections and to whoever asks for any: until a server has come to listen,
    thousands of these are given out, and who waited for it would find another's server there.
    """
    for number in _NUMBERS:
        with socket.socket() as probe, suppress(OSError):
            probe.bind((HOST, _port(number)))
            found: int = probe.getsockname()[1]
            return found
    raise AssertionError("unreachable: there is always a next number")


def _port(number: int) -> int:
    """One below the kernel's own, for each worker of pytest others; 0, which is any, where the kernel gives out all."""
    given = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _SHARES
    share = (given - _LOWEST) // _SHARES
    return _LOWEST + worker * share + number % share if share > 0 else 0


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
        seconds: float = 120,
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
