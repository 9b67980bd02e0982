"""The port `Queue` on PostgreSQL: procrastinate's tables and functions, called as any other statement of envmgr.

Its own worker is not used: that is asyncio, with a pool of its own and LISTEN, which no pooler in transaction mode lets
through. So all limits, failures and connections are those of the rest.
"""

import json
import threading
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

import structlog
from procrastinate.schema import SchemaManager
from procrastinate.sql import queries
from sqlalchemy import Connection, Row, TextClause, bindparam, text
from sqlalchemy.exc import IntegrityError

from envmgr.adapters.store.database import Database
from envmgr.domain.errors import NeedsOperator
from envmgr.domain.values.hosts.priority import Priority, Turn
from envmgr.domain.values.names import EnvironmentId

log = structlog.get_logger()

STALLED = timedelta(seconds=30)
"""So long after its last word nobody counts on a process to do what it has taken."""
_FORGOTTEN = timedelta(days=1)
_TASK = "envmgr.look"
_OURS = "envmgr/"
_WAITING_ANEW = "turns"
"""What only one at a time lets wait: two who put many of the same in another order would wait for each other."""
_FUNCTIONS = (
    "procrastinate_defer_jobs_v1",
    "procrastinate_fetch_job_v2",
    "procrastinate_finish_job_v1",
    "procrastinate_retry_job_v2",
    "procrastinate_register_worker_v1",
    "procrastinate_unregister_worker_v1",
    "procrastinate_update_heartbeat_v1",
    "procrastinate_prune_stalled_workers_v1",
)
# Whether all wait already, and for nothing less: what another host has put is put no second time.
_WAIT = text(
    """
    SELECT NOT EXISTS (
        SELECT FROM unnest(CAST(:locks AS text[]), CAST(:priorities AS integer[])) AS wanted(lock, priority)
        WHERE NOT EXISTS (
            SELECT FROM procrastinate_jobs AS job
            WHERE job.queueing_lock = wanted.lock AND job.status = 'todo' AND job.priority >= wanted.priority
        )
    )
    """
)
# Whoever waits already is raised, at most: no second one comes to be, and no error either, which would end a transaction.
_PUT = text(
    """
    WITH wanted AS (
        SELECT * FROM unnest(
            CAST(:queues AS text[]), CAST(:locks AS text[]), CAST(:priorities AS integer[]), CAST(:args AS text[])
        ) WITH ORDINALITY AS wanted(queue, lock, priority, args, number)
    ),
    raised AS (
        UPDATE procrastinate_jobs AS job SET priority = wanted.priority FROM wanted
        WHERE job.queueing_lock = wanted.lock AND job.status = 'todo' AND job.priority < wanted.priority
    )
    SELECT procrastinate_defer_jobs_v1(array_agg(
        ROW(queue, CAST(:task AS text), priority, NULL, lock, CAST(args AS jsonb), NULL)::procrastinate_job_to_defer_v1
        ORDER BY number
    ))
    FROM wanted
    WHERE NOT EXISTS (
        SELECT FROM procrastinate_jobs AS job WHERE job.queueing_lock = wanted.lock AND job.status = 'todo'
    )
    HAVING count(*) > 0
    """
)
_MINE = text(
    "SELECT id FROM procrastinate_jobs WHERE id = :id AND status = 'doing' AND worker_id = :worker FOR UPDATE"
)
_STRANDED = text("SELECT id FROM procrastinate_jobs WHERE id = :id AND status = 'doing' FOR UPDATE")
_DONE = text("SELECT procrastinate_finish_job_v1(:id, 'succeeded', true)")
_AGAIN = text("SELECT procrastinate_retry_job_v2(:id, NULL, NULL, NULL, NULL)")
_LIVES = text("SELECT procrastinate_update_heartbeat_v1(id) FROM procrastinate_workers WHERE id = :worker")
_LEAVES = text("SELECT procrastinate_unregister_worker_v1(:worker)")
_WAITING = text(
    "SELECT queue_name, count(*) FROM procrastinate_jobs WHERE status = 'todo' AND queue_name IN :queues GROUP BY queue_name"
).bindparams(bindparam("queues", expanding=True))


class ProcrastinateQueue:
    """One for all hosts of a database; see `envmgr.ports.hosts`.

    `queueing_lock` is the environment, so that it waits once; `lock` stays empty: the lease alone keeps others off, and
    a job that is stranded keeps nobody from anything.
    """

    def __init__(self, database: Database) -> None:
        """Over PostgreSQL; its tables are made at the first use."""
        self._database = database
        self._lock = threading.Lock()
        self._is_there = False
        self._worker: int | None = None

    def put(self, wanted: Mapping[EnvironmentId, Priority]) -> None:
        """Lets environments wait for their turns, each once; the greater priority counts."""
        self._ensure()
        names = [_parts(each) for each in wanted]
        locks = [_OURS + json.dumps(each) for each in names]
        priorities = [int(each) for each in wanted.values()]
        with self._database.read() as connection:
            if connection.execute(_WAIT, {"locks": locks, "priorities": priorities}).scalar_one():
                return  # the usual look of those who come second waits for no lock
        jobs = {
            "queues": [_OURS + each.organization for each in wanted],
            "task": _TASK,
            "priorities": priorities,
            "locks": locks,
            "args": [json.dumps({"environment": each}) for each in names],
        }
        with self._database.write() as connection:
            self._database.serialize(connection, _WAITING_ANEW)
            # A host of an older release, which puts one by one, may do so in the same moment: then what it put is raised.
            if not _unless_there(connection, _PUT, jobs):
                connection.execute(_PUT, jobs)

    def take(self, organization: str) -> Turn | None:
        """Whose turn it is in an organization; None where nobody waits."""
        self._ensure()
        worker = self._known_as()
        while True:
            with self._database.write() as connection:
                row = self._fetch(connection, organization, worker)
                if row is None:
                    return None
                turn = _turn(row)
                if turn is not None:
                    return turn
                connection.execute(_DONE, {"id": row.id})  # nobody could ever do it

    def done(self, turn: Turn) -> None:
        """Takes a turn away that was taken here; quiet where it was made anew meanwhile."""
        with self._database.write() as connection:
            if connection.execute(_MINE, {"id": turn.number, "worker": self._worker}).first() is not None:
                connection.execute(_DONE, {"id": turn.number})

    def waiting(self, organizations: Collection[str]) -> Mapping[str, int]:
        """How many wait, by organization."""
        self._ensure()
        with self._database.read() as connection:
            found = connection.execute(_WAITING, {"queues": [_OURS + name for name in organizations]})
            return {name.removeprefix(_OURS): number for name, number in found}

    def sweep(self) -> None:
        """Says that this process lives, and lets wait anew what those had taken that live no more."""
        self._ensure()
        worker = self._known_as()
        with self._database.write() as connection:
            is_known = connection.execute(_LIVES, {"worker": worker}).first() is not None
        if not is_known:  # it was silent so long that the others forgot it
            with self._lock:
                self._worker = None
        wanted = {"queue": None, "task_name": _TASK, "seconds_since_heartbeat": STALLED.total_seconds()}
        with self._database.read() as connection:
            stalled = connection.exec_driver_sql(queries["select_stalled_jobs_by_heartbeat"], wanted).all()
        for row in stalled:
            self._make_anew(row.id)

    def close(self) -> None:
        """Says that this process ends: what it has taken and not done counts as stranded at once."""
        with self._lock:
            worker, self._worker = self._worker, None
        if worker is not None:
            with self._database.write() as connection:
                connection.execute(_LEAVES, {"worker": worker})

    def _fetch(self, connection: Connection, organization: str, worker: int) -> Row[Any] | None:
        wanted = {"queues": [_OURS + organization], "worker_id": worker}
        row = connection.exec_driver_sql(queries["fetch_job"], wanted).first()
        return row if row is not None and row.id is not None else None

    def _known_as(self) -> int:
        """The number of this process among those that take turns."""
        with self._lock:
            if self._worker is None:
                with self._database.write() as connection:
                    self._worker = connection.exec_driver_sql(queries["register_worker"]).scalar_one()
                    long_ago = {"seconds_since_heartbeat": _FORGOTTEN.total_seconds()}
                    connection.exec_driver_sql(queries["prune_stalled_workers"], long_ago)
            return self._worker

    def _make_anew(self, job: int) -> None:
        with self._database.write() as connection:
            self._database.serialize(connection, _WAITING_ANEW)
            if connection.execute(_STRANDED, {"id": job}).first() is None:
                return  # another host was faster, or it was done after all
            if not _unless_there(connection, _AGAIN, {"id": job}):
                connection.execute(_DONE, {"id": job})  # it was put again since
        log.info("What another process had taken and not done waits anew.", action="queue-swept", job=job)

    def _ensure(self) -> None:
        if self._is_there:
            return
        with self._database.write() as connection:
            self._database.serialize(connection, "queue")
            if connection.exec_driver_sql(queries["check_connection"]).scalar_one() is None:
                # Without parameters, as it is many statements.
                connection.execution_options(no_parameters=True).exec_driver_sql(SchemaManager.get_schema())
            names = text(
                "SELECT name FROM unnest(CAST(:names AS text[])) AS name WHERE to_regproc(name) IS NULL"
            )
            missing = connection.execute(names, {"names": list(_FUNCTIONS)}).scalars().all()
        if missing:
            raise NeedsOperator(
                f"The {self._database.place} has tables of procrastinate that are of another release than envmgr needs "
                f"({missing[0]} is missing): bring them to 3.10 as its documents say, or set `queue: threads`."
            )
        self._is_there = True


def _unless_there(connection: Connection, statement: TextClause, values: Mapping[str, object]) -> bool:
    """Executes a statement; False, with nothing done, where the environment came to wait in the same moment."""
    try:
        # A savepoint: without one the error would end the caller's transaction as well.
        with connection.begin_nested():
            connection.execute(statement, values)
    except IntegrityError:
        return False
    return True


def _parts(environment: EnvironmentId) -> list[str]:
    """An environment as its job names it."""
    return [environment.organization, environment.repository, environment.name, environment.application]


def _turn(row: Row[Any]) -> Turn | None:
    parts = row.args.get("environment") if isinstance(row.args, dict) else None
    if not isinstance(parts, list) or len(parts) != 4 or not all(isinstance(part, str) for part in parts):
        return None
    return Turn(EnvironmentId(*parts), row.id)
