"""Whether what was deployed works: asking it, waiting for it, and what is recorded of it."""

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from envmgr.config.sections.duration import format_duration
from envmgr.domain.documents.state import State
from envmgr.domain.errors import EnvmgrError, Interrupted, LeaseLost, NeedsOperator, NeedsPerson, StepFailed
from envmgr.domain.rules.attempt import attempt_key
from envmgr.domain.rules.transitions import deploys
from envmgr.domain.values.backoff import LONGEST, delay
from envmgr.domain.values.cage import Purpose
from envmgr.domain.values.deployment import WayBack
from envmgr.domain.values.environment import Environment, Event, Output, Status
from envmgr.domain.values.health import Condition, Health, HealthCheck, judged, pause
from envmgr.domain.values.step import Step
from envmgr.domain.values.template import fill, named
from envmgr.engine.context.organization import Repository
from envmgr.engine.context.services import Services
from envmgr.engine.source.steps import place_of
from envmgr.engine.work.job import Job, Superseded
from envmgr.engine.work.lineage import own_state
from envmgr.engine.work.released import is_tested, note_ready
from envmgr.host.leftovers import clear
from envmgr.ports import Watch

from .deploy import go_back
from .remarks import remark_now

_COMMAND_TIMEOUT = timedelta(minutes=1)
_LOOK = timedelta(seconds=1)
"""How often who waits looks whether it is still to be waited for."""


# --- asking --------------------------------------------------------------------------------------


def ask(job: Job, check: HealthCheck) -> str:
    """Asks an environment once; empty where it is well, else the sentence that says what is wrong.

    Raises NeedsPerson where there is nothing to ask, and what the state raises.
    """
    if check.run:
        return _run(job, check)
    return ask_address(job.services, job.repository, job.environment, check)


def ask_address(
    services: Services, repository: Repository, environment: Environment, check: HealthCheck
) -> str:
    """Asks the address of a check; needs no lease. See `ask`."""
    state = _state_for(repository, environment, check.url)
    outputs = environment.applied.outputs if state is None else state.outputs
    wrong = services.probe.ask(check, fill(check.url, outputs), repository.health_networks)
    return repository.organization.access().hiding(state)(wrong) if wrong else ""


def _state_for(repository: Repository, environment: Environment, text: str) -> State | None:
    """The state, where a text asks for an output whose value is nowhere else."""
    claim = environment.claim
    if claim is None or not _asks_for_sensitive(text, environment.applied.outputs):
        return None
    return repository.organization.state(claim.backend).read(environment.id.state_key)


def _asks_for_sensitive(text: str, outputs: Mapping[str, Output]) -> bool:
    return any(outputs[name].sensitive for name in named(text) & outputs.keys())


def _run(job: Job, check: HealthCheck) -> str:
    """Runs the command of a check in a checkout of what is deployed; its output is in a file that the next one replaces."""
    deployment, claim = job.environment.deployment, job.environment.claim
    commit = (deployment and deployment.commit) or (claim.commit if claim else job.environment.target)
    state = own_state(job)
    step = Step(name="health", run=check.run, timeout=_COMMAND_TIMEOUT)
    log = job.services.layout.steps(job.environment.id) / "health.log"
    with place_of(job, commit, state, Purpose.HEALTH) as place:
        clear(log)
        try:
            job.services.steps.run(step, place, Watch(log=log, redact=job.redact, stop=job.should_stop))
        except StepFailed as failed:
            return str(failed)
    return ""


# --- waiting -------------------------------------------------------------------------------------


def await_healthy(job: Job) -> None:
    """Waits until what was deployed is healthy, or the time for that is over, and records what it came to.

    Raises Superseded where something newer is wanted, Interrupted where envmgr stops.
    """
    health = job.environment.health
    if health is None:
        return
    began, before = time.monotonic(), max(job.services.clock() - health.since, timedelta())
    # An envmgr that is no more may have waited for part of the time already; never less than none, should the
    # clock have been set back.
    found, tries = health, 0
    # `judged` gives back the very same object for as long as nothing is decided.
    while found is health:
        if tries:
            _pause(job, pause(tries))
        answer, tries = _answer(job, health.check), tries + 1
        waited = before + timedelta(seconds=time.monotonic() - began)  # by no clock that somebody sets
        found = judged(health, answer, health.since + waited)
    if found.condition is Condition.HEALTHY:
        _record_healthy(job, health.check)
    else:
        unhealthy(job, found.message)


def unhealthy(job: Job, why: str) -> None:
    """Gives up waiting: a failure that only a change mends, and a way back where the rules have one."""
    environment, services = job.environment, job.services
    if environment.health is None:
        return
    now, commit = services.clock(), _deployed(environment)
    health = replace(environment.health, condition=Condition.UNHEALTHY, since=now, message=why)
    message, back = gone_back(job, not_healthy(health), health.message)
    said = " ".join(filter(None, (message, str(back or ""))))
    _give_up(job, health, message, back, services.event(environment.id, "unhealthy", said, commit=commit))


def bring_back(job: Job) -> None:
    """Tries once more the way back that failed; whether the environment is well is asked as before."""
    health = job.environment.health
    if health is not None:
        _give_up(job, health, *gone_back(job, not_healthy(health), health.message))


def _give_up(
    job: Job, health: Health, message: str, back: WayBack | None, event: Event | None = None
) -> None:
    key = attempt_key(job.began, job.policy)
    job.update(lambda e: deploys.not_healthy(e, message, health, key, back), event)


def not_healthy(health: Health) -> str:
    """What a deploy says of itself that did not become healthy."""
    return f"Not healthy within {format_duration(health.check.timeout)}: {health.message}"


def _answer(job: Job, check: HealthCheck) -> str:
    _check_wanted(job)
    return ask(job, check)


def _pause(job: Job, duration: timedelta) -> None:
    over = time.monotonic() + duration.total_seconds()
    while (left := over - time.monotonic()) > 0:
        time.sleep(min(left, _LOOK.total_seconds()))
        _check_wanted(job)


def _check_wanted(job: Job) -> None:
    before = job.environment
    if job.should_stop():
        raise Interrupted(f"Waiting for {before.label} to become healthy was stopped.")
    now = job.reload()
    if now.is_missing or now.suspended != before.suspended:
        raise Superseded("Nobody waits for it to become healthy: its branch is gone, or it is suspended.")
    if now.target != before.target and not job.mode.is_by_hand:
        raise Superseded(f"Superseded by {now.target[:10]}.")


def gone_back(job: Job, why: str, because: str) -> tuple[str, WayBack | None]:
    """Goes back to the last healthy commit where that is asked for; gives what is said then, and how that failed.

    `why` is said of the environment, `because` of the commit that gives way.
    """
    before = job.environment.deployment
    if job.repository.deploy_rules(None).on_unhealthy != "previous":
        return why, None
    try:
        return " ".join(filter(None, (why, go_back(job, because)))), None
    except (Interrupted, LeaseLost):
        raise
    except EnvmgrError as error:
        # What failed is the deploy; that the way back failed is said beside it, and takes its place nowhere.
        return why, _failed_back(job, before.back if before else None, error)


def _failed_back(job: Job, before: WayBack | None, error: EnvmgrError) -> WayBack:
    """A way back that failed: for what may pass it is tried again with growing pauses, for an operator once an hour."""
    failures = before.failures + 1 if before is not None else 1
    wait = LONGEST if isinstance(error, NeedsOperator) else delay(failures)
    is_over = isinstance(error, NeedsPerson) and not isinstance(error, NeedsOperator)
    return WayBack(failures, job.redact(str(error)), None if is_over else job.services.clock() + wait)


# --- what is recorded ----------------------------------------------------------------------------


def is_watched(environment: Environment) -> bool:
    """Whether an environment's health is asked again and again: while it is up, or failed by nothing but its health."""
    health = environment.health
    if health is None or environment.is_missing or environment.suspended:
        return False
    match environment.status:
        case Status.READY | Status.DEGRADED:
            return health.condition is not Condition.STARTING
        case Status.FAILED:
            is_newest = _deployed(environment) == environment.target
            is_why = environment.failure.count == 0  # what else fails is counted
            return is_newest and is_why and health.condition is Condition.UNHEALTHY
        case _:
            return False


def is_same(now: Environment, asked: Environment) -> bool:
    """Whether a watched environment is still as it was when it was asked."""
    told = [(e.status, e.health, e.deployment) for e in (now, asked)]
    return is_watched(now) and told[0] == told[1]


def is_news(environment: Environment, health: Health) -> bool:
    """Whether what was found is otherwise than what is recorded."""
    return (environment.status, environment.health) != (_status(environment, health), health)


def record(job: Job, asked: Environment, health: Health) -> None:
    """Records what a watched environment answered, if it is still the one that was asked."""
    now = job.environment
    if not is_same(now, asked):
        return
    if health.condition is Condition.HEALTHY:
        _record_healthy(job, health.check, "recovered")
        return
    status = _status(now, health)
    event = None
    if status is not now.status:
        event = job.services.event(now.id, "degraded", health.message, commit=_deployed(now))
    message = not_healthy(health) if status is Status.FAILED else health.message
    job.update(lambda e: deploys.answered(e, status, message, health), event)


def _status(environment: Environment, health: Health) -> Status:
    if health.condition is Condition.HEALTHY:
        return Status.READY
    return Status.FAILED if environment.status is Status.FAILED else Status.DEGRADED


def _record_healthy(job: Job, check: HealthCheck, action: str = "healthy") -> None:
    environment, services = job.environment, job.services
    commit, now = _deployed(environment), services.clock()
    event = services.event(environment.id, action, "It is healthy.", commit=commit)
    # Code that went back runs in the infrastructure of another commit: that is no release of either.
    if commit is not None and commit == environment.applied.commit:
        note_ready(job, commit, passed=is_tested(job, commit))
    said = remark_now(job)
    job.update(lambda e: deploys.healthy(e, check, now, job.policy.tests, said), event)


def _deployed(environment: Environment) -> str | None:
    return environment.deployment.commit if environment.deployment is not None else None
