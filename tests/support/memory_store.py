"""The port `Store` in this process's memory: for tests, and as the shortest statement of what a store does."""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from threading import RLock
from typing import TypeVar

from envmgr.domain.audit.standing import Look, Outcome, Standing, outcome
from envmgr.domain.errors import LeaseLost, UsageError
from envmgr.domain.rules.approval.words import KEPT_FOR_GOOD
from envmgr.domain.rules.observation import Observed
from envmgr.domain.rules.transitions import Change
from envmgr.domain.rules.transitions.observed import is_restorable, restored, revised
from envmgr.domain.values.environment import (
    Changes,
    Environment,
    Event,
    Lease,
    ProcessId,
    RepositoryState,
    Run,
    RunEnd,
    RunKind,
    RunStatus,
)
from envmgr.domain.values.environment.origin import OriginKind
from envmgr.domain.values.forge import KnownPullRequest
from envmgr.domain.values.names import EnvironmentId, RepositoryId, counted
from envmgr.domain.values.pipeline.build import Build
from envmgr.ports import LeaseTaken

from .memory_asking import MemoryFreezes, MemoryPages, MemoryRequests, MemorySessions, MemoryTokens
from .memory_figures import MemoryFigures
from .memory_hooks import MemoryHooks
from .memory_hosts import MemoryHosts
from .memory_left_states import MemoryLeftStates
from .memory_outbox import MemoryOutbox
from .memory_pipeline import MemoryPipeline
from .memory_places import MemoryPlaces
from .memory_pull_requests import MemoryPullRequests

K = TypeVar("K")
V = TypeVar("V")


class MemoryStore:
    """Records that end with the process; safe for many threads. See `envmgr.ports.Store`."""

    is_shared = False

    def __init__(self) -> None:
        """Empty."""
        self._lock = RLock()
        self._environments: dict[EnvironmentId, Environment] = {}
        self._writes: dict[EnvironmentId, int] = {}
        self._written = 0
        self._leases: dict[EnvironmentId, Lease] = {}
        self._generations: dict[EnvironmentId, int] = {}
        self._runs: dict[int, Run] = {}
        self._last_run = 0
        self._events: list[Event] = []
        self._last_event = 0
        self._repositories: dict[RepositoryId, RepositoryState] = {}
        self._looks: dict[tuple[Look, str], datetime] = {}
        self._findings: dict[tuple[Look, str], tuple[Standing, ...]] = {}
        self._tokens, self._sessions, self._requests = MemoryTokens(), MemorySessions(), MemoryRequests()
        self._pipeline = MemoryPipeline()
        self._freezes, self._hosts = MemoryFreezes(), MemoryHosts()
        self._pull_requests = MemoryPullRequests()
        self._outbox = MemoryOutbox()
        self._hooks = MemoryHooks()
        self.left_states = MemoryLeftStates()
        self.places = MemoryPlaces(self.leases, self._require)

    @property
    def standing(self) -> Mapping[tuple[Look, str], tuple[Standing, ...]]:
        """What stands, by what looked for it and organization."""
        return self._findings

    @property
    def tokens(self) -> MemoryTokens:
        """Tokens."""
        return self._tokens

    @property
    def sessions(self) -> MemorySessions:
        """Who is signed in."""
        return self._sessions

    @property
    def freezes(self) -> MemoryFreezes:
        """What is frozen."""
        return self._freezes

    @property
    def pull_requests(self) -> MemoryPullRequests:
        """What is known of pull requests."""
        return self._pull_requests

    @property
    def hosts(self) -> MemoryHosts:
        """Who works by these records."""
        return self._hosts

    @property
    def hooks(self) -> MemoryHooks:
        """What comes from others unasked."""
        return self._hooks

    @property
    def requests(self) -> MemoryRequests:
        """What was asked for over the network."""
        return self._requests

    @property
    def outbox(self) -> MemoryOutbox:
        """What forges are to be told."""
        return self._outbox

    @property
    def pages(self) -> MemoryPages:
        """Records page by page."""
        return MemoryPages(self)

    @property
    def figures(self) -> MemoryFigures:
        """Figures over all records."""
        return MemoryFigures(self)

    @property
    def pipeline(self) -> MemoryPipeline:
        """What lies between a commit and production."""
        return self._pipeline

    def environments(
        self,
        *,
        organization: str | None = None,
        repository: RepositoryId | None = None,
        name: str | None = None,
        destroyed: bool = False,
    ) -> Sequence[Environment]:
        """The environments, by name; destroyed ones only on request."""
        with self._lock:
            found = [self._environments[identity] for identity in sorted(self._environments)]
        return [
            e
            for e in found
            if (destroyed or e.is_open)
            and organization in (None, e.id.organization)
            and repository in (None, e.id.repository_id)
            and name in (None, e.id.name)
        ]

    def environment(self, identity: EnvironmentId) -> Environment | None:
        """One environment, destroyed or not."""
        with self._lock:
            return self._environments.get(identity)

    def touched(self, since: datetime) -> Mapping[RepositoryId, frozenset[Hashable]]:
        """The repositories of which an environment was written since a time; no record is written in its place."""
        found = [e for e in self.environments(destroyed=True) if e.updated_at >= since]
        repositories = sorted({e.id.repository_id for e in found})
        return {
            repository: frozenset(
                (e.id, self._writes[e.id]) for e in found if e.id.repository_id == repository
            )
            for repository in repositories
        }

    def _put(self, environment: Environment) -> None:
        self._environments[environment.id] = environment
        self._written += 1
        self._writes[environment.id] = self._written

    def revise(
        self,
        repository: RepositoryId,
        revision: Callable[[Sequence[Environment]], Observed],
        tell: Callable[[Sequence[Environment], Observed], Iterable[Event]] = lambda *_: (),
    ) -> Observed:
        """Applies what a look at the remote says."""
        with self._lock:
            known = self.environments(repository=repository, destroyed=True)
            observed = revision(known)
            events = list(tell(known, observed)) if observed.new or observed.changed else []
            for after in observed.new:
                self._put(after)
            for after in observed.changed:
                before = self._environments[after.id]
                self._put(revised(before, after))
            for event in events:
                self.record(event)
            return observed

    def restore(self, lost: Sequence[Environment]) -> Sequence[EnvironmentId]:
        """Brings back records that were lost; gives the names of those it wrote."""
        written = []
        with self._lock:
            for each in lost:
                found = self._environments.get(each.id)
                if found is None:
                    self._put(each)
                elif is_restorable(found, each):
                    self._put(restored(found, each))
                else:
                    continue
                written.append(each.id)
        return written

    def update(
        self,
        identity: EnvironmentId,
        lease: Lease | None,
        now: datetime,
        change: Change,
        event: Event | None = None,
        ends: RunEnd | None = None,
    ) -> Environment:
        """Writes what a change makes of the record, the event and a run's end, if the lease is the newest."""
        if lease is not None and lease.environment != identity:
            raise ValueError(f"the lease of {lease.environment} is none of {identity}")
        with self._lock:
            if lease is not None:
                self._require(lease)
            if identity not in self._environments:
                raise UsageError(f"envmgr knows no environment {identity}.")
            after = replace(change(self._environments[identity]), updated_at=now)
            if after.id != identity:
                raise ValueError(f"a change of {identity} gave {after.id}")
            self._put(after)
            if ends is not None:
                self._finish(ends)
        if event is not None:
            self.record(event)
        return after

    def acquire(
        self,
        identity: EnvironmentId,
        owner: ProcessId,
        purpose: str,
        now: datetime,
        duration: timedelta,
        is_dead: Callable[[ProcessId], bool],
        is_living: Callable[[ProcessId], bool] = lambda _: False,
    ) -> Lease | LeaseTaken:
        """Takes the lease if nobody has it."""
        now = self._hosts.here(now)
        with self._lock:
            holder = self._leases.get(identity)
            if holder is not None and not _is_over(holder, now, is_dead, is_living):
                return LeaseTaken(holder)
            generation = self._generations.get(identity, 0) + 1
            lease = Lease(
                environment=identity,
                generation=generation,
                owner=owner,
                purpose=purpose,
                acquired_at=now,
                expires_at=now + duration,
            )
            self._generations[identity] = generation
            self._leases[identity] = lease
            return lease

    def renew(self, lease: Lease, now: datetime, duration: timedelta) -> Lease:
        """Moves the end of a lease; LeaseLost where it was taken over."""
        with self._lock:
            self._require(lease)
            renewed = replace(lease, expires_at=self._hosts.here(now) + duration)
            self._leases[lease.environment] = renewed
            return renewed

    def release(self, lease: Lease) -> None:
        """Gives a lease back; quiet where it was taken over."""
        with self._lock:
            if self._is_newest(lease):
                del self._leases[lease.environment]

    def leases(self, now: datetime, *, over: bool = False) -> Mapping[EnvironmentId, Lease]:
        """All leases that are held now."""
        now = self._hosts.here(now)
        with self._lock:
            return {i: lease for i, lease in self._leases.items() if over or lease.expires_at > now}

    def start_run(
        self,
        environment: EnvironmentId,
        kind: RunKind,
        commit: str,
        owner: ProcessId | Lease,
        actor: str,
        now: datetime,
        log: Callable[[int], str] = lambda _: "",
    ) -> Run:
        """Records a run as running."""
        with self._lock:
            if isinstance(owner, Lease):
                self._require(owner)
            self._last_run += 1
            run = Run(
                id=self._last_run,
                environment=environment,
                kind=kind,
                commit=commit,
                status=RunStatus.RUNNING,
                started_at=now,
                owner=owner.owner if isinstance(owner, Lease) else owner,
                actor=actor,
                log=log(self._last_run),
            )
            self._runs[run.id] = run
            return run

    def set_child(self, run: int, child: ProcessId | None, lease: Lease | None = None) -> None:
        """Records the process of a run."""
        self._require_if(lease)
        self._change_run(run, lambda found: replace(found, child=child))

    def set_lock(self, run: int, lock_id: str | None, lease: Lease | None = None) -> None:
        """Records the lock of a run."""
        self._require_if(lease)
        self._change_run(run, lambda found: replace(found, lock_id=lock_id))

    def _require_if(self, lease: Lease | None) -> None:
        if lease is not None:
            with self._lock:
                self._require(lease)

    def finish_run(
        self,
        run: int,
        status: RunStatus,
        now: datetime,
        message: str = "",
        changes: Changes | None = None,
        lease: Lease | None = None,
    ) -> None:
        """Ends a run; without message or changes those it has stay."""
        self._require_if(lease)
        self._finish(RunEnd(run=run, status=status, at=now, message=message, changes=changes))

    def _finish(self, end: RunEnd) -> None:
        self._change_run(
            end.run,
            lambda found: replace(
                found,
                status=end.status,
                finished_at=end.at,
                message=end.message or found.message,
                changes=found.changes if end.changes is None else end.changes,
            ),
        )

    def run(self, run: int) -> Run | None:
        """One run."""
        with self._lock:
            return self._runs.get(run)

    def runs(
        self,
        environment: EnvironmentId | None = None,
        *,
        status: RunStatus | None = None,
        limit: int | None = None,
    ) -> Sequence[Run]:
        """Runs, newest first."""
        with self._lock:
            found = list(self._runs.values())[::-1]
        matching = [r for r in found if environment in (None, r.environment) and status in (None, r.status)]
        return matching[:limit]

    def record(self, event: Event, lease: Lease | None = None) -> None:
        """Appends an event."""
        self._require_if(lease)
        with self._lock:
            self._last_event += 1
            self._events.append(replace(event, id=self._last_event))

    def events(
        self,
        environment: EnvironmentId | None = None,
        *,
        since: datetime | None = None,
        after: int = 0,
        limit: int | None = None,
        actions: Collection[str] | None = None,
    ) -> Sequence[Event]:
        """Events in the order they happened."""
        with self._lock:
            found = [e for e in self._events if actions is None or e.action in actions]
        matching = [
            e
            for e in found
            if e.id > after and environment in (None, e.environment) and (since is None or e.at >= since)
        ]
        return matching if limit is None else matching[max(len(matching) - limit, 0) :]

    def repository(self, repository: RepositoryId) -> RepositoryState:
        """What polling knows of a repository."""
        with self._lock:
            return self._repositories.get(repository, RepositoryState())

    def polled(self) -> Mapping[RepositoryId, RepositoryState]:
        """What polling knows of all repositories."""
        with self._lock:
            return dict(self._repositories)

    def unreachable(self) -> Mapping[RepositoryId, RepositoryState]:
        """The repositories whose last look failed."""
        with self._lock:
            return {name: state for name, state in self._repositories.items() if state.error}

    def save_repository(self, repository: RepositoryId, state: RepositoryState) -> None:
        """Writes what polling knows."""
        with self._lock:
            self._repositories[repository] = state

    def last_look(self, look: Look, organization: str) -> datetime | None:
        """When an organization was last looked at in that way."""
        with self._lock:
            return self._looks.get((look, organization))

    def take_findings(
        self,
        look: Look,
        organization: str,
        now: datetime,
        found: Sequence[Standing],
        is_over: Callable[[Standing], bool],
        tell: Callable[[Outcome], Iterable[Event]],
    ) -> None:
        """Takes up what a look found, and that it was looked at."""
        with self._lock:
            known = self._findings.get((look, organization), ())
            seen = outcome(known, found, is_over)
            events = list(tell(seen))
            touched = {each.key for each in (*seen.still, *seen.over)}
            unseen = (each for each in known if each.key not in touched)
            self._findings[look, organization] = (*unseen, *seen.still, *seen.new)
            self._looks[look, organization] = now
            for event in events:
                self.record(event)

    def prune(self, before: datetime) -> int:
        """Deletes what is older than a time; the generations of leases stay."""
        with self._lock:
            return (
                _forget(self._environments, lambda e: not e.is_open and e.updated_at < before)
                + _forget(self._runs, lambda r: r.finished_at is not None and r.finished_at < before)
                + self._prune_events(before)
                + _forget(self._requests.kept, lambda r: r.finished_at is not None and r.finished_at < before)
                + _forget(self._sessions.kept, lambda s: s.expires_at < before)
                + _forget(
                    self._pipeline.builds.kept, lambda b: b.began_at < before and not self._is_needed(b)
                )
                + _forget(
                    self._pipeline.releases.kept,
                    lambda r: r.ready_at < before and not self._is_open(r.environment),
                )
                + _forget(
                    self._pull_requests.kept,
                    lambda p: not p.is_open and p.seen_at < before and not self._has_preview(p),
                )
            )

    def _is_needed(self, build: Build) -> bool:
        there = self.environments(repository=build.repository)
        return any(build.commit in (e.commit, e.applied.commit) for e in there)

    def _has_preview(self, known: KnownPullRequest) -> bool:
        there = self.environments(repository=known.repository)
        return any(
            e.origin.kind is OriginKind.PULL_REQUEST and e.origin.number == known.number for e in there
        )

    def _is_open(self, identity: EnvironmentId) -> bool:
        found = self._environments.get(identity)
        return found is not None and found.is_open

    def check(self) -> str:
        """Says which database this is."""
        return f"Memory is sound: {counted(len(self.environments()), 'environment')}."

    def close(self) -> None:
        """Nothing to close."""

    def _prune_events(self, before: datetime) -> int:
        number = len(self._events)
        self._events = [
            event for event in self._events if event.at >= before or event.action in KEPT_FOR_GOOD
        ]
        return number - len(self._events)

    def _change_run(self, run: int, change: Callable[[Run], Run]) -> None:
        with self._lock:
            if run not in self._runs:
                raise UsageError(f"There is no run {run}.")
            self._runs[run] = change(self._runs[run])

    def _is_newest(self, lease: Lease) -> bool:
        newest = self._leases.get(lease.environment)
        return newest is not None and (newest.generation, newest.owner) == (lease.generation, lease.owner)

    def _require(self, lease: Lease) -> None:
        if not self._is_newest(lease):
            raise LeaseLost(f"{lease.environment}: the lease {lease.generation} of {lease.owner} is over.")


def _is_over(
    lease: Lease,
    now: datetime,
    is_dead: Callable[[ProcessId], bool],
    is_living: Callable[[ProcessId], bool],
) -> bool:
    return is_dead(lease.owner) or (lease.expires_at <= now and not is_living(lease.owner))


def _forget(rows: dict[K, V], is_old: Callable[[V], bool]) -> int:
    old = [key for key, value in rows.items() if is_old(value)]
    for key in old:
        del rows[key]
    return len(old)
