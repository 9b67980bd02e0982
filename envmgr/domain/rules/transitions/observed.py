"""What a look at the remote, or beside the states, makes of a record that is there."""

from dataclasses import replace
from datetime import datetime

from envmgr.domain.documents.by_hand import SetByHand
from envmgr.domain.values.environment import Environment, Status, Suspension


def revised(before: Environment, after: Environment) -> Environment:
    """A record after a look said `after` of it: only what a look can know, all else is its worker's.

    A record that is opened again begins anew; one that is refused, or closed by the look, says so.
    """
    if not before.is_open or (before.refused and not after.refused and after.is_open):
        return after
    seen = replace(
        before,
        branch=after.branch,
        commit=after.commit,
        absences=after.absences,
        absent_since=after.absent_since,
        refused=after.refused,
        hold=after.hold,
        approved=after.approved,
        pushed_at=after.pushed_at,
        updated_at=after.updated_at,
    )
    if after.refused or not after.is_open:
        return replace(seen, status=after.status, message=after.message)
    return seen


def is_restorable(found: Environment, lost: Environment) -> bool:
    """Whether a record that is there was made anew since, of the same branch, so that the lost one may complete it."""
    return found.is_open and not found.refused and found.claim is None and found.branch == lost.branch


def restored(found: Environment, lost: Environment) -> Environment:
    """A record that was made anew since, with what the lost one knew of the cloud and of its life, and was told by people."""
    known = replace(
        found,
        claim=lost.claim,
        resources=lost.resources,
        identifiers=lost.identifiers,
        created_at=lost.created_at,
        expires_at=lost.expires_at,
        resumed_at=found.resumed_at or lost.resumed_at,
        pin=found.pin or lost.pin,
        updated_at=lost.updated_at,
    )
    if lost.approved is not None and found.hold in (None, lost.hold):
        known = replace(known, hold=lost.hold, approved=lost.approved)
    if found.suspended or not lost.suspended:
        return known
    return _suspended_like(known, lost)


def as_set(lost: Environment, said: SetByHand, now: datetime) -> Environment:
    """A lost record with what people had set of it. Its end is theirs, or later where it lives anew from now."""
    later = (end for end in (lost.expires_at, said.expires_at) if end is not None and end > now)
    known = replace(
        lost,
        commit=said.commit,
        pin=said.pin,
        expires_at=max(later, default=said.expires_at),
        resumed_at=said.resumed_at,
        hold=said.approved,
        approved=said.approved,
    )
    if not said.suspended:
        return known
    return _suspended_like(known, said)


def as_unknown(lost: Environment, because: str) -> Environment:
    """A lost record of which nobody can tell what people had set: it is left alone until one says so."""
    return replace(
        lost,
        status=Status.SUSPENDED,
        message=because,
        suspended=because,
        suspended_by=Suspension.PERSON,
    )


def _suspended_like(known: Environment, other: Environment | SetByHand) -> Environment:
    return replace(
        known,
        status=Status.SUSPENDED,
        message=other.suspended,
        suspended=other.suspended,
        suspended_by=other.suspended_by,
        suspended_commit=other.suspended_commit,
    )
