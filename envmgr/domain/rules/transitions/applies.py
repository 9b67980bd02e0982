"""What an apply, and a look at what it made, write of an environment."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from envmgr.domain.values.drift import Drift
from envmgr.domain.values.environment import Claim, Environment, Guard, Output, Status, Suspension
from envmgr.domain.values.schedule import Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a state says of an environment, as its record is to have it."""

    outputs: Mapping[str, Output]
    resources: tuple[str, ...]
    url: str | None
    serial: int | None
    identifiers: tuple[str, ...]


def claimed(before: Environment, claim: Claim) -> Environment:
    """What destroying it will need is durable, before anything is made by it.

    Whoever makes, or takes over, what was destroyed by hand wants it to live: that destroy does not go on with it.
    """
    kept = replace(before, claim=claim, ending=False)
    if before.suspended_by is not Suspension.DESTROY:
        return kept
    return _freed(kept)


def not_adopted(before: Environment, because: str) -> Environment:
    """Its taking-over was undone before anything was changed; nobody makes a second one beside it unasked."""
    suspended = replace(before, suspended=because, suspended_by=Suspension.PERSON, suspended_commit=None)
    return replace(suspended, claim=None, resources=(), identifiers=None)


def moved(before: Environment, claim: Claim) -> Environment:
    """Its state counts, or is kept a copy of, in the places that a claim names; what was applied is so by that as well.

    Once it is on no way any more, what had failed because of where it was is tried again.
    """
    is_applied = before.claim is not None and before.applied_fingerprint == before.claim.fingerprint
    after = replace(
        before,
        claim=claim,
        applied_fingerprint=claim.fingerprint if is_applied else before.applied_fingerprint,
    )
    if claim.moves is not None:
        return after
    if before.status is Status.FAILED:
        said = "Its state was moved; what had failed is tried again."
        after = replace(after, status=Status.WAITING, message=said)
    return replace(after, failed_on="", retry_at=None)


def unknown(before: Environment) -> Environment:
    """The infrastructure is about to be changed: from here on nobody may take it for applied."""
    return replace(before, applied_fingerprint=None)


def applied(before: Environment, claim: Claim, inputs: str | None) -> Environment:
    """The cloud has what a claim describes; what held it back is over."""
    return replace(
        before,
        claim=claim,
        applied_commit=claim.commit,
        applied_fingerprint=claim.fingerprint,
        applied_inputs=inputs,
        hold=None,
        approved=None,
    )


def adopted(before: Environment, claim: Claim, run: int) -> Environment:
    """An apply ended with success whose envmgr did not see it; whether all is done, the next decision says."""
    deployment = before.deployment and replace(before.deployment, apply=run)
    return replace(
        before,
        applied_fingerprint=claim.fingerprint,
        applied_commit=claim.commit,
        deployment=deployment,
    )


def stated(before: Environment, found: Found | None) -> Environment:
    """What its state says now; None says nothing."""
    if found is None:
        return before
    return replace(
        before,
        outputs=found.outputs,
        resources=found.resources,
        url=found.url,
        serial=found.serial,
        identifiers=found.identifiers,
    )


def noted(before: Environment, resources: tuple[str, ...], identifiers: tuple[str, ...]) -> Environment:
    """It may have these resources, too: an apply that failed or died half-way did not come to say so."""
    known = before.identifiers or ()
    return replace(
        before,
        resources=tuple(dict.fromkeys((*before.resources, *resources))),
        identifiers=tuple(dict.fromkeys((*known, *identifiers))),
    )


def living(before: Environment, ends: datetime | None, schedule: Schedule | None) -> Environment:
    """How long its branch lets it live, and when it is up; another end is warned of anew."""
    warned = before.warned_at if ends == before.expires_at else None
    return replace(before, expires_at=ends, warned_at=warned, schedule=schedule)


def unsuspended(before: Environment, ended: tuple[Suspension | None, str | None, str] | None) -> Environment:
    """The suspension that the work began with is over; one that came meanwhile stays."""
    if ended is None or before.suspension != ended:
        return before
    return _freed(before)


def _freed(before: Environment) -> Environment:
    return replace(before, suspended="", suspended_by=None, suspended_commit=None)


def brought_up(before: Environment, now: datetime) -> Environment:
    """A person brought it up by hand: it lives anew."""
    return replace(before, resumed_at=now)


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
    return replace(unknown(before), status=Status.WAITING, message=message, hold=Guard.DRIFT, approved=None)


def let_go_of_drift(before: Environment, claim: Claim) -> Environment:
    """What was held back because of drift is as it should be again."""
    return replace(
        before,
        status=Status.READY,
        message="",
        hold=None,
        approved=None,
        applied_fingerprint=claim.fingerprint,
    )
