"""Whether what a look in the background holds up is wanted for something else."""

import time
from collections.abc import Callable

from envmgr.domain.values.environment import Environment
from envmgr.ports import Store

_PAUSE = 1.0  # seconds between two looks at the record


class MoreUrgent:
    """Whether an environment is wanted for something more urgent: its branch moved, or envmgr ends."""

    def __init__(self, store: Store, environment: Environment, ending: Callable[[], bool]) -> None:
        """`environment` as it was when the look began."""
        self._store = store
        self._environment = environment
        self._ending = ending
        self._next = time.monotonic() + _PAUSE

    def __call__(self) -> bool:
        """Asks the database now and then only."""
        if self._ending():
            return True
        if time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + _PAUSE
        now, before = self._store.environment(self._environment.id), self._environment
        return now is None or (now.target, now.suspended) != (before.target, before.suspended)
