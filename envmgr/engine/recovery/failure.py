"""What a failed step leaves in an environment's record: status, sentence, and when to try again."""

import structlog

from envmgr.domain.errors import EnvmgrError, Interrupted, NeedsOperator, NeedsPerson, RetryLater
from envmgr.domain.rules.attempt import attempt_key, is_end
from envmgr.domain.rules.transitions import Change
from envmgr.domain.rules.transitions.standing import stands
from envmgr.domain.rules.transitions.work import failed, interrupted, put_off
from envmgr.domain.values.decision import Decision
from envmgr.domain.values.environment import AT_WORK, Environment, Status
from envmgr.domain.values.health import Condition
from envmgr.engine.work.insistence import Unwritten
from envmgr.engine.work.job import AwaitsApproval, DiskFull, Job, NothingDone, Superseded

log = structlog.get_logger()


def record_failure(job: Job, error: EnvmgrError, decision: Decision) -> None:
    """Writes what kept a decision from being carried out to the environment, handled as the error's class says.

    It is said of what the work began with: a push that came meanwhile has not been tried. An apply that needs a person
    is tried again only on a new commit or configuration; an end, and what an operator has to mend, is tried again once
    an hour all the same, since nothing else would ever come back to it.
    """
    message = f"{job.redact(str(error))}{_disk(job, error)}"
    now, key = job.services.clock(), attempt_key(job.began, job.policy, decision)
    match error:
        case AwaitsApproval() | Unwritten():
            pass  # the record says it already, or will
        case Superseded() | NothingDone():
            _write(job, lambda e: stands(e, _status_before(e), message))
        case Interrupted():
            later = f"{message} It continues when envmgr runs again."
            _write(job, lambda e: interrupted(e, later))
            _tell(job, job.environment.message, "interrupted")
        case RetryLater():
            until = now + error.after
            _write(job, lambda e: put_off(e, message, key, until))
        case _:
            stays = isinstance(error, NeedsPerson)
            again = is_end(decision) or isinstance(error, NeedsOperator)
            _write(job, lambda e: failed(e, message, key, now, needs_person=stays, again=again))
            _tell(job, message)


def restore(job: Job, before: Environment) -> None:
    """Shows an environment as it was before a step that ended without changing anything."""
    if job.environment.status in AT_WORK:
        status = _status_before(before) if before.status in AT_WORK else before.status
        _write(job, lambda e: stands(e, status, before.message))


def _disk(job: Job, error: EnvmgrError) -> str:
    """What many a failure comes from, said with it: too little room on the disk."""
    shortage = job.services.layout.shortage(job.services.disk_reserve)
    return f" {shortage}" if shortage and not isinstance(error, DiskFull) else ""


def _tell(job: Job, message: str, action: str = "failed") -> None:
    environment = job.environment
    try:
        job.services.record(environment.id, action, message, commit=environment.commit, lease=job.lease)
    except EnvmgrError as error:
        log.warning(str(error), action="not-recorded", environment=environment.label)


def _write(job: Job, change: Change) -> None:
    try:
        job.update(change)
    except EnvmgrError as error:  # the next pass finds the environment as it was before this step
        log.warning(str(error), action="not-recorded", environment=job.environment.label)


def _status_before(environment: Environment) -> Status:
    """Where an environment stands when a step ended without changing anything."""
    if environment.suspended:
        return Status.SUSPENDED
    if not environment.applied.commit:
        return Status.PENDING
    # Nobody can vouch for what is there, as an earlier try failed, or its drift is known: the next step takes it up.
    if environment.applied.fingerprint is None:
        return Status.WAITING if environment.hold.guard is not None else Status.PENDING
    health = environment.health
    is_ill = health is not None and health.condition is Condition.UNHEALTHY
    return Status.DEGRADED if is_ill else Status.READY
