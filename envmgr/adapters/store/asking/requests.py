"""The port `Requests` on a SQL database."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from envmgr.adapters.store import rows
from envmgr.adapters.store.database import Database
from envmgr.adapters.store.schema import requests
from envmgr.domain.values.asking.request import Request, RequestStatus
from envmgr.domain.values.environment import ProcessId
from envmgr.domain.values.names import EnvironmentId

_FIELDS = tuple(requests.c.keys())[5:]


class SqlRequests:
    """What was asked for; see `envmgr.ports.Requests`."""

    def __init__(self, database: Database) -> None:
        """Over a database whose schema is the newest."""
        self._database = database

    def add(self, request: Request) -> tuple[Request, bool]:
        """Records a request; what is there already where its key is, and whether it is new."""
        with self._database.write() as connection:
            if request.key is not None:
                # One at a time: of two who ask the same at once neither would find the other's.
                self._database.serialize(connection, "requests")
                found = _of_key(connection, request.key)
                if found is not None:
                    return found, False
            values = {name: getattr(request, name) for name in _FIELDS}
            statement = insert(requests).values(**rows.identity_values(request.environment), **values)
            number = connection.execute(statement.returning(requests.c.id)).scalar_one()
        return replace(request, id=number), True

    def get(self, number: int) -> Request | None:
        """One request."""
        with self._database.read() as connection:
            row = connection.execute(select(requests).where(requests.c.id == number)).one_or_none()
        return None if row is None else _request(row)

    def by_key(self, key: str) -> Request | None:
        """The request with this key."""
        with self._database.read() as connection:
            return _of_key(connection, key)

    def pending(self) -> Sequence[Request]:
        """Those that wait or are being done, in the order they were asked for."""
        wanted = requests.c.status.in_((RequestStatus.WAITING, RequestStatus.RUNNING))
        with self._database.read() as connection:
            found = connection.execute(select(requests).where(wanted).order_by(requests.c.id)).all()
        return [_request(row) for row in found]

    def take(self, number: int, owner: ProcessId, now: datetime) -> bool:
        """Notes that a process does it from now on."""
        values = {"status": RequestStatus.RUNNING, "owner": owner, "started_at": now}
        with self._database.write() as connection:
            return _change(connection, number, RequestStatus.WAITING, values)

    def put_back(self, number: int, owner: ProcessId) -> bool:
        """Lets it wait again."""
        statement = (
            update(requests)
            .where(requests.c.id == number, requests.c.status == RequestStatus.RUNNING)
            .where(requests.c.owner == owner)
            .values(status=RequestStatus.WAITING, owner=None, started_at=None)
        )
        with self._database.write() as connection:
            return connection.execute(statement).rowcount == 1

    def finish(
        self, number: int, status: RequestStatus, now: datetime, message: str, result: dict[str, Any]
    ) -> None:
        """Records what became of it."""
        values = {
            "status": status,
            "finished_at": now,
            "message": message,
            "result": result,
            "owner": None,
        }
        with self._database.write() as connection:
            _change(connection, number, RequestStatus.RUNNING, values)


def _of_key(connection: Connection, key: str) -> Request | None:
    row = connection.execute(select(requests).where(requests.c.key == key)).one_or_none()
    return None if row is None else _request(row)


def _change(connection: Connection, number: int, now: RequestStatus, values: dict[str, Any]) -> bool:
    statement = update(requests).where(requests.c.id == number, requests.c.status == now)
    return connection.execute(statement.values(**values)).rowcount == 1


def _request(row: Row[*tuple[Any, ...]]) -> Request:
    values = dict(zip(_FIELDS, row[5:], strict=True))
    return Request(id=row[0], environment=EnvironmentId(*row[1:5]), **values)
