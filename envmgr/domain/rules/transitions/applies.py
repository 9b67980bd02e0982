"""What an apply, and a look at what it made, write of an environment."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from envmgr.domain.values.drift import Drift
from envmgr.domain.values.environment import (
    NO_HOLD,
    Claim,
    Environment,
    Failure,
    Guard,
    Hold,
    Output,
    Status,
    Suspended,
    Suspension,
    Waits,
    WaitsFor,
)
from envmgr.domain.values.schedule import Schedule

from .standing import stands


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a state says of an environment, as its record is to have it."""

    outputs: Mapping[str, Output]
    resources: tuple[str, ...]
    url: str | None
    serial: int | None
    identifiers: tuple[str, ...]
    lineage: str = ""


def claimed(before: Environment, claim: Claim) -> Environment:
    """What destroying it will need is durable, before anything is made by it.

    Whoever makes, or takes over, what was destroyed by hand wants it to live: that destroy does not go on with it.
    """
    lives = before.suspended_by is Suspension.DESTROY
    claim = _of_its_state(before, claim)
    return replace(before, claim=claim, ending=False, suspended=None if lives else before.suspended)


def _of_its_state(before: Environment, claim: Claim) -> Claim:
    """The claim with the lineage that is known of the state, unless it comes with one of its own."""
    known = before.claim.lineage if before.claim is not None else ""
    return claim if claim.lineage or not known else replace(claim, lineage=known)


def began_with(before: Environment, lineage: str) -> Environment:
    """The lineage that its state has from now on; empty where there is no state that anything is known of."""
    claim = before.claim
    if claim is None or claim.lineage == lineage:
        return before
    return replace(before, claim=replace(claim, lineage=lineage))


def not_adopted(before: Environment, because: str, now: datetime) -> Environment:
    """Its taking-over was undone before anything was changed; nobody makes a second one beside it unasked."""
    return replace(
        before,
        claim=None,
        applied=replace(before.applied, resources=(), identifiers=None),
        suspended=Suspended(because, Suspension.PERSON, at=now),
    )


def moved(before: Environment, claim: Claim) -> Environment:
    """Its state counts, or is kept a copy of, in the places that a claim names; what was applied is so by that as well.

    Once it is on no way any more, what had failed because of where it was is tried again.
    """
    is_applied = before.claim is not None and before.applied.fingerprint == before.claim.fingerprint
    applied = replace(before.applied, fingerprint=claim.fingerprint) if is_applied else before.applied
    after = replace(before, claim=claim, applied=applied)
    if claim.moves is not None:
        return after
    if before.status is Status.FAILED:
        said = "Its state was moved; what had failed is tried again."
        after = stands(after, Status.WAITING, said)
    return replace(after, failure=Failure(count=before.failure.count))


def unknown(before: Environment) -> Environment:
    """The infrastructure is about to be changed: from here on nobody may take it for applied."""
    return replace(before, applied=replace(before.applied, fingerprint=None))


def changing(before: Environment) -> Environment:
    """The same where it is known what is about to be done: what was done before is no longer the last that was."""
    after = unknown(before)
    return replace(after, applied=replace(after.applied, changed=()))


def applied(
    before: Environment,
    claim: Claim,
    inputs: str | None,
    promoted_from: str | None = None,
    changed: tuple[tuple[str, str], ...] | None = None,
) -> Environment:
    """The cloud has what a claim describes, its commit from another environment where one is named; what held it back is over.

    `changed` is what was done with which resource; None where nothing was.
    """
    now = replace(before.applied, commit=claim.commit, fingerprint=claim.fingerprint, inputs=inputs)
    if changed is not None:
        now = replace(now, changed=changed)
    return replace(
        before,
        claim=_of_its_state(before, claim),
        applied=replace(now, promoted_from=promoted_from),
        hold=NO_HOLD,
        proposal=None,
    )


def adopted(before: Environment, claim: Claim, run: int) -> Environment:
    """An apply ended with success whose envmgr did not see it; whether all is done, the next decision says."""
    deployment = before.deployment and replace(before.deployment, apply=run)
    return replace(
        before,
        applied=replace(before.applied, commit=claim.commit, fingerprint=claim.fingerprint),
        deployment=deployment,
    )


def stated(before: Environment, found: Found | None) -> Environment:
    """What its state says now; None says nothing."""
    if found is None:
        return before
    applied = replace(
        before.applied,
        outputs=found.outputs,
        resources=found.resources,
        url=found.url,
        serial=found.serial,
        identifiers=found.identifiers,
    )
    return _learnt(replace(before, applied=applied), found.lineage)


def _learnt(before: Environment, lineage: str) -> Environment:
    """The lineage of a state that is its own; another than the known one is never taken for it unasked."""
    is_known = before.claim is not None and before.claim.lineage
    return before if is_known else began_with(before, lineage)


def noted(
    before: Environment, resources: tuple[str, ...], identifiers: tuple[str, ...], lineage: str = ""
) -> Environment:
    """It may have these resources, too: an apply that failed or died half-way did not come to say so."""
    known = before.applied.identifiers or ()
    applied = replace(
        before.applied,
        resources=tuple(dict.fromkeys((*before.applied.resources, *resources))),
        identifiers=tuple(dict.fromkeys((*known, *identifiers))),
    )
    return _learnt(replace(before, applied=applied), lineage)


def living(before: Environment, ends: datetime | None, schedule: Schedule | None) -> Environment:
    """How long its branch lets it live, and when it is up; another end is warned of anew."""
    warned = before.life.warned_at if ends == before.life.expires_at else None
    return replace(before, life=replace(before.life, expires_at=ends, warned_at=warned), schedule=schedule)


def unsuspended(before: Environment, ended: Suspended | None) -> Environment:
    """The suspension that the work began with is over; one that came meanwhile stays."""
    return replace(before, suspended=None) if before.suspended == ended else before


def brought_up(before: Environment, now: datetime) -> Environment:
    """A person brought it up by hand: it lives anew."""
    return replace(before, life=replace(before.life, resumed_at=now))


# --- drift -----------------------------------------------------------------------------------------


def looked_at(before: Environment, drift: Drift) -> Environment:
    """What a check for drift found."""
    return replace(before, drift=drift)


def seen_applied(before: Environment, now: datetime, failing_checks: tuple[str, ...] = ()) -> Environment:
    """An apply is a look, too; what was found to be noise stays so."""
    noise = before.drift.noise if before.drift else ()
    looked = Drift(tried_at=now, checked_at=now, noise=noise, failing_checks=failing_checks)
    return replace(before, drift=looked)


def held_for_drift(before: Environment, message: str) -> Environment:
    """Its drift waits for a person."""
    held = stands(unknown(before), Status.WAITING, message, Waits(WaitsFor.DRIFT))
    return replace(held, hold=Hold(Guard.DRIFT))


def let_go_of_drift(before: Environment, claim: Claim) -> Environment:
    """What was held back because of drift is as it should be again."""
    return replace(
        stands(before, Status.READY, ""),
        hold=NO_HOLD,
        applied=replace(before.applied, fingerprint=claim.fingerprint),
    )
