"""What a look at the remote, or beside the states, makes of a record that is there."""

from dataclasses import replace
from datetime import datetime

from envmgr.domain.documents.by_hand import SetByHand
from envmgr.domain.values.environment import Environment, Hold, Status, Suspended, Suspension

from .standing import stands


def revised(before: Environment, after: Environment) -> Environment:
    """A record after a look said `after` of it: only what a look can know, all else is its worker's.

    A record that is opened again begins anew; one that is refused, or closed by the look, says so.
    """
    if not before.is_open or (before.refused and not after.refused and after.is_open):
        return after
    seen = replace(
        before,
        branch=after.branch,
        origin=after.origin,
        tagged=after.tagged,
        commit=after.commit,
        absence=after.absence,
        refused=after.refused,
        hold=after.hold,
        life=replace(before.life, pushed_at=after.life.pushed_at),
        updated_at=after.updated_at,
    )
    if after.refused or not after.is_open:
        return stands(seen, after.status, after.message)
    return seen


def is_restorable(found: Environment, lost: Environment) -> bool:
    """Whether a record that is there was made anew since, of the same branch, so that the lost one may complete it."""
    return found.is_open and not found.refused and found.claim is None and found.branch == lost.branch


def restored(found: Environment, lost: Environment) -> Environment:
    """A record that was made anew since, with what the lost one knew of the cloud and of its life, and was told by people."""
    applied, life = lost.applied, lost.life
    known = replace(
        found,
        claim=lost.claim,
        applied=replace(found.applied, resources=applied.resources, identifiers=applied.identifiers),
        life=replace(
            found.life,
            created_at=life.created_at,
            expires_at=life.expires_at,
            resumed_at=found.life.resumed_at or life.resumed_at,
        ),
        pin=found.pin or lost.pin,
        updated_at=lost.updated_at,
    )
    if lost.hold.approved is not None and found.hold.guard in (None, lost.hold.guard):
        known = replace(known, hold=lost.hold)
    return known if found.suspended is not None else _suspended_like(known, lost.suspended)


def as_set(lost: Environment, said: SetByHand, now: datetime) -> Environment:
    """A lost record with what people had set of it. Its end is theirs, or later where it lives anew from now."""
    later = (end for end in (lost.life.expires_at, said.expires_at) if end is not None and end > now)
    ends = max(later, default=said.expires_at)
    known = replace(
        lost,
        commit=said.commit,
        pin=said.pin,
        life=replace(lost.life, expires_at=ends, resumed_at=said.resumed_at),
        hold=Hold(said.approved, said.approved),
    )
    return _suspended_like(known, said.suspended)


def as_unknown(lost: Environment, because: str, now: datetime) -> Environment:
    """A lost record of which nobody can tell what people had set: it is left alone until one says so."""
    return _suspended_like(lost, Suspended(because, Suspension.PERSON, at=now))


def _suspended_like(known: Environment, suspended: Suspended | None) -> Environment:
    if suspended is None:
        return known
    return replace(stands(known, Status.SUSPENDED, suspended.reason), suspended=suspended)
