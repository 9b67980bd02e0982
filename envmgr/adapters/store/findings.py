"""Queries on findings, and on when was looked for them, within a transaction of the caller."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection, delete, insert, select, tuple_

from envmgr.domain.audit.standing import Look, Outcome, Standing

from . import rows
from .database import Upsert
from .schema import findings, looks


def last_look(connection: Connection, look: Look, organization: str) -> datetime | None:
    """When an organization was last looked at in that way."""
    query = select(looks.c.at).where(looks.c.organization == organization, looks.c.look == look)
    return connection.execute(query).scalar_one_or_none()


def note_look(connection: Connection, upsert: Upsert, look: Look, organization: str, now: datetime) -> None:
    """Writes that it was looked at now."""
    statement = upsert(looks).values(organization=organization, look=look, at=now)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["organization", "look"], set_={"at": now})
    )


def find(connection: Connection, look: Look, organization: str) -> Sequence[Standing]:
    """What stands of an organization by such looks."""
    query = select(findings).where(findings.c.organization == organization, findings.c.look == look)
    return [rows.standing(row) for row in connection.execute(query)]


def store(connection: Connection, outcome: Outcome) -> None:
    """Writes what stands, and takes away what is over."""
    stands = [(_key(each), each) for each in (*outcome.new, *outcome.still)]
    # New ones go first as well: what text makes the same may stand there already.
    gone = [*map(_place, map(_key, outcome.over), outcome.over), *(_place(*each) for each in stands)]
    if gone:
        columns = tuple_(findings.c.organization, findings.c.look, findings.c.key)
        connection.execute(delete(findings).where(columns.in_(gone)))
    if stands:
        connection.execute(
            insert(findings), [{**rows.standing_values(each), "key": key} for key, each in stands]
        )


def _place(key: str, found: Standing) -> tuple[str, str, str]:
    return found.organization, found.look, key


def _key(found: Standing) -> str:
    """What a finding is known by, of a length that every index takes."""
    return sha256("\0".join(found.key).encode("utf-8", "surrogatepass")).hexdigest()
