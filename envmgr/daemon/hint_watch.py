"""What webhooks, and people in other processes, hinted at: looked at at once, and no repository more often than every few seconds for it."""

import threading
import time
from collections.abc import Callable, Collection

from envmgr.commands.runtime import Runtime
from envmgr.domain.values.names import RepositoryId

PAUSE = 5.0
"""Seconds between two looks at a repository that hints ask for; one that comes sooner waits as long."""


class HintWatch:
    """Takes hints from the records; `look` has repositories looked at. Any thread may tick it."""

    def __init__(self, runtime: Runtime, look: Callable[[Collection[RepositoryId]], None]) -> None:
        self._runtime = runtime
        self._look = look
        self._looked: dict[RepositoryId, float] = {}
        self._lock = threading.Lock()

    def reconfigure(self, runtime: Runtime) -> None:
        """Works by another configuration from now on."""
        self._runtime = runtime

    def tick(self) -> None:
        """Has looked at what may be looked at again; raises what the store raises."""
        if not self._may_come():
            return
        services = self._runtime.services
        with self._lock:
            before = time.monotonic() - PAUSE
            hints = services.store.hooks.hints
            # What is not taken stays in the records: nothing is forgotten for having come too soon, or to another host.
            ours = [
                each
                for each in hints.waiting()
                if each in services.repositories
                and self._looked.get(each, before) <= before
                and services.fleet.takes_poll(each)
            ]
            found = hints.take(ours)
            self._looked.update(dict.fromkeys(found, time.monotonic()))
        if found:
            self._look(found)

    def _may_come(self) -> bool:
        """Whether anybody can leave one: webhooks, or who approves the head of a fork in another process."""
        forks = (
            r.previews is not None and r.previews.forks for r in self._runtime.services.repositories.values()
        )
        return bool(self._runtime.hooks) or any(forks)
