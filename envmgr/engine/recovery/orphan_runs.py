"""Taking over the runs of processes that died: what they left running is attended, and its result is taken.

Terraform survives its daemon. Its own last word, written after its state, says whether it succeeded; where
there is none, the run is interrupted and the next plan finds out what is missing.
"""

from contextlib import suppress
from datetime import timedelta

from envmgr.domain.errors import EnvmgrError, RetryLater
from envmgr.domain.rules.gates import check_made
from envmgr.domain.rules.transitions import Change, applies
from envmgr.domain.values.environment import Claim, Environment, ProcessId, Run, RunEnd, RunKind, RunStatus
from envmgr.engine.context import logs
from envmgr.engine.context.services import Services
from envmgr.engine.source.tool import program_now
from envmgr.engine.source.workspaces import workspace
from envmgr.engine.work import left_states
from envmgr.engine.work.job import ActiveRun, Job
from envmgr.engine.work.result import found, summary
from envmgr.host.leftovers import sweep
from envmgr.ports import Attended

_ELSEWHERE = timedelta(days=1)
"""For so long what another host started counts as running where it is not known whether that host is gone for good.

A Terraform that should work longer still has the lock of its state, which is not broken for it.
"""


def end_abandoned_runs(job: Job) -> None:
    """Ends the runs of dead processes, once the Terraform that each may have left has ended.

    Only called with the environment's lease held: no living process of ours can be at work on it. Raises
    RetryLater while a Terraform works that cannot be attended from here (on another host), or need not be (a
    first plan).
    """
    # The oldest first, so that the record ends with what the newest run came to.
    for run in reversed(job.services.store.runs(job.environment.id, status=RunStatus.RUNNING)):
        _end(job, run, _adopt(job, run))


def _adopt(job: Job, run: Run) -> Attended:
    """What the run's Terraform came to; waits for it where it lives."""
    claim, child = job.environment.claim, _survivor(job, run)
    # A deploy step leaves no result that could be taken, and what happened on another host cannot be read
    # here.
    if claim is None or run.kind.runs_steps or not job.services.processes.is_here(run.owner):
        return Attended()
    if child is not None:
        message = f"Terraform of run {run.id} ({child}) outlived {run.owner}: waiting for its end."
        job.services.record(
            job.environment.id, "adopted", message, commit=run.commit, run=run.id, lease=job.lease
        )
    organization, access = job.repository.organization, job.access()
    with suppress(EnvmgrError):  # a state that was cut off is mended by the next plan
        job.redact.learn(access.hiding(job.read_state()))
    space = workspace(job, access, claim, program_now(job.services, organization, claim))
    adopted = organization.terraform.adopt(space, child, ActiveRun(job=job, run=run).watch())
    # The process that would have done this after its apply is dead.
    left_states.put_away(job.services, run, space)
    return adopted


def _survivor(job: Job, run: Run) -> ProcessId | None:
    """The Terraform that a run left, also one whose start could not be recorded any more."""
    processes, child, is_step = job.services.processes, run.child, run.kind.runs_steps
    if child is not None and processes.is_dead(child):
        child = None
    if not is_step or run.child is None:  # else the mark may be on a server that a step left, as it should
        child = child or processes.child_of(job.services.layout.log_of(run), run.started_at)
    if child is not None and is_step and _end_step(job, run, child):
        return None
    attended = not is_step and job.environment.claim is not None
    if child is None or (attended and processes.is_here(child)):
        return child
    if not processes.is_here(child) and _is_over(job, run, child):
        return None
    until = "" if processes.is_here(child) else _until(run)
    raise RetryLater(
        f"What run {run.id} started ({child}) is still working on {job.environment.label}{until}.",
        after=timedelta(seconds=5),
    )


def _is_over(job: Job, run: Run, child: ProcessId) -> bool:
    """Whether what runs on another host can be at work no more: that is gone, or so much time has passed."""
    if job.services.fleet.gone(child):
        return True
    return job.services.clock() >= run.started_at + _ELSEWHERE


def _until(run: Run) -> str:
    ends = run.started_at + _ELSEWHERE
    return (
        f", as far as is known here; if its host is gone, this goes on by itself at {ends:%Y-%m-%d %H:%M} UTC"
    )


def _end_step(job: Job, run: Run, child: ProcessId) -> bool:
    """Ends a step that outlived its process, where that may surely be done: it will be done again."""
    if not job.services.steps.end(child):
        return False
    message = f"A step of run {run.id} ({child}) outlived {run.owner} and was ended: it is done again."
    job.services.record(
        job.environment.id, "step-ended", message, commit=run.commit, run=run.id, lease=job.lease
    )
    return True


def _end(job: Job, run: Run, adopted: Attended) -> None:
    services, claim = job.services, job.environment.claim
    status, message = RunStatus.INTERRUPTED, f"Interrupted: {_why(services, run)}."
    change: Change = _as_it_is
    if adopted.error:
        status, message = RunStatus.FAILED, adopted.error
    # Only of the claim that stands on record: of an older one the state would say too little or too much.
    elif adopted.applied is not None and claim is not None and claim.commit == run.commit:
        status = RunStatus.SUCCEEDED
        said, change = _settled(job, run, claim)
        message = f"{said}: {summary(adopted.applied)}; envmgr was restarted meanwhile."
    # The process that would have removed its saved plan is dead, and the plan may hold sensitive values.
    sweep(services.layout.plans(job.environment.id))
    if services.processes.is_here(run.owner):
        logs.put_away(services, run)
    action = "taken-over" if status is RunStatus.SUCCEEDED else "interrupted"
    event = services.event(job.environment.id, action, message, commit=run.commit, run=run.id)
    end = RunEnd(run=run.id, status=status, at=services.clock(), message=message, changes=adopted.applied)
    job.update(change, event, end)


def _why(services: Services, run: Run) -> str:
    """Why a run that was recorded as begun will have no end of its own."""
    if why := services.fleet.gone(run.owner):
        return why
    if services.processes.is_dead(run.owner):
        return f"{run.owner} ended before the run did"
    # As where the database was away right after it took the beginning: who wrote that may live.
    return f"{run.owner} recorded that it began, and nothing after that, and holds the environment no more"


def _settled(job: Job, run: Run, claim: Claim) -> tuple[str, Change]:
    """What is said of it, and what the state says now; the next decision takes it from there.

    The plan that could tell which tags were to be looked at after the apply went with its process. Where the state
    shows that any are lacking, it does not pass for applied: a plan is made, and its gates say what is wrong.
    """
    if run.kind is not RunKind.APPLY:
        return f"Destroyed what {claim.commit[:10]} had made, to be verified", _as_it_is
    lacking = check_made(job.read_state(), claim.tags)
    state = found(job)

    def stated(record: Environment) -> Environment:
        adopted = applies.unknown(record) if lacking else applies.adopted(record, claim, run.id)
        return applies.stated(adopted, state)

    return f"Applied {claim.commit[:10]}" + (
        f", to be checked again ({lacking[0]})" if lacking else ""
    ), stated


def _as_it_is(record: Environment) -> Environment:
    return record
