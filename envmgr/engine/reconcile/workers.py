"""Handing environments that are due to threads: so many at once for each organization."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial

import structlog

from envmgr.domain.errors import EnvironmentBusy, EnvmgrError, NoPlace
from envmgr.domain.values.hosts.priority import Priority, Turn
from envmgr.domain.values.hosts.terms import LOOK
from envmgr.domain.values.names import EnvironmentId, RepositoryId
from envmgr.engine.context.organization import Organization, Repository
from envmgr.engine.context.services import Services
from envmgr.engine.work.in_time import all_over
from envmgr.engine.work.mode import Awaiting, Reconciling
from envmgr.engine.work.places import counted
from envmgr.host.system import sentences
from envmgr.ports.hosts import Queue

from .due import Due, abandoned_ones, held_elsewhere, what_is_due
from .in_flight import Flight, InFlight
from .places import Place, Places
from .queue import ThreadQueue
from .reconciler import Reconciler

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


class Workers:
    """Pools of threads for each organization; no environment is worked on twice at a time.

    What is due is put into a queue, and a thread is handed out for it, which works on whatever is the next there: the
    daemon's queue may be `shared` with other hosts, who put and take as well. Those who only wait have a pool of their own: they keep nobody from work. `unrecorded` says what kept work from even
    leaving its failure in a record, the newest few.
    """

    def __init__(
        self, services: Services, reconciler: Reconciler, shared: Callable[[], Queue] | None = None
    ) -> None:
        self._services = services
        self._reconciler = reconciler
        self._pools: dict[str, ThreadPoolExecutor] = {}
        self._places: dict[str, Places] = {}
        self._in_flight = InFlight()
        self._own = ThreadQueue()
        self._open_shared = shared
        self._shared: Queue | None = None
        self._handed = Counter[str]()
        self._helped_at = time.monotonic() - LOOK.total_seconds()
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
        with self._lock:  # before the records are read: what is left alone from now on sets it anew
            self._again.pop(repository.id, None)
        due, until = what_is_due(self._services, repository, now, asked, abandoned_ones(self._services))
        held = held_elsewhere(self._services, now) - asked if due else frozenset()
        ready = [each for each in due if not (self._is_put_off(each.id) or each.id in held)]
        if self._withdraw(repository.id, {each.id for each in ready}) or len(ready) < len(due):
            until = min(until or now + PAUSE, now + PAUSE)
        handed = self._submit(repository, ready, asked)
        if until is not None:
            self._look_again(repository.id, until)
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
        return frozenset(
            each.repository_id for each in abandoned_ones(self._services) if not self._is_put_off(each)
        )

    def run_until_settled(
        self, repositories: Iterable[Repository], asked: frozenset[EnvironmentId], only: bool = False
    ) -> None:
        """Works until nothing in the repositories is due any more; `only`: on nothing but what was asked for.

        What another process holds is left to it, and what could not even be recorded to the next pass.
        """
        chosen = list(repositories)
        # Somebody asked for this pass: what was busy a moment ago is tried again.
        self._put_off.clear()
        # Applications that need one another are due one after the other, a round each.
        for number in range(_ROUNDS + max((len(p.parts) for p in chosen), default=0)):
            first = asked if number == 0 else frozenset[EnvironmentId]()
            # Asked once a round, not once a repository: it reads all runs under way.
            abandoned = abandoned_ones(self._services)
            handed = [self._look_at(p, first, asked if only else None, abandoned) for p in chosen]
            if not any(handed):
                return
            self.wait()

    def wait(self, timeout: float | None = None) -> bool:
        """Waits for all that was handed out; False where the time (seconds) ran out."""
        return all_over([flight.over for flight in self._in_flight.all()], timeout)

    def let_go(self, identity: EnvironmentId) -> None:
        """Says that other work of this process on an environment is over: what waited for that waits no longer."""
        self._let_go[identity] = time.monotonic()
        self._put_off.pop(identity, None)
        self.finished(identity)

    @property
    def busy(self) -> list[EnvironmentId]:
        """What is being worked on, or waits for a free thread."""
        return [flight.identity for flight in self._in_flight.all()]

    def close(self) -> None:
        """Takes no more work; what waits for a thread is dropped, what runs goes on."""
        with self._lock:
            self._closed = True
            self._closing.set()
            for places in self._places.values():
                places.close()
            for pool in self._pools.values():
                pool.shutdown(wait=False, cancel_futures=True)
        self._in_flight.close()

    def leave(self) -> None:
        """Leaves to other hosts what this one had taken from a shared queue and not done; after all work is over."""
        if self._shared is not None:
            self._shared.close()

    def help(self) -> None:
        """Lets free places take what waits in a shared queue, also what other hosts put there; asked at each tick."""
        now = time.monotonic()
        if not self._is_shared or now - self._helped_at < LOOK.total_seconds():
            return
        self._helped_at = now
        queue, services = self._queue, self._services
        queue.sweep()
        active = [each for each in services.organizations if not services.fleet.why_passive(each)]
        for name, number in (queue.waiting(active) if active else {}).items():
            organization = services.organizations[name]
            with self._lock:
                free = organization.concurrency - self._handed[name]
            for _ in range(min(number, free)):
                self._hand_out(organization)

    def _withdraw(self, repository: RepositoryId, ready: Collection[EnvironmentId]) -> bool:
        """Takes out of its own queue what another host has done meanwhile: to look at each would take up a place.

        Whether it did: a look that began earlier may know less, so the repository is looked at again after a while.
        """
        if not self._services.fleet.is_shared or self._is_shared:
            return False
        waiting = (f for f in self._in_flight.all() if f.identity.repository_id == repository and not f.asked)
        done = [f for f in waiting if f.identity not in ready and self._in_flight.drop(f)]
        for flight in done:
            self._own.withdraw(flight.identity)
            flight.over.set_result(None)
        return bool(done)

    def _look_at(
        self,
        repository: Repository,
        asked: frozenset[EnvironmentId],
        only: frozenset[EnvironmentId] | None,
        abandoned: frozenset[EnvironmentId],
    ) -> int:
        due, _ = what_is_due(self._services, repository, self._services.clock(), asked, abandoned)
        wanted = [e for e in due if (only is None or e.id in only) and e.id not in self._put_off]
        return self._submit(repository, wanted, asked)

    def _submit(self, repository: Repository, found: Iterable[Due], asked: frozenset[EnvironmentId]) -> int:
        """Hands out what is not yet; the number. All are put before a thread takes the first, so that the most urgent is that."""
        organization = repository.organization
        is_passive = bool(self._services.fleet.why_passive(organization.name))
        wanted: dict[Flight, Priority] = {}
        handed = 0
        for due in found:
            is_asked = due.id in asked  # whoever asked for it is told why it cannot be
            flight = self._in_flight.enter(due.id, asked=is_asked) if is_asked or not is_passive else None
            if flight is None:
                continue
            handed += 1
            if due.waits:
                self._run(f"wait-{organization.name}", _WAITING, partial(self._await, flight))
            else:
                wanted[flight] = due.priority
        self._put(wanted)
        for flight in wanted:
            self._hand_out(organization, flight)
        return handed

    def _put(self, wanted: Mapping[Flight, Priority]) -> None:
        """Lets all wait in the queue; where that cannot be, none waits here, and whoever looked is told, to look again."""
        if not wanted:
            return
        try:
            self._queue.put({flight.identity: priority for flight, priority in wanted.items()})
        except BaseException:
            for flight in wanted:
                # Nothing was done to it: who were told that it is over would look at once, and come to the same.
                if self._in_flight.drop(flight):
                    flight.over.set_result(None)
            raise

    @property
    def _is_shared(self) -> bool:
        return self._open_shared is not None and self._services.fleet.serves

    @property
    def _queue(self) -> Queue:
        if self._open_shared is None or not self._is_shared:
            return self._own
        with self._lock:
            if self._shared is None:
                self._shared = self._open_shared()
            return self._shared

    def _hand_out(self, organization: Organization, flight: Flight | None = None) -> None:
        """A thread for one turn; there are twice as many as places: those that hang give up their place, but keep their thread."""
        name, queue = organization.name, self._queue
        with self._lock:
            self._handed[name] += 1
            if name not in self._places:
                self._places[name] = Places(organization.concurrency, organization.patience)
            turn = partial(self._turn, name, queue, self._places[name], flight)
        self._run(f"work-{name}", 2 * organization.concurrency, turn)

    def _run(self, name: str, size: int, do: Callable[[], None]) -> None:
        """In a pool's next free thread; nothing any more once this is closed."""
        with self._lock:
            if self._closed:
                return
            if name not in self._pools:
                self._pools[name] = ThreadPoolExecutor(size, thread_name_prefix=name)
            self._pools[name].submit(do)

    def _await(self, flight: Flight) -> None:
        if self._in_flight.begin_with(flight):
            mode = Awaiting(urgent=lambda: self._closed)
            self._work(flight, lambda: self._reconciler.reconcile(flight.identity, mode))

    def _turn(self, organization: str, queue: Queue, places: Places, flight: Flight | None) -> None:
        """Works on whoever is the next of an organization, which is not always the one that this thread was handed out for.

        In this process's own queue that one's turn comes by the thread of another. In a shared one another host may have
        it: then it is looked at again after a while, and otherwise at once, so that it is never only believed to wait.
        """
        began, worked = time.monotonic(), False
        try:
            with sentences(), places.place() as place:
                worked = self._work_in_turn(organization, queue, places, place)
        except EnvmgrError as error:
            log.error(str(error), action="not-worked", organization=organization)
        except Exception:
            log.exception("Unexpected error", action="unexpected", organization=organization)
        finally:
            with self._lock:
                self._handed[organization] -= 1
            if flight is not None and queue is not self._own:
                self._drop(flight, None if worked else began)

    def _work_in_turn(self, organization: str, queue: Queue, places: Places, place: Place) -> bool:
        """Whether anybody's turn was taken."""
        if queue is not self._own and not self._may_take(organization, places):
            return False
        turn = queue.take(organization) if not self._closed else None
        if turn is None:
            return False
        flight = self._in_flight.begin(turn.environment)
        try:
            if flight is not None:
                self._work(flight, partial(self._reconcile, flight, places.number, place))
        finally:
            if not (
                flight is None and self._closed
            ):  # else it is another host's as soon as this one has left
                self._done(queue, turn)
        return True

    def _may_take(self, organization: str, places: Places) -> bool:
        """Waits until one place is free on all hosts: what waits for that in the queue is overtaken by what is more urgent."""
        services = self._services
        while not self._closed and not services.fleet.why_passive(organization):
            if len(counted(services, organization)) < places.number:
                return True
            self._closing.wait(_FULL)
        return False

    def _done(self, queue: Queue, turn: Turn) -> None:
        try:
            queue.done(turn)
        except EnvmgrError as error:  # it is left there, and harms nobody
            log.warning(str(error), action="not-told", environment=str(turn.environment))

    def _reconcile(self, flight: Flight, places: int, place: Place) -> None:
        mode = Reconciling(asked=flight.asked, on_quiet=place.quiet, places=places)
        while not self._closed:
            try:
                self._reconciler.reconcile(flight.identity, mode)
            except NoPlace as full:
                self._none_free(full)
            else:
                return

    def _none_free(self, full: NoPlace) -> None:
        """Other hosts have all places: whoever is the first here waits, so that its turn stays its own."""
        log.debug(str(full), action="no-place")
        self._closing.wait(_FULL)

    def _work(self, flight: Flight, do: Callable[[], object]) -> None:
        identity, began, is_left = flight.identity, time.monotonic(), False
        try:
            with sentences():
                do()
        except EnvironmentBusy as busy:
            log.info(str(busy), action="busy", environment=str(identity))
            is_left = self._leave_alone(identity, began)
        except EnvmgrError as error:
            self.unrecorded.append(f"{identity}: {error}")
            log.error(str(error), action="not-worked", environment=str(identity))
            self._leave_alone(identity, began)
        except Exception:
            log.exception("Unexpected error", action="unexpected", environment=str(identity))
            self._leave_alone(identity, began)
        finally:
            self._in_flight.end(flight)
            self._over(flight, is_left=is_left)

    def _drop(self, flight: Flight, since: float | None = None) -> None:
        """Takes out what still waits; left alone for a while where somebody else seems to have it `since` then."""
        if self._in_flight.drop(flight):
            is_left = since is not None and self._leave_alone(flight.identity, since)
            self._over(flight, is_left=is_left)

    def _over(self, flight: Flight, *, is_left: bool) -> None:
        """Who `is_left` to somebody else has changed nothing that would have to be looked at before its pause is over."""
        try:
            if not is_left:
                self.finished(flight.identity)
        finally:  # not before: who waits for it would look before it was called
            flight.over.set_result(None)

    def _leave_alone(self, identity: EnvironmentId, began: float) -> bool:
        """For a while, unless what was in the way is over already: that would not be told again. Whether it is."""
        if self._let_go.pop(identity, -1.0) >= began:
            return False
        self._put_off[identity] = time.monotonic() + PAUSE.total_seconds()
        self._look_again(identity.repository_id, self._services.clock() + PAUSE)
        return True

    def _look_again(self, repository: RepositoryId, at: datetime) -> None:
        with self._lock:
            self._again[repository] = min(self._again.get(repository, at), at)

    def _is_put_off(self, identity: EnvironmentId) -> bool:
        return time.monotonic() < self._put_off.get(identity, 0)
