"""The port `Store` on a SQL database."""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Self

from sqlalchemy import Connection, Select, select

from envmgr.domain.audit.standing import Look, Outcome, Standing, outcome
from envmgr.domain.rules.observation import Observed
from envmgr.domain.rules.transitions import Change
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
from envmgr.domain.values.names import EnvironmentId, RepositoryId, counted
from envmgr.ports import LeaseTaken
from envmgr.ports.hosts import Queue

from . import environments, events, findings, leases, rows, runs, schema
from .asking.figures import SqlFigures
from .asking.freezes import SqlFreezes
from .asking.pages import SqlPages
from .asking.requests import SqlRequests
from .asking.tokens import SqlSessions, SqlTokens
from .cache.environments import Environments
from .copying import Identity, copy
from .database import Database
from .forge.hooks import SqlHooks
from .forge.outbox import SqlOutbox
from .forge.pull_requests import SqlPullRequests
from .hosts.hosts import SqlHosts
from .hosts.left_states import SqlLeftStates
from .hosts.places import SqlPlaces
from .names import REVISIONS
from .overview import Overview, overview
from .pipeline.pipeline import SqlPipeline
from .upkeep.pruning import old_records
from .upkeep.soundness import sound_version


class SqlStore:
    """envmgr's records in SQLite or PostgreSQL; see `envmgr.ports.Store` for what each method promises.

    Safe for many threads and many processes. Nothing is written by a method that changes nothing.
    """

    def __init__(self, database: Database) -> None:
        """Over a database whose schema is the newest."""
        self._database, self._records = database, Environments()
        self.tokens = SqlTokens(database)
        self.sessions = SqlSessions(database)
        self.requests = SqlRequests(database)
        self.freezes = SqlFreezes(database)
        self.pages = SqlPages(database)
        self.figures = SqlFigures(database)
        self.pipeline = SqlPipeline(database)
        self.pull_requests = SqlPullRequests(database)
        self.hosts = SqlHosts(database)
        self.outbox = SqlOutbox(database)
        self.hooks = SqlHooks(database)
        self.left_states = SqlLeftStates(database)
        self.places = SqlPlaces(database)

    def environments(
        self,
        *,
        organization: str | None = None,
        repository: RepositoryId | None = None,
        name: str | None = None,
        destroyed: bool = False,
    ) -> Sequence[Environment]:
        """The environments, by name; destroyed ones only on request."""
        with self._database.read() as connection:
            if repository is not None and organization is None and name is None:
                return self._records.find(connection, repository, destroyed=destroyed)
            return environments.find(connection, organization, repository, name, destroyed=destroyed)

    def environment(self, identity: EnvironmentId) -> Environment | None:
        """One environment, destroyed or not."""
        with self._database.read() as connection:
            return environments.get(connection, identity)

    def overview(self, chosen: str | None, *, destroyed: bool) -> Overview:
        """What `list` shows of the environments, of all repositories or of those with a name."""
        with self._database.read() as connection:
            return overview(rows.asking(connection), chosen, destroyed, is_shared=self._database.is_shared)

    def touched(self, since: datetime) -> Mapping[RepositoryId, frozenset[Hashable]]:
        """The repositories of which an environment was written since a time, with marks of these writes."""
        with self._database.read() as connection:
            return environments.touched(connection, since)

    def revise(
        self,
        repository: RepositoryId,
        revision: Callable[[Sequence[Environment]], Observed],
        tell: Callable[[Sequence[Environment], Observed], Iterable[Event]] = lambda *_: (),
    ) -> Observed:
        """Applies what a look at the remote says; `revision` is asked twice where it changes something."""
        with self._database.read() as connection:
            observed = revision(self._records.find(connection, repository, destroyed=True))
        if not observed.new and not observed.changed:
            return observed  # the usual pass waits for no lock
        with self._database.write() as connection:
            self._database.serialize(connection, f"repository {repository}")
            environments.lock(connection, repository)
            known = self._records.find(connection, repository, destroyed=True)
            observed = revision(known)
            environments.store(connection, known, observed)
            for event in tell(known, observed):
                self._append(connection, event)
        return observed

    def restore(self, lost: Sequence[Environment]) -> Sequence[EnvironmentId]:
        """Brings back records that were lost, all or none; gives the names of those it wrote."""
        with self._database.write() as connection:
            for repository in sorted({environment.id.repository_id for environment in lost}):
                self._database.serialize(connection, f"repository {repository}")
                environments.lock(connection, repository)
            return [each.id for each in lost if environments.restore(connection, each)]

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
        with self._database.write() as connection:
            leases.require(connection, lease)
            changed = environments.change(connection, identity, now, change)
            runs.finish(connection, ends)
            if event is not None:
                self._append(connection, event)
            return changed

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
        wanted = Lease(
            environment=identity,
            generation=0,
            owner=owner,
            purpose=purpose,
            acquired_at=now,
            expires_at=now + duration,
        )
        database, over = self._database, None
        while True:  # each further turn means that the lease changed hands, or was found to be over
            term = leases.Term(database.moment(now), database.moment(now, duration))
            with database.write() as connection:
                taken = leases.take(connection, database.upsert, wanted, term, over)
                found = None if taken else leases.holder(connection, identity, term.begins)
            if taken is not None:
                return taken
            if found is not None:
                holder, is_over = found
                expired = is_over and not is_living(holder.owner)
                if not expired and not is_dead(holder.owner):
                    return LeaseTaken(holder)
                over = holder

    def renew(self, lease: Lease, now: datetime, duration: timedelta) -> Lease:
        """Moves the end of a lease; LeaseLost where it was taken over."""
        with self._database.write() as connection:
            ends = leases.renew(connection, lease, self._database.moment(now, duration))
            if ends is None:
                raise leases.lost(lease, leases.get(connection, lease.environment))
        return replace(lease, expires_at=ends)

    def release(self, lease: Lease) -> None:
        """Gives a lease back; quiet where it was taken over."""
        with self._database.write() as connection:
            leases.release(connection, lease)

    def leases(self, now: datetime, *, over: bool = False) -> Mapping[EnvironmentId, Lease]:
        """All leases that are held now, or were never given back."""
        with self._database.read() as connection:
            return leases.held(connection, None if over else self._database.moment(now))

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
        process = owner.owner if isinstance(owner, Lease) else owner
        values = {"kind": kind, "commit": commit, "owner": process, "actor": actor, "started_at": now}
        with self._database.write() as connection:
            leases.require(connection, owner)
            return runs.start(connection, environment, values, log)

    def set_child(self, run: int, child: ProcessId | None, lease: Lease | None = None) -> None:
        """Records the Terraform process that a run has now."""
        self._change_run(run, {"child": child}, lease)

    def set_lock(self, run: int, lock_id: str | None, lease: Lease | None = None) -> None:
        """Records the state lock that a run was seen to hold."""
        self._change_run(run, {"lock_id": lock_id}, lease)

    def _change_run(self, run: int, values: Mapping[str, object], lease: Lease | None) -> None:
        with self._database.write() as connection:
            leases.require(connection, lease)
            runs.change(connection, run, values)

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
        with self._database.write() as connection:
            leases.require(connection, lease)
            runs.finish(connection, RunEnd(run=run, status=status, at=now, message=message, changes=changes))

    def run(self, run: int) -> Run | None:
        """One run."""
        with self._database.read() as connection:
            return runs.get(connection, run)

    def runs(
        self,
        environment: EnvironmentId | None = None,
        *,
        status: RunStatus | None = None,
        limit: int | None = None,
    ) -> Sequence[Run]:
        """Runs, newest first."""
        with self._database.read() as connection:
            return runs.find(connection, environment, status, limit)

    def record(self, event: Event, lease: Lease | None = None) -> None:
        """Appends an event; ids grow in the order in which events become visible."""
        with self._database.write() as connection:
            leases.require(connection, lease)
            self._append(connection, event)

    def _append(self, connection: Connection, event: Event) -> None:
        # One at a time: else a smaller ID may become visible after a larger one, and whoever follows events
        # misses it.
        self._database.serialize(connection, "events")
        events.append(connection, event)

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
        with self._database.read() as connection:
            return events.find(connection, environment, since, after, limit, actions)

    def repository(self, repository: RepositoryId) -> RepositoryState:
        """What polling knows of a repository."""
        table = schema.repositories
        query = select(table).where(
            table.c.organization == repository.organization, table.c.name == repository.name
        )
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return RepositoryState() if row is None else rows.repository_state(row)

    def polled(self) -> Mapping[RepositoryId, RepositoryState]:
        """What polling knows of all repositories."""
        return self._polled(select(schema.repositories))

    def unreachable(self) -> Mapping[RepositoryId, RepositoryState]:
        """The repositories whose last look failed."""
        return self._polled(select(schema.repositories).where(schema.repositories.c.error != ""))

    def _polled(self, query: Select[*tuple[Any, ...]]) -> Mapping[RepositoryId, RepositoryState]:
        with self._database.read() as connection:
            found = connection.execute(query).all()
        return {RepositoryId(row[0], row[1]): rows.repository_state(row) for row in found}

    def save_repository(self, repository: RepositoryId, state: RepositoryState) -> None:
        """Writes what polling knows, unless it is there already."""
        if self.repository(repository) == state:
            return
        values = rows.repository_values(state)
        insert = self._database.upsert(schema.repositories).values(
            organization=repository.organization, name=repository.name, **values
        )
        with self._database.write() as connection:
            connection.execute(
                insert.on_conflict_do_update(index_elements=["organization", "name"], set_=values)
            )

    def last_look(self, look: Look, organization: str) -> datetime | None:
        """When an organization was last looked at in that way."""
        with self._database.read() as connection:
            return findings.last_look(connection, look, organization)

    def take_findings(
        self,
        look: Look,
        organization: str,
        now: datetime,
        found: Sequence[Standing],
        is_over: Callable[[Standing], bool],
        tell: Callable[[Outcome], Iterable[Event]],
    ) -> None:
        """Writes what a look came to, with the events that tell of it, in one transaction."""
        with self._database.write() as connection:
            self._database.serialize(connection, f"{look} of {organization}")
            seen = outcome(findings.find(connection, look, organization), found, is_over)
            findings.store(connection, seen)
            findings.note_look(connection, self._database.upsert, look, organization, now)
            for event in tell(seen):
                self._append(connection, event)

    def prune(self, before: datetime) -> int:
        """Deletes what is older than a time; leases stay, so that no generation goes back."""
        with self._database.write() as connection:
            return sum(connection.execute(statement).rowcount for statement in old_records(before))

    def check(self) -> str:
        """Says that the database is sound and which one it is; NeedsPerson where it is not."""
        with self._database.read() as connection:
            version = sound_version(connection, self._database.place)
            number = len(environments.find(connection, None, None, destroyed=False))
        return f"{self._database.place} is sound: {version}, schema {REVISIONS[-1]}, {counted(number, 'environment')}."

    def queue(self) -> Queue:
        """One that all hosts of this database share; only on PostgreSQL."""
        from .hosts.queue import ProcrastinateQueue

        return ProcrastinateQueue(self._database)

    @property
    def is_shared(self) -> bool:
        """Whether several hosts may work by it."""
        return self._database.is_shared

    @property
    def place(self) -> str:
        """Which database it is, for people, without a password."""
        return self._database.place

    def identity(self) -> Identity:
        """By what the database is known, wherever it is reached."""
        with self._database.read() as connection:
            return Identity(*connection.execute(select(schema.identity)).one())

    def is_empty(self) -> bool:
        """Whether no environment was ever recorded that is not forgotten again."""
        with self._database.read() as connection:
            return connection.execute(select(schema.environments.c.name).limit(1)).first() is None

    def copy_to(self, target: "SqlStore") -> Mapping[str, int]:
        """Copies all records to an empty database, in one transaction that checks them; the number of rows by table. NeedsPerson where that is not so, with nothing written."""
        return copy(self._database, target._database)  # noqa: SLF001  of its own kind

    def __enter__(self) -> Self:
        """Itself, closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes connections."""
        self.close()

    def close(self) -> None:
        """Closes connections."""
        self._database.close()
