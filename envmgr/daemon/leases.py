"""Holding an environment while working on it: one piece of work at a time, across all processes."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from envmgr.domain.environment import Lease, ProcessId
from envmgr.domain.errors import EnvironmentBusy, EnvmgrError, LeaseLost
from envmgr.domain.names import EnvironmentId
from envmgr.ports import Clock, Held, Store

DURATION = timedelta(seconds=90)
RENEWAL = timedelta(seconds=20)


class Leases:
    """The leases this process holds, renewed by one thread for as long as there are any."""

    def __init__(
        self, store: Store, clock: Clock, owner: ProcessId, is_dead: Callable[[ProcessId], bool]
    ) -> None:
        self._store = store
        self._clock = clock
        self._owner = owner
        self._is_dead = is_dead
        self._held: dict[EnvironmentId, Lease] = {}
        self._lost: set[EnvironmentId] = set()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._renewer: threading.Thread | None = None

    @contextmanager
    def hold(self, environment: EnvironmentId, purpose: str) -> Iterator[Lease]:
        """Holds an environment for a block; raises EnvironmentBusy, naming the holder, where another does."""
        now = self._clock()
        lease = self._store.acquire(environment, self._owner, purpose, now, DURATION, self._is_dead)
        if isinstance(lease, Held):
            raise EnvironmentBusy(busy_message(lease.lease))
        with self._lock:
            self._held[environment] = lease
            self._lost.discard(environment)
            self._start_renewer()
        try:
            yield lease
        finally:
            with self._lock:
                self._held.pop(environment, None)
            self._store.release(lease)

    def is_lost(self, environment: EnvironmentId) -> bool:
        """Whether another process took the lease over while we held it."""
        return environment in self._lost

    def close(self) -> None:
        """Ends the renewing thread."""
        self._wake.set()

    def renew(self) -> None:
        """Renews all that is held; what was taken over is marked lost."""
        with self._lock:
            held = list(self._held.values())
        for lease in held:
            try:
                self._store.renew(lease, self._clock(), DURATION)
            except LeaseLost:
                self._lost.add(lease.environment)
            except EnvmgrError:
                continue  # the store may be back by the next time, well before the lease ends

    def _start_renewer(self) -> None:
        if self._renewer is None or not self._renewer.is_alive():
            self._renewer = threading.Thread(target=self._renew_for_ever, name="leases", daemon=True)
            self._renewer.start()

    def _renew_for_ever(self) -> None:
        while not self._wake.wait(RENEWAL.total_seconds()):
            self.renew()


def busy_message(lease: Lease) -> str:
    """The sentence for who finds an environment held."""
    return (
        f"{lease.environment} is held by {lease.owner} ({lease.purpose}) since "
        f"{lease.acquired_at:%Y-%m-%d %H:%M:%S} UTC: wait for it to end."
    )
