"""The web applications that the demo's deploy steps start: free ports for them, their pages, and their end."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from http.client import HTTPException
from pathlib import Path
from random import SystemRandom
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

_PROC = Path("/proc")
_SECONDS = 5.0
_LOWEST, _TRIES = 10_000, 100


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 at which nobody listens now, and that the kernel gives to nobody who asks it for any.

    They are listened on only once an environment is there: until then another program would have got some of those.
    """
    with ExitStack() as taken:
        ports: list[int] = []

        def take(port: int) -> None:
            ports.append(taken.enter_context(socket.create_server(("127.0.0.1", port))).getsockname()[1])

        for port in _candidates():
            if len(ports) < count:
                with suppress(OSError):  # somebody listens there
                    take(port)
        while len(ports) < count:
            take(0)
        return ports


def _candidates() -> list[int]:
    """Ports in no order; none where the kernel gives out all of them."""
    try:
        given = int((_PROC / "sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError):
        return []
    own = range(_LOWEST, given)
    return SystemRandom().sample(own, min(len(own), _TRIES))


def answer(url: str) -> str:
    """What an address answers now, asked without a proxy; empty where nobody does."""
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=_SECONDS) as response:
            return str(response.read().decode())
    except (OSError, HTTPException):
        return ""


def is_served(url: str) -> bool:
    """Whether anybody listens at an address, whatever they answer."""
    address = urlsplit(url)
    try:
        socket.create_connection((address.hostname or "", address.port or 80), _SECONDS).close()
    except OSError:
        return False
    return True


def end_servers(folder: Path) -> None:
    """Ends all that deploy steps left running for environments below a folder, and waits until it has ended."""
    deadline = time.monotonic() + _SECONDS
    while (left := list(_servers(folder))) and time.monotonic() < deadline:
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def _servers(folder: Path) -> Iterator[int]:
    """The living `app.py FOLDER…`, by whichever program; of a zombie the arguments are empty."""
    for process in _PROC.iterdir():
        with suppress(OSError):
            arguments = (process / "cmdline").read_bytes().split(b"\0") if process.name.isdigit() else []
            if b"app.py" in arguments and any(a.startswith(os.fsencode(folder)) for a in arguments):
                yield int(process.name)
