"""Requests at a rate, however long each takes: how soon they are answered."""

import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain, repeat
from socket import create_connection
from statistics import median
from threading import Event
from urllib.parse import urlsplit

_THREADS = 16


class Load:
    """Who asks one server, as one who is signed in: `header` is what shows that, `Name: value`."""

    def __init__(self, url: str, header: str) -> None:
        """Nothing is asked yet."""
        host = urlsplit(url).netloc
        address, _, port = host.rpartition(":")
        self._address = (address, int(port))
        self._head = f" HTTP/1.1\r\nHost: {host}\r\n{header}\r\nConnection: close\r\n\r\n"

    def ask(self, path: str) -> int:
        """One request on a connection of its own; gives the bytes of its answer. Raises RuntimeError where that is not well.

        Past any library: who asks is on other machines, so here that should take next to nothing.
        """
        with create_connection(self._address, timeout=30) as connection:
            connection.sendall(f"GET {path}{self._head}".encode())
            pieces = []
            while piece := connection.recv(1 << 18):
                pieces.append(piece)
        head, _, body = b"".join(pieces).partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(f"{path} is answered with {head[:100]!r}")
        return len(body)

    def times(
        self, paths: Sequence[str], rate: float, count: int, *, gives_way: bool = False
    ) -> Mapping[str, Sequence[float]]:
        """The milliseconds that each answer took, by path: asked for in turn, at a rate that all have together.

        With `gives_way` whoever asks takes only what all others leave of the processors.
        """
        taken: dict[str, list[float]] = {path: [] for path in paths}
        begin = time.perf_counter() + 0.5

        def ask(number: int, path: str) -> None:
            due = begin + number / rate
            time.sleep(max(0.0, due - time.perf_counter()))
            self.ask(path)
            taken[path].append(
                (time.perf_counter() - due) * 1000
            )  # from when it was due: what waits has waited

        with ThreadPoolExecutor(_THREADS, initializer=_give_way if gives_way else None) as threads:
            list(threads.map(ask, range(count), chain.from_iterable(repeat(tuple(paths)))))
        return taken


@contextmanager
def beside(load: Load, paths: Sequence[str], rate: int) -> Iterator[None]:
    """So many requests a second for the length of a block. Raises RuntimeError where they were not answered well."""
    over = Event()

    def ask() -> None:
        while not over.is_set():
            load.times(paths, rate, rate, gives_way=True)

    with ThreadPoolExecutor(1) as thread:
        asking = thread.submit(ask)
        try:
            yield
        finally:
            over.set()
        asking.result()


def _give_way() -> None:
    """Of this thread alone, as Linux has it."""
    thread = threading.get_native_id()
    os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + 10)  # the least is 19


def p99(figures: Sequence[float]) -> float:
    """The 99th percentile."""
    return sorted(figures)[max(0, round(len(figures) * 0.99) - 1)]


def said(rate: float, figures: Sequence[float]) -> str:
    """What the figure is, and the median beside it."""
    return f"99th percentile at {rate:g} requests a second; the median is {median(figures):.0f} ms"
