"""The port `Hosts` on a SQL database."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, select, text, update

from envmgr.adapters.store.database import Database
from envmgr.adapters.store.names import REVISIONS
from envmgr.adapters.store.schema import configurations, hosts, polls, refusals
from envmgr.domain.rules.hosts.standing import conflict
from envmgr.domain.rules.hosts.standing import refused as refused_host
from envmgr.domain.values.environment import ProcessId
from envmgr.domain.values.hosts.duty import Duty
from envmgr.domain.values.hosts.host import IDLE, Configured, Host, Report
from envmgr.ports.hosts import Met

_REMEMBERED = timedelta(days=1)
_UNASKED = datetime.min.replace(tzinfo=UTC)
_REVISION = text("SELECT version_num FROM alembic_version")
_Since = Mapping[tuple[str, str], datetime]
"""When each configuration of an organization (its digest) was seen first."""


class SqlHosts:
    """Hosts; see `envmgr.ports.Hosts`."""

    def __init__(self, database: Database) -> None:
        """Over a database whose schema is the newest."""
        self._database = database

    def beat(self, report: Report, now: datetime, is_dead: Callable[[ProcessId], bool]) -> Met:
        """Records that a host is there, unless another one lives by its name or its ID."""
        with self._database.write() as connection:
            self._database.serialize(connection, "hosts")
            schema = connection.execute(_REVISION).scalar_one()
            since = _configurations(connection)
            known = self._known(connection, now, since)
            mine = next((host for host in known if host.id == report.process.machine), None)
            refused = conflict(report.process, known, is_dead=mine is not None and is_dead(mine.process))
            if not refused:
                self._write(connection, report, now, mine)
                since = self._note(connection, report, now, since)
                known = self._known(connection, now, since)
            elif report.serves:
                self._refuse(connection, report, refused, now)
            elsewhere = self._elsewhere(connection, report.process, now)
        return Met(schema, known, refused, elsewhere)

    def _write(self, connection: Connection, report: Report, now: datetime, mine: Host | None) -> None:
        process, here = report.process, self._database.moment(now)
        own: dict[str, Any] = {
            "process": process,
            "serves": report.serves,
            "configurations": dict(report.configurations),
        }
        told = {"version": report.version, "schema": REVISIONS[-1], "beat_at": here, "forgotten": False}
        told["ahead"] = round(report.ahead.total_seconds())
        first = {"id": process.machine, "draining": False, "started_at": here}
        # A verb at the command line says that the host lives; what its daemon is and does only that one says.
        is_told = report.serves or mine is None or not mine.lives or mine.process.boot != process.boot
        changed = told | own if is_told else told
        if mine is None or (report.serves and mine.process != process):
            changed = changed | {"started_at": here}
        insert = self._database.upsert(hosts).values(**first, **own, **told)
        connection.execute(insert.on_conflict_do_update(index_elements=["id"], set_=changed))

    def _refuse(self, connection: Connection, report: Report, why: str, now: datetime) -> None:
        process, here = report.process, self._database.moment(now)
        connection.execute(
            delete(refusals).where(refusals.c.beat_at < self._database.moment(now, -_REMEMBERED))
        )
        told = {"process": process, "version": report.version, "why": why, "beat_at": here}
        insert = self._database.upsert(refusals).values(id=process.machine, boot=process.boot, **told)
        connection.execute(insert.on_conflict_do_update(index_elements=["id", "boot"], set_=told))

    def _note(self, connection: Connection, report: Report, now: datetime, since: _Since) -> _Since:
        """Since when each configuration is known, what a daemon works by for the first time included."""
        new = [each for each in report.configurations.items() if report.serves and each not in since]
        for organization, digest in new:
            seen = self._database.upsert(configurations).values(
                organization=organization, digest=digest, since=self._database.moment(now)
            )
            connection.execute(seen.on_conflict_do_nothing(index_elements=["organization", "digest"]))
        return _configurations(connection) if new else since

    def present(self) -> datetime | None:
        """What the database's clock says now; None where one host has the database."""
        if not self._database.is_shared:
            return None
        with self._database.read() as connection:
            there: datetime = connection.execute(select(self._database.moment(_UNASKED))).scalar_one()
            return there

    def all(self, now: datetime) -> Sequence[Host]:
        """All that were heard of and not forgotten, by name."""
        with self._database.read() as connection:
            return self._known(connection, now, _configurations(connection))

    def _known(self, connection: Connection, now: datetime, since: _Since) -> Sequence[Host]:
        query = select(hosts, self._database.moment(now).label("now")).where(hosts.c.forgotten.is_(False))
        found = [_host(row, since) for row in connection.execute(query)]
        return sorted(found, key=lambda host: (host.name, host.id))

    def refused(self, now: datetime) -> Sequence[Host]:
        """Daemons that were refused, as each was told last."""
        query = select(refusals, self._database.moment(now).label("now"))
        with self._database.read() as connection:
            return [
                refused_host(row.process, row.version, row.why, row.beat_at, row.now - row.beat_at)
                for row in connection.execute(query)
            ]

    def leave(self, process: ProcessId, now: datetime) -> None:
        """Records that the daemon of a host came to an orderly end."""
        is_it = and_(hosts.c.id == process.machine, hosts.c.process == process)
        with self._database.write() as connection:
            connection.execute(
                update(hosts).where(is_it).values(serves=False, beat_at=self._database.moment(now))
            )

    def drain(self, identity: str, *, draining: bool) -> bool:
        """Says that a host is to take no new work, or that it may again."""
        return self._set(identity, draining=draining)

    def forget(self, identity: str) -> bool:
        """Forgets a host; its row stays, so that what it had begun is known to be over."""
        return self._set(identity, forgotten=True, serves=False)

    def _set(self, identity: str, **values: bool) -> bool:
        is_it = and_(hosts.c.id == identity, hosts.c.forgotten.is_(False))
        with self._database.write() as connection:
            return connection.execute(update(hosts).where(is_it).values(**values)).rowcount == 1

    def forgotten(self, identity: str) -> bool:
        """Whether a person said that a host is gone for good, and it was not heard of since."""
        query = select(hosts.c.id).where(hosts.c.id == identity, hosts.c.forgotten.is_(True))
        with self._database.read() as connection:
            return connection.execute(query).first() is not None

    def takes(self, duty: Duty, process: ProcessId, now: datetime) -> bool:
        """Whether a duty is this host's: nobody else who lives has it."""
        if not self._database.is_shared:
            return True
        key = {"organization": duty.organization, "name": duty.name}
        mine = process.machine
        is_done = self._has_its_duties(now)
        is_it = [polls.c[name] == value for name, value in key.items()]
        query = select(polls.c.host, is_done).where(*is_it)
        with self._database.read() as connection:  # the usual look waits for no lock, and writes nothing
            found = connection.execute(query).one_or_none()
        if found is not None and (found[0] == mine or found[1]):
            return bool(found[0] == mine)
        insert = self._database.upsert(polls).values(**key, host=mine)
        take = insert.on_conflict_do_nothing(index_elements=list(key)).returning(polls.c.host)
        # Not in the insert: what it meets there is no table that a condition on other tables could refer to.
        take_over = update(polls).where(*is_it, ~is_done).values(host=mine)
        with self._database.write() as connection:
            if connection.execute(take_over).rowcount == 1:
                return True
            return connection.execute(take).first() is not None

    def leaves(self, organization: str, process: ProcessId) -> None:
        """Leaves the duties of an organization to other hosts."""
        is_mine = and_(polls.c.organization == organization, polls.c.host == process.machine)
        if self._database.is_shared:
            with self._database.write() as connection:
                connection.execute(delete(polls).where(is_mine))

    def _elsewhere(self, connection: Connection, process: ProcessId, now: datetime) -> frozenset[Duty]:
        if not self._database.is_shared:
            return frozenset()
        query = select(polls.c.organization, polls.c.name).where(
            polls.c.host != process.machine, self._has_its_duties(now)
        )
        return frozenset(Duty(*row) for row in connection.execute(query))

    def _has_its_duties(self, now: datetime) -> ColumnElement[bool]:
        """Whether the host of a duty is there to do it."""
        lives = select(hosts.c.id).where(
            hosts.c.id == polls.c.host,
            hosts.c.serves.is_(True),
            hosts.c.draining.is_(False),
            hosts.c.forgotten.is_(False),
            hosts.c.beat_at > self._database.moment(now, -IDLE),
        )
        return lives.correlate(polls).exists()


def _configurations(connection: Connection) -> _Since:
    seen = connection.execute(select(configurations)).all()
    return {(row.organization, row.digest): row.since for row in seen}


def _host(row: Any, since: _Since) -> Host:
    named = {
        name: Configured(digest=d, since=since[name, d])
        for name, d in row.configurations.items()
        if (name, d) in since
    }
    return Host(
        process=row.process,
        version=row.version,
        schema=row.schema,
        serves=row.serves,
        draining=row.draining,
        started_at=row.started_at,
        beat_at=row.beat_at,
        silence=row.now - row.beat_at,
        ahead=timedelta(seconds=row.ahead),
        configurations=named,
    )
