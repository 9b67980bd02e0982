"""How often somebody asks, and who that is: counted by who was recognised, else by address."""

import time
from collections import OrderedDict
from collections.abc import Callable

_CALLERS = 10_000


class Rate:
    """Counts requests by caller: each may have so many a minute, and may save up no more than that."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Nobody has asked yet."""
        self._clock = clock
        self._callers: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, caller: str, per_minute: int) -> float:
        """Takes one request off what a caller has left; gives how long to wait (seconds), 0 where there was one."""
        now, left = self._clock(), self.left(caller, per_minute)
        is_allowed = left >= 1
        self._callers[caller] = (left - 1 if is_allowed else left, now)
        self._callers.move_to_end(caller)
        while len(self._callers) > _CALLERS:  # who asked longest ago
            self._callers.popitem(last=False)
        return 0.0 if is_allowed else (1 - left) * 60 / per_minute

    def left(self, caller: str, per_minute: int) -> float:
        """How many requests a caller has left just now."""
        now = self._clock()
        left, at = self._callers.get(caller, (float(per_minute), now))
        return min(float(per_minute), left + (now - at) * per_minute / 60)


class Known:
    """Who was recognised by which secret of late; of secrets only digests are kept."""

    def __init__(self) -> None:
        """Nobody was."""
        self._names: OrderedDict[str, str] = OrderedDict()

    def note(self, digest: str, name: str) -> None:
        """Somebody was recognised by a secret."""
        self._names[digest] = name
        self._names.move_to_end(digest)
        while len(self._names) > _CALLERS:  # who was longest ago
            self._names.popitem(last=False)

    def name(self, digest: str | None) -> str | None:
        """Who was recognised by a secret; None where nobody was."""
        return None if digest is None else self._names.get(digest)
