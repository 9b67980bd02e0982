"""What a look at the remote, or beside the states, makes of a record that is there."""

from dataclasses import replace

from envmgr.domain.environment import Environment


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
    """A record that was made anew since, with what the lost one knew of the cloud and of its life."""
    return replace(
        found,
        claim=lost.claim,
        resources=lost.resources,
        identifiers=lost.identifiers,
        created_at=lost.created_at,
        expires_at=lost.expires_at,
        updated_at=lost.updated_at,
    )
