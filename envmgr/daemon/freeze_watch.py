"""What was frozen or thawed by anybody since the last look: its repositories are looked at again."""

import time
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from envmgr.commands.runtime import Runtime
from envmgr.domain.values.names import RepositoryId

if TYPE_CHECKING:
    from envmgr.domain.values.asking.freeze import Freeze


PAUSE = 5.0
"""Seconds between two looks: what waits for a thaw goes on so much later. What begins asks by itself, at once."""


class FreezeWatch:
    """Knows the freezes that there were at the last look."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """The first look tells of all that are frozen."""
        self._known: frozenset[Freeze] = frozenset()
        self._clock, self._next = clock, 0.0

    def news(self, runtime: Runtime) -> Collection[RepositoryId]:
        """The repositories of which a freeze came, went or became another; raises what the store raises."""
        if self._clock() < self._next:
            return []
        found = frozenset(runtime.services.store.freezes.all())
        self._next = self._clock() + PAUSE
        changed, self._known = found ^ self._known, found
        return [each for each in runtime.services.repositories if any(f.covers(each) for f in changed)]
