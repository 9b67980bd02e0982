"""Waiting for what another thread or process does."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_PAUSE = 0.05


def wait_for(
    condition: Callable[[], T | None], seconds: float = 180, told: Callable[[], str] = lambda: ""
) -> T:
    """Wait until a condition holds; gives what it gave then.

    Fails where it does not come about in so many seconds, with what `told` gives by then.
    """
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"it did not come about in {seconds:.0f} s\n{told()}")
        time.sleep(_PAUSE)
    return found
