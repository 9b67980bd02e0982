"""Looking for drift: one plan of just what was applied, what it found, and its correction where that is safe."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from envmgr.domain.errors import EnvmgrError, Interrupted, LeaseLost, NeedsPerson
from envmgr.domain.rules.comparison import differences
from envmgr.domain.rules.settled import is_settled
from envmgr.domain.rules.transitions import applies
from envmgr.domain.values.drift import (
    Difference,
    Drift,
    checked,
    checks_warning,
    corrected,
    failed,
    is_due,
    is_news,
    why_not_corrected,
)
from envmgr.domain.values.environment import Environment, Guard, RunKind, Status
from envmgr.domain.values.names import first
from envmgr.domain.values.policy import Policy
from envmgr.engine.context.organization import Repository
from envmgr.engine.context.services import Services
from envmgr.engine.work.job import Job, NothingDone, WouldDelete

from .apply import apply
from .planning import plan_again

_SHOWN = 3


def can_check(environment: Environment, policy: Policy) -> bool:
    """Whether an environment is as its branch wants it, but for drift: only then a difference is drift."""
    waits = environment.status is Status.WAITING and environment.hold.guard is Guard.DRIFT
    is_there = environment.claim is not None and not environment.is_missing and not environment.suspended
    return is_there and environment.is_open and (waits or is_settled(environment, policy))


def wants_check(environment: Environment, repository: Repository, policy: Policy, services: Services) -> bool:
    """Whether it is time to compare an environment with its code."""
    due = is_due(environment.id, environment.drift, repository.drift, services.clock())
    return due and can_check(environment, policy)


def check(job: Job) -> Drift:
    """Compares an environment with its code, records what was found, and corrects it where that may be done.

    What keeps the check from coming to a result is recorded, too. Raises LeaseLost, and Interrupted where it
    gave way to more urgent work or envmgr stops.
    """
    before, now = job.environment.drift, job.services.clock()
    try:
        found = _look(job, before, now)
    # Neither says anything about drift: the check simply has not happened.
    except (LeaseLost, Interrupted):
        raise
    except EnvmgrError as error:
        return _record_failure(job, before, failed(before, job.redact(str(error)), now))
    _tell(job, before, found)
    if not found.differences:
        _let_go(job)
    elif job.repository.drift.action == "correct" and not job.mode.is_by_hand:
        _correct(job, before, found)
    return found


def _look(job: Job, before: Drift | None, now: datetime) -> Drift:
    """Looks at what differs, and which checks of the code do not hold; that is recorded with the end of the run."""
    claim = job.environment.claim
    if claim is None:
        raise NeedsPerson(f"Nothing was applied to {job.environment.label}: there is nothing to compare.")
    with job.run(RunKind.DRIFT, claim.commit, job.environment.status, "Drift check.") as active:
        plan = plan_again(job, active, claim)
        seen = differences(plan, job.repository.drift.ignore) if plan is not None else ()
        failing = tuple(active.failing_checks)
        active.message = " ".join(filter(None, [job.redact(_sentence(seen)), checks_warning(failing)]))
        found = checked(before, seen, now, failing)
        active.settle(lambda e: applies.looked_at(e, found))
    return found


def _record_failure(job: Job, before: Drift | None, after: Drift) -> Drift:
    job.update(lambda e: applies.looked_at(e, after))
    if before is None or not before.error:
        job.services.record(
            job.environment.id, "drift-unknown", f"Drift could not be checked: {after.error}", lease=job.lease
        )
    return after


def _tell(job: Job, before: Drift | None, found: Drift) -> None:
    services, identity = job.services, job.environment.id
    for name in sorted(set(found.noise) - set(before.noise if before else ())):
        message = f"{name} differs at every check; list it under drift.ignore if that is to be expected."
        services.record(identity, "drift-noise", job.redact(message), lease=job.lease)
    if before is not None and before.error:
        services.record(identity, "drift-known", "Drift can be checked again.", lease=job.lease)
    if is_news(before, found):
        services.record(identity, "drift", job.redact(_sentence(found.differences)), lease=job.lease)
    if found.failing_checks != (before.failing_checks if before else ()):
        said = checks_warning(found.failing_checks) or "All checks of the code hold again."
        services.record(identity, "checks", said, lease=job.lease)


def _let_go(job: Job) -> None:
    """What was held back because of drift is as it should be again."""
    claim = job.environment.claim
    if job.environment.hold.guard is Guard.DRIFT and claim is not None:
        job.update(lambda e: applies.let_go_of_drift(e, claim))


def _correct(job: Job, before: Drift | None, found: Drift) -> None:
    """Applies again what was applied, unless that needs a person, who then finds it waiting."""
    why = _why_not(job, before, found)
    if not why:
        job.update(applies.unknown)  # else nothing would be planned
        # The check saw nothing that deletes. What the correction plans now may be something else: WouldDelete then.
        try:
            apply(job, f"Correct drift: {_sentence(found.differences)}")
        except WouldDelete:
            why = "correcting it would delete or replace something"
        except NothingDone as refusal:  # what it needs is not there
            why = str(refusal).rstrip(".")
        else:
            applied = job.environment.drift  # the apply has looked at the checks again
            failing = applied.failing_checks if applied else ()
            undone = corrected(replace(found, failing_checks=failing), job.services.clock())
            job.update(lambda e: applies.looked_at(e, undone))
    if why:
        _hold(job, found, why)


def _why_not(job: Job, before: Drift | None, found: Drift) -> str:
    if job.policy.closed is not None:
        return "no window for changes is open"
    if job.policy.frozen is not None:
        return str(job.policy.frozen)
    polled = job.services.store.repository(job.environment.id.repository_id)
    outage = f"its remote could not be read ({polled.error})" if polled.error else ""
    return why_not_corrected(before, found, job.repository.drift, outage)


def _hold(job: Job, found: Drift, why: str) -> None:
    environment = job.environment
    message = (
        f"{_sentence(found.differences)} It is not corrected, since {why}: `envmgr approve {environment.label}` "
        "corrects it."
    )
    is_new = environment.hold.guard is not Guard.DRIFT
    message = job.redact(message)
    job.update(lambda e: applies.held_for_drift(e, message))
    if is_new:
        job.services.record(environment.id, "waiting", message, lease=job.lease)


def _sentence(found: Sequence[Difference]) -> str:
    if not found:
        return "No drift."
    return f"Drift: {first([str(each) for each in found], _SHOWN)}."
