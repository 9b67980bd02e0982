"""The ends of runs that the database did not take: each is written as soon as it does, unless another has the lease by then.

They are in memory alone, as there is nowhere else that is surely there. A process that dies before loses none of what was
done: who takes its runs over reads from the state what an apply or a destroy came to, and does all else again.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from envmgr.domain.errors import EnvmgrError, LeaseLost
from envmgr.domain.values.environment import Lease, RunStatus
from envmgr.domain.values.names import EnvironmentId
from envmgr.ports import Store

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class LateEnd:
    """What a run came to under a lease, and what writes that; it raises LeaseLost where the lease is not the newest."""

    run: int
    lease: Lease
    write: Callable[[], object]


class LateEnds:
    """Those of this process, in the order in which the runs ended."""

    def __init__(self, store: Store) -> None:
        """There is none yet."""
        self._store = store
        self._ends: list[LateEnd] = []
        self._lock = threading.RLock()

    def keep(self, end: LateEnd) -> None:
        """Keeps an end until it is written."""
        with self._lock:
            self._ends.append(end)

    def write(self) -> None:
        """Writes what can be written, and forgets what another has ended since."""
        with self._lock:
            self._ends = [end for end in self._ends if not self._is_over(end)]

    def are_left_of(self, environment: EnvironmentId) -> bool:
        """Whether the end of one of its runs is not written yet."""
        with self._lock:
            return any(end.lease.environment == environment for end in self._ends)

    def _is_over(self, end: LateEnd) -> bool:
        try:
            found = self._store.run(end.run)
            if found is not None and found.status is RunStatus.RUNNING:
                end.write()
        except LeaseLost as lost:
            log.warning(str(lost), action="late-end-refused", run=end.run)
        except EnvmgrError:
            return False
        return True
