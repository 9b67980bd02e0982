"""Leases: the right to work on one environment, within a transaction of the caller."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Update, and_, or_, select, update

from envmgr.domain.errors import LeaseLost
from envmgr.domain.values.environment import Lease, ProcessId
from envmgr.domain.values.names import EnvironmentId

from . import rows
from .database import Upsert
from .schema import leases

_HELD = select(leases).where(leases.c.owner.is_not(None))

Moment = ColumnElement[datetime]
"""A time that the database may know better than we do."""


@dataclass(frozen=True, slots=True)
class Term:
    """From when to when a lease is to hold."""

    begins: Moment
    ends: Moment


def take(
    connection: Connection, upsert: Upsert, wanted: Lease, term: Term, over: Lease | None
) -> Lease | None:
    """Takes a lease in one statement if it is free, or still as it was when it was judged to be over.

    `wanted` is the lease to have but for its generation and its term; None where somebody holds it.
    """
    terms = {
        "owner": wanted.owner,
        "purpose": wanted.purpose,
        "acquired_at": term.begins,
        "expires_at": term.ends,
        "placed": False,
    }
    is_free: ColumnElement[bool] = leases.c.owner.is_(None)
    if over is not None:
        # Also its end: who renewed in time, since it was judged, keeps the generation.
        unchanged = and_(leases.c.generation == over.generation, leases.c.expires_at == over.expires_at)
        is_free = or_(is_free, unchanged)
    insert = upsert(leases).values(**rows.identity_values(wanted.environment), generation=1, **terms)
    statement = insert.on_conflict_do_update(
        index_elements=list(rows.IDENTITY),
        set_={"generation": leases.c.generation + 1, **terms},
        where=is_free,
    ).returning(*leases.c)
    row = connection.execute(statement).one_or_none()
    return None if row is None else rows.lease(row)


def get(connection: Connection, environment: EnvironmentId, *, lock: bool = False) -> Lease | None:
    """The lease that was taken last and not given back; `lock` keeps it from being taken over meanwhile."""
    query = select(leases).where(rows.of_environment(leases, environment), leases.c.owner.is_not(None))
    row = connection.execute(query.with_for_update(read=True) if lock else query).one_or_none()
    return None if row is None else rows.lease(row)


def holder(connection: Connection, environment: EnvironmentId, now: Moment) -> tuple[Lease, bool] | None:
    """The lease that was taken last and not given back, and whether its term is over."""
    is_over = (leases.c.expires_at <= now).label("is_over")
    query = select(leases, is_over).where(
        rows.of_environment(leases, environment), leases.c.owner.is_not(None)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else (rows.lease(row), bool(row.is_over))


def require(connection: Connection, lease: Lease | ProcessId | None) -> None:
    """LeaseLost unless the lease, where one is given, is the newest; it stays so until the transaction ends."""
    if not isinstance(lease, Lease):
        return
    newest = get(connection, lease.environment, lock=True)
    if newest is None or (newest.generation, newest.owner) != (lease.generation, lease.owner):
        raise lost(lease, newest)


def renew(connection: Connection, lease: Lease, ends: Moment) -> datetime | None:
    """Moves the end of a lease and gives it; None where it is not the newest."""
    moved = _of(lease).values(expires_at=ends).returning(leases.c.expires_at)
    return connection.execute(moved).scalar_one_or_none()


def release(connection: Connection, lease: Lease) -> None:
    """Lets a lease have no owner, if it is the newest."""
    connection.execute(_of(lease).values(owner=None))


def held(connection: Connection, now: Moment | None) -> Mapping[EnvironmentId, Lease]:
    """All leases that are held now; with None also those whose term is over."""
    query = _HELD if now is None else _HELD.where(leases.c.expires_at > now)
    found = [rows.lease(row) for row in connection.execute(query)]
    return {lease.environment: lease for lease in found}


def lost(lease: Lease, newest: Lease | None) -> LeaseLost:
    """The refusal as a sentence."""
    holder: ProcessId | str = newest.owner if newest else "nobody"
    return LeaseLost(
        f"{lease.environment}: the lease {lease.generation} of {lease.owner} for {lease.purpose} is over "
        f"({holder} has it now), so nothing was written."
    )


def _of(lease: Lease) -> Update:
    is_newest = and_(leases.c.generation == lease.generation, leases.c.owner == lease.owner)
    return update(leases).where(rows.of_environment(leases, lease.environment), is_newest)
