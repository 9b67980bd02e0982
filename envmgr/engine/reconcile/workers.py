"""Handing environments that are due to threads: so many at once for each organization."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog

from envmgr.domain.errors import EnvironmentBusy, EnvmgrError, NoPlace
from envmgr.domain.rules.attempt import is_put_off
from envmgr.domain.rules.decide import decide
from envmgr.domain.rules.neighbours import active_ones, leaving
from envmgr.domain.rules.waking import wake_times
from envmgr.domain.values.decision import Await
from envmgr.domain.values.environment import Environment, RunStatus
from envmgr.domain.values.hosts.terms import LOOK
from envmgr.domain.values.names import EnvironmentId, RepositoryId
from envmgr.engine.context.organization import Organization, Repository
from envmgr.engine.context.promotion import before
from envmgr.engine.context.services import Services
from envmgr.engine.context.snapshot import Snapshot
from envmgr.engine.work.in_time import all_over
from envmgr.engine.work.mode import Awaiting, Reconciling
from envmgr.host.system import sentences

from .places import Places
from .reconciler import Reconciler, is_due

log = structlog.get_logger()

PAUSE = LOOK
"""How long an environment is left alone that could not be worked on: looked at again at once, it would be as it is."""
_ROUNDS = 20
"""How often a pass looks for more to do: no environment has that many steps, and a pass must not go on for ever."""
_WAITING = 64
"""How many environments of an organization are waited for at once until they are healthy."""
_REMEMBERED = 20
_FULL = 0.5
"""Seconds between two looks for a place that another host has given back."""


@dataclass(frozen=True, slots=True)
class Due:
    """An environment that something is to be done with; `waits`: only until it is healthy."""

    environment: Environment
    waits: bool = False

    @property
    def id(self) -> EnvironmentId:
        """Its environment's."""
        return self.environment.id


class Workers:
    """Pools of threads for each organization; no environment is handed out twice at a time.

    Those who only wait have a pool of their own: they keep nobody from work. `unrecorded` says what kept work from even
    leaving its failure in a record, the newest few.
    """

    def __init__(self, services: Services, reconciler: Reconciler) -> None:
        self._services = services
        self._reconciler = reconciler
        self._pools: dict[str, ThreadPoolExecutor] = {}
        self._places: dict[str, Places] = {}
        self._in_flight: dict[EnvironmentId, Future[None]] = {}
        self._again: dict[RepositoryId, datetime] = {}
        self._asked_at = services.clock()
        self._sought_at = self._asked_at - LOOK
        self._put_off: dict[EnvironmentId, float] = {}
        self._let_go: dict[EnvironmentId, float] = {}
        self._lock = threading.Lock()
        self._closed = False
        self._closing = threading.Event()
        self.unrecorded: deque[str] = deque(maxlen=_REMEMBERED)
        self.finished: Callable[[EnvironmentId], None] = lambda _: None

    def reconfigure(self, services: Services, reconciler: Reconciler) -> None:
        """Works by another configuration from now on; what runs already goes on by the old one."""
        with self._lock:
            self._services, self._reconciler = services, reconciler
            pools, self._pools, self._places = self._pools, {}, {}
            self._again.clear()
        for pool in pools.values():
            # Not waited for: what runs may take an hour, and a reload must not.
            pool.shutdown(wait=False)

    def look(self, repository: Repository, *, asked: frozenset[EnvironmentId] = frozenset()) -> int:
        """Hands out what is due in a repository and notes when to look again; gives the number handed out."""
        now = self._services.clock()
        due, until = self._due(repository, now, asked, self._abandoned())
        ready = [each for each in due if not self._is_put_off(each.id)]
        if len(ready) < len(due):
            until = min(until or now + PAUSE, now + PAUSE)
        handed = sum(self._submit(repository, each, each.id in asked) for each in ready)
        with self._lock:
            self._again.pop(repository.id, None)
            if until is not None:
                self._again[repository.id] = until
        return handed

    def due_again(self) -> list[RepositoryId]:
        """The repositories at which it is time to look again although nothing happened; all if the clock was set back."""
        now = self._services.clock()
        with self._lock:
            set_back, self._asked_at = now < self._asked_at, now
            return [repository for repository, at in self._again.items() if set_back or at <= now]

    def unattended(self) -> frozenset[RepositoryId]:
        """The repositories in which a run is under way that nobody attends; asked anew every few seconds.

        A host that dies writes nothing by which the others would notice, and what it did need not be due by itself.
        """
        now = self._services.clock()
        with self._lock:
            if timedelta() <= now - self._sought_at < LOOK:
                return frozenset()
            self._sought_at = now
        return frozenset(each.repository_id for each in self._abandoned() if not self._is_put_off(each))

    def run_until_settled(
        self, repositories: Iterable[Repository], asked: frozenset[EnvironmentId], only: bool = False
    ) -> None:
        """Works until nothing in the repositories is due any more; `only`: on nothing but what was asked for.

        What another process holds is left to it, and what could not even be recorded to the next pass.
        """
        chosen = list(repositories)
        # Somebody asked for this pass: what was busy a moment ago is tried again.
        self._put_off.clear()
        for number in range(_ROUNDS + max((len(p.parts) for p in chosen), default=0)):
            first = asked if number == 0 else frozenset[EnvironmentId]()
            # Asked once a round, not once a repository: it reads all runs under way.
            abandoned = self._abandoned()
            handed = [self._look_at(p, first, asked if only else None, abandoned) for p in chosen]
            if not any(handed):
                return
            self.wait()

    def wait(self, timeout: float | None = None) -> bool:
        """Waits for all that was handed out; False where the time (seconds) ran out."""
        with self._lock:
            futures = list(self._in_flight.values())
        return all_over(futures, timeout)

    def let_go(self, identity: EnvironmentId) -> None:
        """Says that other work of this process on an environment is over: what waited for that waits no longer."""
        self._let_go[identity] = time.monotonic()
        self._put_off.pop(identity, None)
        self.finished(identity)

    @property
    def busy(self) -> list[EnvironmentId]:
        """What is being worked on, or waits for a free thread."""
        with self._lock:
            return sorted(self._in_flight)

    def close(self) -> None:
        """Takes no more work; what waits for a thread is dropped, what runs goes on."""
        with self._lock:
            self._closed = True
            self._closing.set()
            for places in self._places.values():
                places.close()
            for pool in self._pools.values():
                pool.shutdown(wait=False, cancel_futures=True)
            # A future that was cancelled never comes to the `finally` that would take it out.
            self._in_flight = {i: future for i, future in self._in_flight.items() if not future.cancelled()}

    def _look_at(
        self,
        repository: Repository,
        asked: frozenset[EnvironmentId],
        only: frozenset[EnvironmentId] | None,
        abandoned: frozenset[EnvironmentId],
    ) -> int:
        due, _ = self._due(repository, self._services.clock(), asked, abandoned)
        wanted = [e for e in due if (only is None or e.id in only) and e.id not in self._put_off]
        return sum(self._submit(repository, e, e.id in asked) for e in wanted)

    def _due(
        self,
        repository: Repository,
        now: datetime,
        asked: frozenset[EnvironmentId],
        abandoned: frozenset[EnvironmentId],
    ) -> tuple[list[Due], datetime | None]:
        environments = self._services.store.environments(repository=repository.id)
        snapshot = Snapshot(repository, environments, now, partial(before, self._services))
        together, there = leaving(environments), self._active(repository, environments)
        due: list[Due] = []
        times: list[datetime] = []
        for environment in environments:
            policy = snapshot.policy(environment)
            number = 0 if environment.id.environment in there else len(there)
            neighbours = snapshot.neighbours(environment, leaving=together, active=number)
            decision = decide(environment, policy, neighbours, now, asked=environment.id in asked)
            if is_due(environment, decision) or (
                environment.id in abandoned and not is_put_off(environment, now)
            ):
                due.append(Due(environment, waits=isinstance(decision, Await)))
            wakes = (getattr(decision, "until", None), *wake_times(environment, policy))
            times += [t for t in wakes if t is not None and t > now]
        # The oldest push first, so that a stream of new ones starves nobody.
        oldest_first = sorted(
            due, key=lambda e: e.environment.life.pushed_at or e.environment.life.created_at
        )
        return oldest_first, min(times, default=None)

    def _abandoned(self) -> frozenset[EnvironmentId]:
        """The environments with a run that nobody attends: it is ended, whatever else there is to do.

        Its process died, or the environment is not held any more: on another host, or by one that could not say so.
        """
        services = self._services
        running = services.store.runs(status=RunStatus.RUNNING)
        if not running:
            return frozenset()
        held = services.store.leases(services.clock())  # after the runs: none begins without a lease
        return frozenset(
            r.environment for r in running if r.environment not in held or services.processes.is_dead(r.owner)
        )

    def _active(
        self, repository: Repository, environments: Iterable[Environment]
    ) -> frozenset[EnvironmentId]:
        if all(e.claim is not None for e in environments):
            return frozenset()  # only asked of new ones
        return active_ones(self._services.store.environments(organization=repository.id.organization))

    def _submit(self, repository: Repository, due: Due, asked: bool) -> bool:
        if self._services.fleet.why_passive(repository.id.organization) and not asked:
            return False  # whoever asked for it is told why
        with self._lock:
            if self._closed or due.id in self._in_flight:
                return False
            # Still under the lock: a thread that is done at once must find the entry that it is to take away.
            self._in_flight[due.id] = self._hand_out(repository.organization, due, asked)
        return True

    def _hand_out(self, organization: Organization, due: Due, asked: bool) -> Future[None]:
        """To a thread for each that may be worked on, also where as many others hang; whose turn it is, its place says."""
        name = f"{'wait' if due.waits else 'work'}-{organization.name}"
        if name not in self._pools:
            # Twice as many threads as places: those that hang give up their place, but keep their thread.
            size = _WAITING if due.waits else 2 * organization.concurrency
            self._pools[name] = ThreadPoolExecutor(size, thread_name_prefix=name)
        if due.waits:
            return self._pools[name].submit(self._work, due.id, self._await)
        if organization.name not in self._places:
            self._places[organization.name] = Places(organization.concurrency, organization.patience)
        places = self._places[organization.name]
        return self._pools[name].submit(
            self._work, due.id, partial(self._reconcile, places=places, asked=asked)
        )

    def _await(self, identity: EnvironmentId) -> None:
        self._reconciler.reconcile(identity, Awaiting(urgent=lambda: self._closed))

    def _reconcile(self, identity: EnvironmentId, places: Places, asked: bool) -> None:
        with places.place() as place:
            mode = Reconciling(asked=asked, on_quiet=place.quiet, places=places.number)
            while not self._closed:
                try:
                    self._reconciler.reconcile(identity, mode)
                except NoPlace as full:
                    self._none_free(full)
                else:
                    return

    def _none_free(self, full: NoPlace) -> None:
        """Other hosts have all places: whoever is the first here waits, so that its turn stays its own."""
        log.debug(str(full), action="no-place")
        self._closing.wait(_FULL)

    def _work(self, identity: EnvironmentId, do: Callable[[EnvironmentId], None]) -> None:
        if self._closed:
            return  # it still waited in the pool of an earlier configuration
        began = time.monotonic()
        try:
            with sentences():
                do(identity)
        except EnvironmentBusy as busy:
            log.info(str(busy), action="busy", environment=str(identity))
            self._leave_alone(identity, began)
        except EnvmgrError as error:
            self.unrecorded.append(f"{identity}: {error}")
            log.error(str(error), action="not-worked", environment=str(identity))
            self._leave_alone(identity, began)
        except Exception:
            log.exception("Unexpected error", action="unexpected", environment=str(identity))
            self._leave_alone(identity, began)
        finally:  # not in a callback of the future: who waits for it would look before it was called
            with self._lock:
                self._in_flight.pop(identity, None)
            self.finished(identity)

    def _leave_alone(self, identity: EnvironmentId, began: float) -> None:
        """For a while, unless what was in the way is over already: that would not be told again."""
        if self._let_go.pop(identity, 0.0) < began:
            self._put_off[identity] = time.monotonic() + PAUSE.total_seconds()

    def _is_put_off(self, identity: EnvironmentId) -> bool:
        return time.monotonic() < self._put_off.get(identity, 0)
