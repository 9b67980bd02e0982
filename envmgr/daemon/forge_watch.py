"""When each repository's forge is looked at, and by which thread: one that hangs holds up no other."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta

import structlog

from envmgr.commands.forge.attending import People, Readings, Records, attend, is_to_be_read, settle
from envmgr.commands.forge.reviewing import count_reviews
from envmgr.commands.runtime import Runtime
from envmgr.domain.errors import EnvmgrError, RetryLater
from envmgr.domain.values.backoff import delay
from envmgr.domain.values.forge import CommentSign, KnownPullRequest
from envmgr.domain.values.names import RepositoryId
from envmgr.engine.context.organization import Repository
from envmgr.engine.forge.left_open import end_what_is_left
from envmgr.engine.forge.looking import look_at_forge
from envmgr.engine.work.in_time import all_over
from envmgr.host.system import sentences
from envmgr.ports.forge import Forge

log = structlog.get_logger()

_AT_ONCE = 8
_LONGEST = timedelta(minutes=10)
_MOST_FAILURES = 3
"""Of so many pull requests the comments may not be had until a look fails as a whole."""
SOONEST = timedelta(seconds=5)
"""How far apart looks at a repository are, however often one is asked for."""


class ForgeWatch:
    """Looks at each repository with a forge by its own interval, and sooner where somebody asks for that.

    Of several hosts that one looks which looks at the remote.

    `changed` is called with a repository of which something is known that was not before, `answered` with one of whose
    comments something became.
    """

    def __init__(
        self,
        runtime: Runtime,
        changed: Callable[[Repository], None],
        answered: Callable[[Repository], None] = lambda _: None,
    ) -> None:
        self._runtime = runtime
        self._changed, self._answered = changed, answered
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="forge")
        self._at_work: dict[RepositoryId, Future[None]] = {}
        self._next: dict[RepositoryId, datetime] = {}
        self._last: dict[RepositoryId, datetime] = {}
        self._failures: dict[RepositoryId, int] = {}
        self._told: dict[RepositoryId, type[EnvmgrError]] = {}
        self._people: dict[RepositoryId, People] = {}
        self._readings: dict[RepositoryId, Readings] = {}
        self._quiet: set[RepositoryId] = set()  # whose last list was no news
        self._hinted: set[RepositoryId] = set()
        self._unsettled: dict[RepositoryId, Future[None]] = {}
        self._closing = threading.Event()

    def reconfigure(self, runtime: Runtime) -> None:
        """Works by another configuration from now on, and looks everywhere at once."""
        self._runtime = runtime
        self._next.clear()

    def soon(self, repository: RepositoryId) -> None:
        """Has a repository's forge looked at as soon as may be: somebody said that something is new there."""
        self._hinted.add(repository)
        last = self._last.get(repository)
        now = self._runtime.services.clock()
        self._next[repository] = now if last is None else min(max(now, last + SOONEST), now + SOONEST)

    def tick(self) -> None:
        """Begins a look at each forge that is due, one at a time for a repository."""
        now = self._runtime.services.clock()
        for repository in list(self._runtime.services.repositories.values()):
            if repository.forge is None or self._closing.is_set():
                continue
            under_way = self._at_work.get(repository.id)
            if (under_way is None or under_way.done()) and self._is_due(repository, now):
                self._next[repository.id] = now + repository.forge_rules.interval
                self._last[repository.id] = now
                self._at_work[repository.id] = self._pool.submit(self._look, repository)
            settling = self._unsettled.get(repository.id)
            if settling is not None and settling.done():
                self._unsettled[repository.id] = self._pool.submit(self._settle, repository)

    def close(self) -> None:
        """Begins nothing more; what runs goes on."""
        self._closing.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def wait(self, timeout: float) -> bool:
        """Waits for what runs; False where the time (seconds) ran out."""
        return all_over(list(self._at_work.values()), timeout)

    def look(self, repository: Repository) -> None:
        """One look at a repository's forge, here and now; raises what the forge and the store raise."""
        if repository.forge is None:
            return
        records = Records(self._runtime.services.store, repository.id)
        pulls = self._pulls(repository, repository.forge, records)
        self._attend(repository, pulls, records)
        is_known = self._runtime.poller.has_seen(repository.id)  # else the newest commits are not known yet
        if is_known and not self._closing.is_set():
            end_what_is_left(self._runtime.services, repository, repository.forge)

    def _pulls(self, repository: Repository, forge: Forge, records: Records) -> Sequence[KnownPullRequest]:
        """The open pull requests; the forge is asked for them unless it is the turn of their comments."""
        services, identity = self._runtime.services, repository.id
        readings = self._readings.setdefault(identity, Readings())
        was_quiet, is_told = identity in self._quiet, identity in self._hinted
        self._quiet.discard(identity)
        self._hinted.discard(identity)
        if is_told:
            readings.forget()
        elif was_quiet and forge.traits.comments_show is CommentSign.NOWHERE:
            known = [each for each in services.store.pull_requests.all(identity) if each.is_open]
            if any(is_to_be_read(repository, each, records, readings, services.clock()) for each in known):
                return known
        found = look_at_forge(services, repository, forge, self._closing.is_set)
        if found.is_quiet:
            self._quiet.add(identity)
        if found.is_news:
            self._changed(repository)
        return found.open

    def _attend(self, repository: Repository, pulls: Sequence[KnownPullRequest], records: Records) -> None:
        """Reads comments and reviews, and has how commands end looked at from then on as long as any is under way."""
        runtime = self._runtime
        people = self._people.setdefault(repository.id, People())
        readings = self._readings.setdefault(repository.id, Readings())
        under_way, failures = list[bool](), 0
        # All of them before the first ends: what is answered while others are read is answered by these.
        for pull in pulls:
            if self._closing.is_set():  # each may take as long as a call: the next process reads all of them
                return
            try:
                under_way.append(attend(runtime, repository, pull, records, people, readings))
            except RetryLater:
                raise
            except (
                EnvmgrError
            ) as error:  # of this one; the list came, so the forge is there, unless all are so
                failures += 1
                if failures in (len(pulls), _MOST_FAILURES):
                    raise
                log.info(str(error), action="not-read", repository=str(repository.id), number=pull.number)
        if any(under_way):
            self._answered(repository)
        if any(under_way) and repository.id not in self._unsettled and not self._closing.is_set():
            self._unsettled[repository.id] = self._pool.submit(self._settle, repository)
        if count_reviews(runtime, repository, pulls, records, people):
            self._changed(repository)

    def _settle(self, repository: Repository) -> None:
        try:
            with sentences():
                if not settle(self._runtime, repository):
                    self._unsettled.pop(repository.id, None)
                    self._answered(repository)
        except EnvmgrError as error:
            log.warning(str(error), action="not-answered", repository=str(repository.id))
        except Exception:
            log.exception("Unexpected error", action="unexpected", repository=str(repository.id))

    def _is_due(self, repository: Repository, now: datetime) -> bool:
        due = self._next.get(repository.id, now)
        # One far ahead is of a clock that was set back since.
        return due <= now or due > now + _LONGEST + repository.forge_rules.interval

    def _look(self, repository: Repository) -> None:
        identity = repository.id
        try:
            with sentences():
                if not self._is_ours(repository):
                    return
                self.look(repository)
        except RetryLater as error:
            self._failed(repository, error, error.after)
        except EnvmgrError as error:
            self._failed(repository, error, timedelta(0))
        except Exception:
            log.exception("Unexpected error", action="unexpected", repository=str(identity))
        else:
            self._runtime.services.forge_tally.looked(identity, succeeded=True)
            self._failures.pop(identity, None)
            if self._told.pop(identity, None) is not None:
                log.info("Its forge answers again.", action="forge-back", repository=str(identity))

    def _is_ours(self, repository: Repository) -> bool:
        """Whether this host, which looks at the remote, is to look at its forge, too; if not, what it knew of it is old."""
        services, identity = self._runtime.services, repository.id
        if services.fleet.takes_poll(identity):
            return True
        self._failures.pop(identity, None)
        self._told.pop(identity, None)
        self._readings.pop(identity, None)
        self._quiet.discard(identity)
        services.forge_tally.left(identity)
        return False

    def _failed(self, repository: Repository, error: EnvmgrError, after: timedelta) -> None:
        """A forge that is away is asked ever less often; one that asks for a pause gets it."""
        identity, interval = repository.id, repository.forge_rules.interval
        self._runtime.services.forge_tally.looked(identity, succeeded=False)
        failures = self._failures[identity] = self._failures.get(identity, 0) + 1
        pause = max(after, delay(failures, first=interval, longest=max(_LONGEST, interval)))
        self._next[identity] = self._runtime.services.clock() + min(pause, _LONGEST + interval)
        if self._told.get(identity) is not type(error):  # another of the same sort is no news
            log.warning(str(error), action="forge-failed", repository=str(identity))
        self._told[identity] = type(error)
