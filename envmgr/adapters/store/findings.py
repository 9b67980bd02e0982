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
    gone = [
        _key(each) for each in (*outcome.over, *outcome.still, *outcome.new)
    ]  # new ones: what text makes the same
    if gone:
        columns = tuple_(findings.c.organization, findings.c.look, findings.c.key)
        connection.execute(delete(findings).where(columns.in_(gone)))
    standing = [
        {**rows.standing_values(each), "key": _key(each)[2]} for each in (*outcome.new, *outcome.still)
    ]
    if standing:
        connection.execute(insert(findings), standing)


def _key(found: Standing) -> tuple[str, str, str]:
    """What a finding is known by, of a length that every index takes."""
    text = "\0".join(found.key).encode("utf-8", "surrogatepass")
    return found.organization, found.look, sha256(text).hexdigest()
