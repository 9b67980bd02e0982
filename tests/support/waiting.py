"""Waiting for what another thread or process does."""

import re
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
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


def stopwatch() -> Callable[[], float]:
    """Seconds from now on, but for those in which anything here waited for a processor: others had it then.

    For what is to be quick: on an idle host that is all of the time, on a busy one next to nothing.
    """
    began, waited = time.monotonic(), _waited_for_processors()
    return lambda: time.monotonic() - began - (_waited_for_processors() - waited)


def _waited_for_processors() -> float:
    """Since the boot, as the kernel counts it; 0 where it does not."""
    with suppress(OSError):
        found = re.search(r"^some .*total=(\d+)", Path("/proc/pressure/cpu").read_text())
        return int(found[1]) / 1e6 if found else 0
    return 0
