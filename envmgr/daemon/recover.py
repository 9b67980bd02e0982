"""What must be cleared up before new work on an environment: what an earlier process left behind."""

from dataclasses import dataclass
from datetime import timedelta

from envmgr.domain.environment import Environment, Run, RunStatus
from envmgr.domain.errors import RetryLater, StateLocked
from envmgr.domain.state import LockInfo, State
from envmgr.ports import StateStore, Workspace

from .job import ActiveRun, Job
from .services import Services


def end_abandoned_runs(job: Job) -> None:
    """Marks the runs of dead processes as interrupted; raises RetryLater while a Terraform of theirs lives.

    Only called with the environment's lease held: no living process of ours can be at work on it.
    """
    services = job.services
    for run in services.store.runs(job.environment.id, status=RunStatus.RUNNING):
        if run.child is not None and not services.is_dead(run.child):
            raise RetryLater(
                f"Terraform of run {run.id} ({run.child}) still works on {job.environment.label}.",
                after=timedelta(seconds=5),
            )
        message = f"Interrupted: {run.owner} ended before the run did."
        services.store.finish_run(run.id, RunStatus.INTERRUPTED, services.clock(), message)
        services.record(job.environment.id, "interrupted", message, commit=run.commit, run=run.id)


def push_errored_state(job: Job, active: ActiveRun, workspace: Workspace) -> None:
    """Brings a state that an earlier apply could not write to where it belongs, before anything else."""
    if not workspace.root.is_dir():
        return
    if job.project.tenant.terraform.push_errored_state(workspace, active.watch()):
        message = "Pushed the errored.tfstate that an earlier run could not write."
        job.services.record(job.environment.id, "state-recovered", message, run=active.run.id)


def note_resources(job: Job, state: State | None) -> None:
    """Adds what a state lists to the record: an apply that failed or died half-way did not come to that."""
    known = job.environment.resources
    more = tuple(address for address in state.resources if address not in known) if state else ()
    if more:
        job.update(resources=(*known, *more))


def break_own_lock(job: Job, active: ActiveRun, workspace: Workspace) -> None:
    """Breaks the state lock if it is provably ours and its holder provably dead; else raises StateLocked."""
    services, environment = job.services, job.environment
    held = find_lock(services, environment, job.state())
    if held is None:
        return
    lock, holder = held.lock, held.holder
    if holder is None or not held.dead:
        raise StateLocked(
            f"The state of {environment.label} is locked by {lock}: wait for it to end, or see `envmgr unlock`."
        )
    job.project.tenant.terraform.unlock(workspace, lock.id, active.watch())
    message = f"Broke lock {lock.id} of run {holder.id}, whose Terraform ({holder.child}) is dead."
    services.record(environment.id, "unlocked", message, run=active.run.id)


@dataclass(frozen=True, slots=True)
class HeldLock:
    """A state lock, the run of ours that holds it (None: another's), and whether that is provably dead."""

    lock: LockInfo
    holder: Run | None
    dead: bool


def find_lock(services: Services, environment: Environment, state: StateStore) -> HeldLock | None:
    """Who holds the lock of an environment's state, by the IDs that our runs were seen to hold."""
    lock = state.lock(environment.id.state_key)
    if lock is None:
        return None
    runs = services.store.runs(environment.id, limit=100)
    holder = next((run for run in runs if lock.id and run.lock_id == lock.id), None)
    dead = holder is not None and holder.child is not None and services.is_dead(holder.child)
    return HeldLock(lock, holder, dead)
