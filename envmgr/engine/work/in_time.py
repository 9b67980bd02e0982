"""Waiting for work of other threads, also of a pool that was shut down."""

from collections.abc import Iterable
from concurrent.futures import Future, wait
from typing import Any


def all_over(futures: Iterable[Future[Any]], timeout: float | None) -> bool:
    """Waits until all are over, for so many seconds at most; whether they are.

    One that was cancelled before a thread took it up is over, too: `concurrent.futures.wait` would wait for it for ever.
    """
    return not wait([each for each in futures if not each.done()], timeout).not_done
