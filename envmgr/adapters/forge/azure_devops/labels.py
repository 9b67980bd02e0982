"""Labels of pull requests, which a list of these need not show: kept for a while, since each is a call of its own."""

import threading
from collections.abc import Callable

_SECONDS = 300.0
_MOST = 1_000


class Labels:
    """The labels of pull requests by number, as they were not long ago."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """By a clock that only goes forward, in seconds."""
        self._clock = clock
        self._kept: dict[int, tuple[float, tuple[str, ...]]] = {}
        self._lock = threading.Lock()

    def of(self, number: int, asked: Callable[[], tuple[str, ...]]) -> tuple[str, ...]:
        """The labels of one; `asked` gives them where none are kept, or for too long."""
        with self._lock:
            kept = self._kept.get(number)
        now = self._clock()
        if kept is not None and now - kept[0] < _SECONDS:
            return kept[1]
        found = asked()
        with self._lock:
            if len(self._kept) >= _MOST:
                self._kept.clear()
            self._kept[number] = (now, found)
        return found
