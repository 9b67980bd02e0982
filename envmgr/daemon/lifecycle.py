"""The daemon: ticks, signals, and an orderly end.

APScheduler only ticks; what is due is in the database and with `Workers`. SIGTERM drains, a second one
ends Terraform too; SIGHUP reads the configuration again.
"""

import signal
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from types import FrameType

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor as TickExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from ..domain.backoff import delay
from ..domain.errors import EnvmgrError
from ..domain.names import EnvironmentId, RepositoryId
from . import housekeeping
from .application import Application
from .notify import Notifier
from .tenant import Project

log = structlog.get_logger()

TICK = timedelta(seconds=1)
HOUSEKEEPING = timedelta(hours=1)
OVERLAP = timedelta(seconds=5)
LONGEST_POLL_PAUSE = timedelta(minutes=10)


class Daemon:
    """Runs until SIGTERM or SIGINT. `compose` builds the application anew from the files, for SIGHUP."""

    def __init__(
        self,
        application: Application,
        compose: Callable[[Application], Application],
        notifier: Notifier,
        drain: timedelta,
    ) -> None:
        self._application = application
        self._compose = compose
        self._notifier = notifier
        self._drain = drain
        self._signals: list[int] = []
        self._wake = threading.Event()
        self._next_poll: dict[RepositoryId, datetime] = {}
        self._polling: set[RepositoryId] = set()
        self._looked = application.services.clock()
        self._alive = time.monotonic()
        self._polls = TickExecutor(application.poll_workers)
        self._scheduler = BackgroundScheduler(
            executors={"default": TickExecutor(4), "polls": self._polls},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone="UTC",
        )

    def run(self) -> None:
        """Starts, runs until told to end, drains."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._received)
        self._application.workers.finished = self._finished
        self._start_ticks()
        for project in self._application.services.projects.values():
            self._application.workers.look(project)
        self._notifier.send("READY=1", self._status())
        log.info("Started.", action="started", repositories=len(self._application.services.projects))
        while not self._ending():
            self._wake.wait()
            self._wake.clear()
            if signal.SIGHUP in self._signals:
                self._signals.remove(signal.SIGHUP)
                self._reload()
        self._end()

    def _received(self, number: int, _: FrameType | None) -> None:
        self._signals.append(number)
        if sum(n in (signal.SIGTERM, signal.SIGINT) for n in self._signals) > 1:
            self._application.stop_terraform()
        self._wake.set()

    def _ending(self) -> bool:
        return signal.SIGTERM in self._signals or signal.SIGINT in self._signals

    def _start_ticks(self) -> None:
        def every(period: timedelta, tick: Callable[[], None]) -> None:
            self._scheduler.add_job(
                tick, "interval", seconds=period.total_seconds(), next_run_time=datetime.now().astimezone()
            )

        every(TICK, self._tick_polls)
        every(TICK, self._tick_work)
        every(HOUSEKEEPING, self._tick_housekeeping)
        every(timedelta(seconds=min(10.0, (self._notifier.watchdog or 20.0) / 2)), self._tick_status)
        self._scheduler.start()

    # --- ticks: each catches what it foresees; a tick that hangs lets the watchdog end the daemon ----

    def _tick_polls(self) -> None:
        now = self._application.services.clock()
        for project in list(self._application.services.projects.values()):
            if self._next_poll.get(project.id, now) <= now and project.id not in self._polling:
                self._polling.add(project.id)
                self._scheduler.add_job(self._poll, args=[project], executor="polls")

    def _poll(self, project: Project) -> None:
        application = self._application
        try:
            polled = application.poller.poll(project)
            if polled.changed:
                application.workers.look(project)
        except EnvmgrError as error:
            log.error(str(error), action="not-polled", repository=str(project.id))
        finally:
            failures = application.poller.failures(project.id)
            longest = max(LONGEST_POLL_PAUSE, project.interval)
            pause = delay(failures, first=project.interval, longest=longest) if failures else project.interval
            self._next_poll[project.id] = application.services.clock() + pause
            self._polling.discard(project.id)

    def _tick_work(self) -> None:
        application = self._application
        since, self._looked = self._looked - OVERLAP, application.services.clock()
        try:
            touched = application.services.store.touched(since)
            for repository in {*touched, *application.workers.due_again()}:
                project = application.services.projects.get(repository)
                if project is not None:
                    application.workers.look(project)
            self._alive = time.monotonic()
        except EnvmgrError as error:
            log.error(str(error), action="store-failed")
            self._alive = time.monotonic()  # a database that is away is not mended by a restart

    def _tick_status(self) -> None:
        watchdog = self._notifier.watchdog
        if watchdog is None or time.monotonic() - self._alive < watchdog:
            self._notifier.send("WATCHDOG=1", self._status())

    def _tick_housekeeping(self) -> None:
        try:
            housekeeping.tidy(self._application.services)
        except EnvmgrError as error:
            log.warning(str(error), action="not-tidied")

    def _finished(self, identity: EnvironmentId) -> None:
        project = self._application.services.projects.get(identity.repository_id)
        if project is not None and not self._ending():
            try:
                self._application.workers.look(project)
            except EnvmgrError as error:
                log.error(str(error), action="store-failed")

    # --- reload and end --------------------------------------------------------------------------

    def _reload(self) -> None:
        self._notifier.reloading()
        try:
            self._application = self._compose(self._application)
            self._application.workers.finished = self._finished
            self._next_poll.clear()
            log.info("Configuration reloaded.", action="reloaded")
            self._notifier.send("READY=1", self._status())
        except EnvmgrError as error:
            log.error(f"Configuration not reloaded, the old one stays: {error}", action="reload-refused")
            self._notifier.send(
                "READY=1", "STATUS=Old configuration kept: the new one has mistakes, see the log"
            )

    def _end(self) -> None:
        self._notifier.send("STOPPING=1", "STATUS=Draining")
        busy = self._application.workers.busy
        log.info(f"Stopping; waits for {len(busy)} environments.", action="draining")
        self._scheduler.shutdown(wait=False)
        self._application.workers.close()
        if not self._application.workers.wait(self._drain.total_seconds()):
            log.warning("The drain took too long: Terraform is asked to end.", action="drain-over")
            self._application.stop_terraform()
            self._application.workers.wait()
        self._application.close()
        log.info("Stopped.", action="stopped")

    def _status(self) -> str:
        services, busy = self._application.services, self._application.workers.busy
        at_work = f"; working on {', '.join(map(str, busy[:3]))}" if busy else ""
        return f"STATUS={len(services.projects)} repositories watched{at_work}"
