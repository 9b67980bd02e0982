"""The places of an organization's workers: who moves has one, who hangs gives it up until it moves again."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from envmgr.domain.rules.places import free

# Silence grows without anything that could wake those who wait, so they look for themselves.
_LOOK_SECONDS = 1.0


class Place:
    """Of one environment that is worked on."""

    def __init__(self) -> None:
        """Something moves there."""
        self._moved_at = time.monotonic()

    def quiet(self, duration: timedelta) -> None:
        """Says for how long nothing has moved there."""
        self._moved_at = time.monotonic() - duration.total_seconds()

    @property
    def silence(self) -> timedelta:
        """For how long nothing has moved, or nobody has said anything about it, which is the same to those who wait."""
        return timedelta(seconds=time.monotonic() - self._moved_at)


class Places:
    """Of one organization; given in the order in which they are asked for."""

    def __init__(self, concurrency: int, patience: timedelta) -> None:
        """So many at once; who is quiet for as long as `patience` is no longer counted."""
        self._concurrency = concurrency
        self._patience = patience
        self._changed = threading.Condition()
        self._waiting: deque[Place] = deque()
        self._taken: list[Place] = []
        self._closed = False

    @contextmanager
    def place(self) -> Iterator[Place]:
        """Waits for a place and keeps it for the block; once closed, there is nothing to wait for."""
        place = Place()
        with self._changed:
            self._waiting.append(place)
            while not self._may_begin(place):
                self._changed.wait(_LOOK_SECONDS)
            self._waiting.remove(place)
            self._taken.append(place)
            # The time it waited is no silence of its own.
            place.quiet(timedelta())
            # Whoever is next now may find a place free as well.
            self._changed.notify_all()
        try:
            yield place
        finally:
            with self._changed:
                self._taken.remove(place)
                self._changed.notify_all()

    @property
    def number(self) -> int:
        """How many there are."""
        return self._concurrency

    def close(self) -> None:
        """Lets all go on who wait, to find that there is no more work."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _may_begin(self, place: Place) -> bool:
        quiet = [taken.silence for taken in self._taken]
        # In turn: else a stream of newcomers could pass one by for ever.
        is_next = self._waiting[0] is place and free(self._concurrency, quiet, self._patience) > 0
        return self._closed or is_next
