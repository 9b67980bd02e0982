"""The port `Outbox` on a SQL database."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    case,
    delete,
    func,
    literal,
    select,
    update,
)

from envmgr.adapters.store import rows
from envmgr.adapters.store.database import Database
from envmgr.adapters.store.schema import tellings
from envmgr.domain.values.environment import ProcessId
from envmgr.domain.values.forge.telling import Target, Telling, Untold
from envmgr.domain.values.names import RepositoryId
from envmgr.ports.outbox import Revision

_KEY = tuple(tellings.c.keys())[:5]
_FIELDS = tuple(tellings.c.keys())[5:]
_TEXT = ("document", "digest", "is_last")
"""What is written when there is something else to say."""
_ANEW = {"tries": 0, "next_try": None, "refused": ""}
_Query = Select[*tuple[Any, ...]]
_SINCE = func.min(tellings.c.since, type_=tellings.c.since.type)
_REASON = (tellings.c.organization, tellings.c.repository, tellings.c.error)
# Once, as they are asked for with each list: to build one takes longer than to ask it.
_UNSAID = (
    select(*_REASON, _SINCE, func.count())
    .where(tellings.c.said != tellings.c.digest, tellings.c.error != "")
    .group_by(*_REASON)
    .order_by(_SINCE, tellings.c.error)
)
_UNSAID_OF_ONE = _UNSAID.where(
    tellings.c.organization == bindparam("organization"), tellings.c.repository == bindparam("repository")
)
_WAITING = and_(tellings.c.said != tellings.c.digest, tellings.c.refused != tellings.c.digest)
_FREE = {"owner": None, "taken_until": None}


class SqlOutbox:
    """What forges are told; see `envmgr.ports.outbox.Outbox`."""

    def __init__(self, database: Database) -> None:
        """Over a database whose schema is the newest."""
        self._database = database

    def of(self, repository: RepositoryId) -> Sequence[Telling]:
        """The rows of a repository."""
        with self._database.read() as connection:
            return _of(connection, repository)

    def revise(self, repository: RepositoryId, revision: Revision) -> bool:
        """Writes what is to be said."""
        with self._database.read() as connection:
            put, forget = revision(_of(connection, repository))
            if not list(put) and not list(forget):
                return False  # the usual look waits for no lock
        with self._database.write() as connection:
            self._database.serialize(connection, f"outbox of {repository}")
            put, forget = revision(_of(connection, repository))
            for each in put:
                values = {name: getattr(each, name) for name in _FIELDS}
                statement = self._database.upsert(tellings).values(**_key(each.target), **values)
                changed = {name: values[name] for name in _TEXT} | _ANEW | _waits_since(values)
                connection.execute(statement.on_conflict_do_update(index_elements=list(_KEY), set_=changed))
            # What a process is just saying stays until it has said it; the next look forgets it.
            for target in forget:
                connection.execute(delete(tellings).where(_is(target), tellings.c.taken_until.is_(None)))
        return True

    def waiting(self) -> Sequence[Telling]:
        """All that is still to be said."""
        with self._database.read() as connection:
            found = connection.execute(
                select(tellings).where(_WAITING).order_by(tellings.c.since, *(tellings.c[k] for k in _KEY))
            ).all()
        return [_telling(row) for row in found]

    def unsaid(self, repository: RepositoryId) -> Sequence[Untold]:
        """Why it could not be said."""
        named = {"organization": repository.organization, "repository": repository.name}
        return self._unsaid(_UNSAID_OF_ONE, named).get(repository, [])

    def all_unsaid(self) -> Mapping[RepositoryId, Sequence[Untold]]:
        """The same of each repository."""
        return self._unsaid(_UNSAID, {})

    def _unsaid(self, query: _Query, named: Mapping[str, str]) -> Mapping[RepositoryId, list[Untold]]:
        found = defaultdict[RepositoryId, list[Untold]](list)
        with self._database.read() as connection:
            for row in connection.execute(query, named):
                found[RepositoryId(row[0], row[1])].append(Untold(*row[2:]))
        return found

    def take(self, seen: Telling, owner: ProcessId, until: datetime) -> Telling | None:
        """Has this process say it."""
        # Only as it was seen: another process may have taken it since.
        same = (
            tellings.c.taken_until == seen.taken_until
            if seen.taken_until
            else tellings.c.taken_until.is_(None)
        )
        statement = update(tellings).where(_is(seen.target), same, _WAITING)
        statement = statement.values(owner=owner, taken_until=until, began=True)
        with self._database.write() as connection:
            row = connection.execute(statement.returning(*tellings.c)).one_or_none()
        return None if row is None else _telling(row)

    def told(self, taken: Telling, remote: str) -> None:
        """Notes that it was said."""
        noted = {"said": taken.digest, "remote": remote, "error": "", **_ANEW}
        mine = _mine(taken)
        with self._database.write() as connection:
            over = and_(mine, tellings.c.is_last, tellings.c.digest == taken.digest)
            if not connection.execute(delete(tellings).where(over)).rowcount:
                connection.execute(update(tellings).where(mine).values(**noted, **_FREE))

    def not_told(self, taken: Telling) -> None:
        """Notes that it was not."""
        noted = {name: getattr(taken, name) for name in ("tries", "next_try", "error", "refused", "remote")}
        with self._database.write() as connection:
            connection.execute(update(tellings).where(_mine(taken)).values(**noted, **_FREE))


def _of(connection: Connection, repository: RepositoryId) -> Sequence[Telling]:
    query = select(tellings).where(rows.of_repository(tellings, repository))
    found = connection.execute(query.order_by(*(tellings.c[name] for name in _KEY))).all()
    return [_telling(row) for row in found]


def _waits_since(values: dict[str, Any]) -> dict[str, Any]:
    """Since when something waits to be said, and why it does: another text changes neither, unless it was said before."""
    is_said = tellings.c.said == tellings.c.digest
    over = tellings.c.said == values["digest"]
    return {
        "since": case((is_said, literal(values["since"], tellings.c.since.type)), else_=tellings.c.since),
        "error": case((over, literal("", tellings.c.error.type)), else_=tellings.c.error),
    }


def _key(target: Target) -> dict[str, Any]:
    repository = target.repository
    own = {"organization": repository.organization, "repository": repository.name}
    return {**own, "kind": target.kind, "name": target.name, "commit": target.commit}


def _is(target: Target) -> ColumnElement[bool]:
    return and_(*(tellings.c[name] == value for name, value in _key(target).items()))


def _mine(taken: Telling) -> ColumnElement[bool]:
    return and_(
        _is(taken.target),
        tellings.c.owner == taken.owner,
        tellings.c.taken_until == taken.taken_until,
    )


def _telling(row: Row[*tuple[Any, ...]]) -> Telling:
    organization, repository, kind, name, commit = row[:5]
    target = Target(RepositoryId(organization, repository), kind, name, commit)
    return Telling(target=target, **dict(zip(_FIELDS, row[5:], strict=True)))
