"""Holding an environment while working on it: one piece of work at a time, across all processes."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import structlog

from envmgr.domain.errors import EnvironmentBusy, EnvmgrError, LeaseLost, Transient
from envmgr.domain.values.environment import Lease, ProcessId
from envmgr.domain.values.hosts.terms import TERMS
from envmgr.domain.values.names import EnvironmentId
from envmgr.host.fence import Fence
from envmgr.ports import Clock, LeaseTaken, Processes, Store

from .hosts import Fleet, try_to_beat
from .late_ends import LateEnds

log = structlog.get_logger()


class Leases:
    """The leases this process holds, renewed by one thread for as long as there are any.

    A lease whose end has passed is taken over only where its owner does not provably live on this host, and where the
    database's clock was not set: a clock that is set forward takes nothing away. One that could not be given back is given back later.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        owner: ProcessId,
        processes: Processes,
        fleet: Fleet | None = None,
        fence: Fence | None = None,
    ) -> None:
        """`fleet` is this host among others; nothing is held where it is to begin nothing.

        `fence` ends what runs before a lease does, where others may take it over then.
        """
        self._fence = fence
        self._store = store
        self._fleet = fleet if fleet is not None else Fleet(store, clock, owner, processes)
        self._clock = clock
        self._owner = owner
        self._processes = processes
        self._ours: dict[EnvironmentId, Lease | None] = {}  # None: about to be taken
        self._left: list[Lease] = []
        self.late_ends = LateEnds(store)
        """What runs under these leases came to, where it could not be written: no lease is given back before that."""
        self._lost: set[EnvironmentId] = set()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._renewer: threading.Thread | None = None

    @contextmanager
    def hold(self, environment: EnvironmentId, purpose: str) -> Iterator[Lease]:
        """Holds an environment for a block; raises EnvironmentBusy, naming the holder, where another does.

        So it does, saying why, where this host is to begin nothing.
        """
        if why := self._fleet.why_passive(environment.organization):
            raise EnvironmentBusy(f"{environment} is not worked on here. {why}")
        self._reserve(environment)
        try:
            lease = self._take(environment, purpose)
            try:
                yield lease
            finally:
                self._give_back(lease)
        finally:
            with self._lock:
                self._ours.pop(environment, None)

    def is_lost(self, environment: EnvironmentId) -> bool:
        """Whether another process took the lease over while we held it, or is about to: it could not be renewed."""
        if environment in self._lost:
            return True
        return self._fence is not None and self._fence.must_end(environment.state_key)

    def guard(self, environment: EnvironmentId, child: ProcessId) -> None:
        """Sees to it that a child that was begun under a lease ends before that does, whatever becomes of us."""
        if self._fence is not None:
            self._fence.guard(environment.state_key, child)

    def prune(self) -> None:
        """Forgets what was noted of leases long ago."""
        if self._fence is not None:
            self._fence.prune()

    def close(self) -> None:
        """Ends the renewing thread."""
        self._wake.set()
        self.late_ends.write()

    def renew(self) -> None:
        """Renews all that is held; what was taken over is marked lost. Gives back what could not be before."""
        with self._lock:
            held = [lease for lease in self._ours.values() if lease is not None]
            left, self._left = self._left, []
        parts: list[Callable[[], object]] = []
        if held and not self._fleet.serves:  # a daemon does so by itself
            parts.append(partial(try_to_beat, self._fleet))
        parts += [self.late_ends.write, *(partial(self._give_back, lease) for lease in left)]
        parts += [partial(self._renew, lease) for lease in held]
        for part in parts:
            try:
                part()
            except Exception:
                # A mistake of ours in one of them must not let the other leases run out: what runs under them would end.
                log.exception("Unexpected error", action="unexpected")

    def _renew(self, lease: Lease) -> None:
        try:
            with self._renewing(lease.environment):
                self._store.renew(lease, self._clock(), TERMS.lease)
        except LeaseLost:
            self._lost.add(lease.environment)
        except EnvmgrError:
            return  # the store may be back by the next time, well before the lease ends

    def _reserve(self, environment: EnvironmentId) -> None:
        """From here on no other thread of ours asks for it, so what the store says is ours was left behind."""
        with self._lock:
            if environment in self._ours:
                lease = self._ours[environment]
                raise EnvironmentBusy(
                    busy_message(lease) if lease else f"{environment} is about to be worked on here."
                )
            self._ours[environment] = None

    def _take(self, environment: EnvironmentId, purpose: str) -> Lease:
        self._end_what_is_left(environment)
        with self._renewing(environment):
            taken = self._store.acquire(
                environment, self._owner, purpose, self._clock(), TERMS.lease, self._is_over, self._is_living
            )
            if isinstance(taken, LeaseTaken):
                raise EnvironmentBusy(busy_message(taken.lease))
        with self._lock:
            self._ours[environment] = taken
            self._lost.discard(environment)
            self._start_renewer()
        return taken

    def _end_what_is_left(self, environment: EnvironmentId) -> None:
        """Under a new lease nobody could write any more what was done under the one before."""
        self.late_ends.write()
        if self.late_ends.are_left_of(environment):
            raise Transient(
                f"What the last run of {environment} came to could not be written to the database yet: nothing is begun there before."
            )

    @contextmanager
    def _renewing(self, environment: EnvironmentId) -> Iterator[None]:
        """Notes that a lease holds anew from the beginning of the block on, if that succeeds."""
        # Taken before the request: the database counts from some moment after it, so ours ends no later.
        began = self._fence.now() if self._fence is not None else 0.0
        yield
        if self._fence is not None:
            self._fence.renewed(environment.state_key, began)

    def _give_back(self, lease: Lease) -> None:
        if self._fence is not None:
            self._fence.given_back(lease.environment.state_key)
        with self._lock:
            # Renewed no more, but still reserved: no thread of ours may ask for it before it is given back.
            if self._ours.get(lease.environment) == lease:
                self._ours[lease.environment] = None
        self.late_ends.write()
        if self.late_ends.are_left_of(lease.environment):
            with self._lock:
                self._left.append(lease)
            return
        try:
            self._store.release(lease)
        except EnvmgrError as error:
            log.warning(str(error), action="lease-not-released", environment=str(lease.environment))
            with self._lock:
                self._left.append(lease)

    def _is_over(self, owner: ProcessId) -> bool:
        return owner == self._owner or self._processes.is_dead(owner)

    def _is_living(self, owner: ProcessId) -> bool:
        """Whether an owner may live whose lease is over by the clock."""
        if self._processes.is_here(owner):
            return not self._processes.is_dead(owner)
        return not self._fleet.is_time_over()

    def _start_renewer(self) -> None:
        if self._renewer is None or not self._renewer.is_alive():
            self._renewer = threading.Thread(target=self._renew_for_ever, name="leases", daemon=True)
            self._renewer.start()

    def _renew_for_ever(self) -> None:
        while not self._wake.wait(TERMS.renewal.total_seconds()):
            self.renew()


def busy_message(lease: Lease) -> str:
    """The sentence for who finds an environment held."""
    return (
        f"{lease.environment} is held by {lease.owner} ({lease.purpose}) since "
        f"{lease.acquired_at:%Y-%m-%d %H:%M:%S} UTC: wait for it to end."
    )
