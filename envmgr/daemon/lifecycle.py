"""The daemon: ticks, signals, and an orderly end.

APScheduler only ticks; what is due is in the database and with `Workers`. SIGTERM drains, a second one
ends Terraform too; SIGHUP reads the configuration again.
"""

import signal
import time
from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Protocol

import structlog

from envmgr.commands.audit import Audits
from envmgr.commands.runtime import Runtime
from envmgr.domain.errors import EnvmgrError
from envmgr.domain.values.hosts.duty import Duty
from envmgr.domain.values.hosts.terms import BEAT
from envmgr.domain.values.names import EnvironmentId, RepositoryId, counted
from envmgr.engine.context.organization import Repository
from envmgr.engine.context.written import OVERLAP, Written
from envmgr.engine.reconcile import unmanaged
from envmgr.host.system import sentences

from . import housekeeping
from .drift_watch import DriftWatch
from .forge_watch import ForgeWatch
from .freeze_watch import FreezeWatch
from .health_watch import HealthWatch
from .hint_watch import HintWatch
from .notice_watch import NoticeWatch
from .notify import Notifier
from .outage import Outage
from .polls import Polls
from .request_watch import RequestWatch
from .signals import Signals
from .telling_watch import TellingWatch
from .ticks import Ticks

log = structlog.get_logger()

TICK = timedelta(seconds=1)
HEALTH = timedelta(seconds=2)
NOTICES = timedelta(seconds=2)
DRIFT_WATCH = timedelta(seconds=30)
HOUSEKEEPING = timedelta(hours=1)
HEARTBEAT = timedelta(seconds=10)
DOOR = timedelta(seconds=30)


class Door(Protocol):
    """Another way in, served beside the work."""

    def reconfigure(self, runtime: Runtime) -> None:
        """Is open as this runtime's settings say, from now on; also opens again what has failed."""
        ...

    def close(self) -> None:
        """Lets nobody in any more."""
        ...


class Daemon:
    """Runs until SIGTERM or SIGINT. `compose` builds the runtime again from the files, for SIGHUP.

    `door` lets people in over the network; None where nobody comes that way. `signals` has those that were kept
    while the runtime was built.
    """

    def __init__(
        self,
        runtime: Runtime,
        compose: Callable[[Runtime], Runtime],
        notifier: Notifier,
        drain: timedelta,
        door: Door | None = None,
        signals: Signals | None = None,
    ) -> None:
        self._door = door
        self._runtime = runtime
        self._compose = compose
        self._notifier = notifier
        self._drain = drain
        self._signals = signals if signals is not None else Signals()
        self._ending = False
        self._remark = ""
        self._drift_watch = DriftWatch(runtime)
        self._health = HealthWatch(runtime)
        self._audits = Audits(runtime)
        self._outage = Outage(self._tick_fleet)
        self._polls = Polls(runtime, self._look, self._outage)
        self._requests = RequestWatch(runtime)
        self._telling = TellingWatch(runtime)
        self._forges = ForgeWatch(runtime, self._known_anew, self._telling.soon)
        self._hints = HintWatch(runtime, self._hinted)
        self._notices = NoticeWatch(runtime)
        self._unlooked: set[RepositoryId | None] = set()  # None: all that are in the configuration no more
        self._written = Written(runtime.services.clock(), OVERLAP)
        self._freezes = FreezeWatch()
        self._alive = time.monotonic()
        self._ticks = Ticks()

    def run(self) -> None:
        """Starts, runs until told to end, drains."""
        self._signals.keep(signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        self._serve()
        # What has ended may have made something else due at once: it need not wait for a tick.
        self._runtime.workers.finished = self._finished
        self._runtime.bell.ring = self._outage.spared(self._hints.tick, "store-failed")
        self._runtime.bell.asked = self._requests.soon
        self._start_ticks()
        self._look_everywhere()
        self._notifier.send("READY=1", self._status())
        log.info("Started.", action="started", repositories=len(self._runtime.services.repositories))
        while self._next_signal() == signal.SIGHUP:
            self._reload()
        self._end()

    def _serve(self) -> None:
        """Says of this host that its daemon works, by which configuration; others may have a newer one."""
        self._runtime.services.fleet.serve()
        with self._outage.noticed("not-told"):
            self._tick_fleet()

    def _next_signal(self) -> int:
        while (found := self._signals.next(1)) is None:
            self._ticks.heed_clock()
        return found

    def _start_ticks(self) -> None:
        every, spared = self._ticks.every, self._outage.spared
        every(TICK, self._outage.tick)
        every(TICK, self._tick_work)
        every(TICK, spared(self._polls.tick, "store-failed"))
        every(TICK, spared(self._requests.tick, "store-failed"))
        every(TICK, spared(self._forges.tick, "store-failed"))
        every(TICK, spared(self._telling.tick, "store-failed"))
        every(TICK, spared(self._hints.tick, "store-failed"))
        every(NOTICES, spared(self._notices.tick, "store-failed"))
        every(HEALTH, spared(self._health.tick, "health-unknown"))
        every(DRIFT_WATCH, spared(self._drift_watch.tick, "drift-failed"))
        every(HOUSEKEEPING, self._tick_housekeeping)
        every(HOUSEKEEPING, self._audits.tick)
        every(self._heartbeat(), self._tick_status)
        every(BEAT, spared(self._tick_fleet, "not-told"))
        if self._door is not None:
            every(DOOR, self._tick_door)
        self._ticks.start()

    def _heartbeat(self) -> timedelta:
        watchdog = self._notifier.watchdog
        # Twice in the time after which systemd would end us, as sd_watchdog_enabled(3) advises.
        return HEARTBEAT if watchdog is None else min(HEARTBEAT, timedelta(seconds=watchdog / 2))

    # --- ticks: each catches what it foresees; one that hangs lets the watchdog end the daemon --------

    def _tick_work(self) -> None:
        if not self._outage.lasts:
            self._hand_out()
        self._alive = time.monotonic()  # also where the database is away: a restart would not mend that

    def _hand_out(self) -> None:
        runtime, now = self._runtime, self._runtime.services.clock()
        with self._outage.noticed("store-failed"), self._written.news(runtime.services.store, now) as written:
            self._telling.written(written, now)
            # Kept as soon as it is known: a freeze or its end is told of once, whatever fails after that.
            self._unlooked.update(written)
            self._unlooked.update(self._freezes.news(runtime))
            self._unlooked.update(runtime.workers.unattended())
        with self._outage.noticed("store-failed"):
            runtime.workers.help()
        for identity in {*runtime.workers.due_again(), *self._unlooked}:
            repository = runtime.services.repositories.get(identity) if identity is not None else None
            if repository is not None:
                self._look(repository)
            else:
                self._tell_unmanaged(identity)
            self._alive = time.monotonic()

    def _look(self, repository: Repository) -> None:
        """Hands out what is due in a repository; what one of them raises stops no other, and is tried again.

        Nothing is handed out any more at the end, so nothing is read for it either.
        """
        if self._ending:
            return
        # Taken off only at the end: whatever stops this look, the next tick takes it up again.
        self._unlooked.add(repository.id)
        try:
            with self._outage.noticed("not-looked", repository=str(repository.id)):
                self._runtime.workers.look(repository)
                self._unlooked.discard(repository.id)
        except Exception:
            log.exception("Unexpected error", action="unexpected", repository=str(repository.id))

    def _look_everywhere(self) -> None:
        """Looks at all of them; with many that takes a while, and who is told to end has to hear it: then ticks do the rest."""
        left: set[RepositoryId | None] = {None, *self._runtime.services.repositories}
        for repository in self._runtime.services.repositories.values():
            if self._signals.is_any:
                self._unlooked |= left
                return
            left.discard(repository.id)
            self._look(repository)
        self._tell_unmanaged()

    def _tell_unmanaged(self, repository: RepositoryId | None = None) -> None:
        """Has those of one repository, or of all, say that they are in the configuration no more."""
        self._unlooked.add(repository)
        with self._outage.noticed("not-looked"):
            held = unmanaged.tell(self._runtime.services, repository)
            if repository is None:
                unmanaged.forget_looks(self._runtime.services)
            # A write is told of once, and what ended by it may hold its environment for a moment longer.
            self._unlooked.discard(repository)
            self._unlooked.update(held)

    def _tick_status(self) -> None:
        watchdog = self._notifier.watchdog
        if watchdog is None or time.monotonic() - self._alive < watchdog:
            self._notifier.send("WATCHDOG=1", self._status())

    def _tick_housekeeping(self) -> None:
        with self._outage.noticed("not-tidied"):
            housekeeping.tidy(self._runtime.services, lambda: self._ending)

    def _tick_fleet(self) -> None:
        """Says that this host is there; what another looked after that fell silent is looked at by the next tick."""
        services = self._runtime.services
        left = services.fleet.hear()
        for repository in services.repositories:
            if Duty.of(repository) in left:
                self._polls.soon(repository)
                self._forges.soon(repository)

    def _known_anew(self, repository: Repository) -> None:
        """A forge has told of something that was not known: it may keep an environment from going on, and no record is another by that."""
        self._look(repository)
        self._polls.soon(repository.id)
        self._telling.soon(repository)

    def _hinted(self, repositories: Collection[RepositoryId]) -> None:
        """Somebody says that something changed in them: they are looked at at once, as polling would later."""
        if self._ending:
            return
        for each in repositories:
            self._polls.soon(each)
            self._forges.soon(each)
        self._polls.tick()

    def _tick_door(self) -> None:
        if self._door is not None and not self._ending:
            self._door.reconfigure(self._runtime)

    def _finished(self, identity: EnvironmentId) -> None:
        repository = self._runtime.services.repositories.get(identity.repository_id)
        if repository is not None:
            self._look(repository)

    # --- reload and end --------------------------------------------------------------------------

    def _reload(self) -> None:
        self._notifier.reloading()
        try:
            with sentences():
                self._runtime = self._compose(self._runtime)
        except EnvmgrError as error:
            self._refuse_reload(str(error))
        except Exception as error:
            log.exception("Unexpected error", action="unexpected")
            # A reload never ends a daemon that works.
            self._refuse_reload(f"{type(error).__name__}: {error}")
        else:
            self._remark = ""
            for part in (
                self._drift_watch,
                self._health,
                self._audits,
                self._polls,
                self._requests,
                self._forges,
                self._telling,
                self._hints,
                self._notices,
            ):
                part.reconfigure(self._runtime)
            self._serve()
            self._tick_door()
            self._look_everywhere()  # other variables or rules may make environments due without a push
            log.info("Configuration reloaded.", action="reloaded")
        self._notifier.send("READY=1", self._status())

    def _refuse_reload(self, why: str) -> None:
        self._remark = "; old configuration kept: the new one has mistakes, see the log"
        log.error(f"Configuration not reloaded, the old one stays: {why}", action="reload-refused")

    def _end(self) -> None:
        self._ending = True
        self._remark = "; draining"
        self._notifier.send("STOPPING=1", self._status())
        busy = self._runtime.workers.busy
        log.info(f"Stopping; waits for {counted(len(busy), 'environment')}.", action="draining")
        # First nothing new begins; then only what already runs is waited for.
        self._ticks.stop()
        self._runtime.workers.close()
        self._drift_watch.close()
        self._health.close()
        self._requests.close()
        self._forges.close()
        self._notices.close()
        over = time.monotonic() + self._drain.total_seconds()
        if not self._wait_for_work(lambda: time.monotonic() >= over or self._told_again()):
            log.warning("The drain is over: Terraform is asked to stop.", action="drain-over")
            self._runtime.stop_terraform()
            # However long it takes: Terraform writes its state after it was asked to stop, and must not be
            # lost over that.
            self._wait_for_work(lambda: False)
        # After the work: how it ended is what forges are told.
        self._telling.drain()
        if self._door is not None:  # to the end people may look what becomes of it
            self._door.close()
        self._leave()
        self._runtime.close()
        log.info("Stopped.", action="stopped")

    def _leave(self) -> None:
        try:
            self._runtime.services.fleet.leave()
        except EnvmgrError as error:  # the others find this host silent, and then gone
            log.warning(str(error), action="not-told")

    def _wait_for_work(self, give_up: Callable[[], bool]) -> bool:
        """Waits until nothing is worked on, with signs of life; False where it gave up before."""
        parts = (self._runtime.workers, self._drift_watch, self._health, self._requests, self._forges)
        while not all(part.wait(0.5) for part in parts):
            self._notifier.send("WATCHDOG=1", self._status())
            if give_up():
                return False
        return True

    def _told_again(self) -> bool:
        """Whether another SIGTERM or SIGINT has come; there is nothing left to reload."""
        while (found := self._signals.next(0)) is not None:
            if found != signal.SIGHUP:
                return True
        return False

    def _status(self) -> str:
        services, busy = self._runtime.services, self._runtime.workers.busy
        at_work = f"; working on {', '.join(map(str, busy[:3]))}" if busy else ""
        watched = counted(len(services.repositories), "repository", "repositories")
        passive = "; takes no work, see the log" if services.fleet.told else ""
        return f"STATUS={watched} watched{at_work}{passive}{self._remark}"
