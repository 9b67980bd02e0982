"""The queue of one process: the port `Queue` without another process to share it with."""

import heapq
import threading
from collections import Counter
from collections.abc import Collection, Mapping
from itertools import count

from envmgr.domain.values.hosts.priority import Priority, Turn
from envmgr.domain.values.names import EnvironmentId


class ThreadQueue:
    """In memory: gone with its process, which finds anew what is due when it starts. See `envmgr.ports.hosts`."""

    def __init__(self) -> None:
        """Nothing waits."""
        self._lock = threading.Lock()
        self._numbers = count()
        self._waiting: dict[EnvironmentId, tuple[Priority, int]] = {}
        self._heaps: dict[str, list[tuple[int, int, EnvironmentId]]] = {}

    def put(self, wanted: Mapping[EnvironmentId, Priority]) -> None:
        """Lets environments wait for their turns, each once; the greater priority counts."""
        with self._lock:
            for environment, priority in wanted.items():
                self._put(environment, priority)

    def _put(self, environment: EnvironmentId, priority: Priority) -> None:
        before = self._waiting.get(environment)
        if before is not None and before[0] >= priority:
            return
        # Whoever is raised keeps its number: among its equals it has waited for as long as it has. The entry of
        # before is passed over when it comes up.
        number = before[1] if before is not None else next(self._numbers)
        self._waiting[environment] = (priority, number)
        heap = self._heaps.setdefault(environment.organization, [])
        heapq.heappush(heap, (-priority, number, environment))

    def take(self, organization: str) -> Turn | None:
        """Whose turn it is in an organization; None where nobody waits."""
        with self._lock:
            heap = self._heaps.get(organization, [])
            while heap:
                negative, number, environment = heapq.heappop(heap)
                if self._waiting.get(environment) == (-negative, number):
                    del self._waiting[environment]
                    return Turn(environment, number)
            return None

    def withdraw(self, environment: EnvironmentId) -> None:
        """Has an environment wait no more; quiet where it does not. Its entry is passed over when it comes up."""
        with self._lock:
            self._waiting.pop(environment, None)

    def done(self, turn: Turn) -> None:
        """There is nothing to take away: what was taken is in the queue no more."""

    def waiting(self, organizations: Collection[str]) -> Mapping[str, int]:
        """How many wait, by organization."""
        with self._lock:
            found = Counter(each.organization for each in self._waiting)
        return {name: found[name] for name in organizations if found[name]}

    def sweep(self) -> None:
        """There is nothing to sweep: nothing outlives this process."""

    def close(self) -> None:
        """There is nothing to give back."""
