"""When each remote is looked at, and by which thread: one that hangs holds up no other."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

import structlog

from envmgr.commands.runtime import Runtime
from envmgr.domain.values.backoff import delay
from envmgr.domain.values.hosts.terms import TERMS
from envmgr.engine.context.organization import Repository

from .outage import Outage

if TYPE_CHECKING:
    from envmgr.domain.values.names import RepositoryId

log = structlog.get_logger()

LONGEST_PAUSE = timedelta(minutes=10)
SOON = timedelta(seconds=2)
"""The first pause of a remote that was never seen: somebody has just added it, and mends what is wrong with it."""
SLOW = 2.0
"""Seconds after which a look counts as slow: two more threads start for it, so a dead forge is soon outnumbered."""
# However many remotes hang: threads and connections of this host are not theirs.
MOST_THREADS = 128
# Seconds without work after which a thread ends: most polls need few of them.
_IDLE = 5.0


class Polls:
    """Looks at remotes when they are due, `poll_workers` at a time; slow ones do not count among these.

    `changed` is called with a repository whose records a look has changed. The threads are daemon threads:
    the process's end does not wait for a remote that takes a minute to time out.
    """

    def __init__(self, runtime: Runtime, changed: Callable[[Repository], None], outage: Outage) -> None:
        self._runtime = runtime
        self._outage = outage
        self._changed = changed
        self._due: SimpleQueue[Repository] = SimpleQueue()
        self._asked: set[RepositoryId] = set()
        self._next: dict[RepositoryId, datetime] = {}
        self._again: set[RepositoryId] = set()
        self._since = 0
        self._ticked = datetime.min.replace(tzinfo=UTC)
        self._at_work: dict[int, float | None] = {}
        self._lock = threading.Lock()
        self._ticking = threading.Lock()

    def tick(self) -> None:
        """Asks for a look at each remote that is due, and sees to it that enough threads are free for it. Any thread may tick."""
        with self._ticking:
            self._ask()

    def _ask(self) -> None:
        runtime = self._runtime
        now = runtime.services.clock()
        if now < self._ticked:  # the clock was set back: what was due by it would wait for as long
            self._forget()
        self._ticked = now
        for repository in list(runtime.services.repositories.values()):
            is_due = repository.id in self._again or self._next.get(repository.id, now) <= now
            if is_due and repository.id not in self._asked:
                # One look at a time: the queue never grows while a remote hangs.
                self._asked.add(repository.id)
                self._again.discard(repository.id)
                self._due.put(repository)
        if not self._due.empty():
            self._staff(runtime.poll_workers)

    def reconfigure(self, runtime: Runtime) -> None:
        """Polls by another configuration from now on, and every remote at once."""
        self._runtime = runtime
        self._forget()

    def soon(self, repository: "RepositoryId") -> None:
        """Has a remote looked at by the next tick: somebody said that something is new there."""
        self._again.add(repository)
        self._next.pop(repository, None)

    def _forget(self) -> None:
        """Makes every remote due: the configuration or the clock has changed.

        One that is being looked at just now, too: what that look finds says nothing of the configuration of now.
        """
        self._since += 1
        self._next.clear()

    def _staff(self, wanted: int) -> None:
        now = time.monotonic()
        with self._lock:
            slow = sum(1 for since in self._at_work.values() if since is not None and now - since > SLOW)
            missing = min(wanted + 2 * slow, MOST_THREADS) - len(self._at_work)
            for _ in range(missing):
                thread = threading.Thread(target=self._work, name="poll", daemon=True)
                # Counted before it starts, and so by the object: a thread has no number of its own until
                # then.
                self._at_work[id(thread)] = None
                thread.start()

    def _work(self) -> None:
        me = id(threading.current_thread())
        while True:
            try:
                repository = self._due.get(timeout=_IDLE)
            except Empty:
                # Asked again under the lock: for a remote that came due in between nobody would start another thread.
                with self._lock:
                    if self._due.empty():
                        del self._at_work[me]
                        return
                continue
            self._at_work[me] = time.monotonic()
            try:
                self._look(repository)
            finally:  # whatever it met, the next look comes
                self._at_work[me] = None

    def _look(self, repository: Repository) -> None:
        pause, since = repository.interval, self._since
        try:
            with self._outage.noticed("not-polled", repository=str(repository.id)):
                pause = self._poll(repository)
        except Exception:
            log.exception("Unexpected error", action="unexpected", repository=str(repository.id))
        finally:
            # Else the remote is due again already: the configuration or the clock changed during this look, or somebody asked for another.
            if since == self._since and repository.id not in self._again:
                self._next[repository.id] = self._runtime.services.clock() + pause
            self._asked.discard(repository.id)

    def _poll(self, repository: Repository) -> timedelta:
        """Looks at a remote; gives the pause until the next time, which grows with failures."""
        runtime = self._runtime
        if not runtime.services.fleet.takes_poll(repository.id):
            return min(repository.interval, TERMS.silent)  # by then its host may have fallen silent
        if runtime.poller.poll(repository).changed:
            self._changed(repository)
        failures = runtime.poller.failures(repository.id)
        if not failures:
            return repository.interval
        first = (
            repository.interval if runtime.poller.has_seen(repository.id) else min(SOON, repository.interval)
        )
        return delay(failures, first=first, longest=max(LONGEST_PAUSE, repository.interval))
