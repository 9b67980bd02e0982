"""Time that passes without anybody waiting: what the engine would sleep goes by on a test's clock at once."""

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PLACES = (
    "envmgr.daemon.more_urgent",
    "envmgr.engine.change.destroy",
    "envmgr.engine.change.health",
    "envmgr.engine.reconcile.workers",
    "envmgr.engine.work.insistence",
    "envmgr.engine.work.stopping",
)
"""The modules that look at `time` for how long something lasts, not for when it is."""


class Passing:
    """In the place of the module `time`, of which these modules use just two functions."""

    def __init__(self) -> None:
        """Nobody's clock is moved yet."""
        self.passed = 0.0
        self.move: Callable[[timedelta], None] = lambda _: None
        """Moves the clock of whoever is told of."""

    def monotonic(self) -> float:
        """Seconds that were slept, or passed otherwise."""
        return self.passed

    def sleep(self, seconds: float) -> None:
        """Lets them pass; at least so many that the sum is another."""
        seconds = max(seconds, 0.001)
        self.passed += seconds
        self.move(timedelta(seconds=seconds))


PASSING = Passing()
"""The one that the modules are given: a history is told by one thread."""
