"""What must be cleared up before new work on an environment: a state and a lock that were left behind."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from envmgr.domain.documents.state import LockInfo
from envmgr.domain.errors import EnvmgrError, PlaceMissing, StateLocked
from envmgr.domain.values.environment import Environment, Run, RunStatus
from envmgr.engine.context.services import Services
from envmgr.engine.source.kept import checkout_applied
from envmgr.engine.work import left_states
from envmgr.engine.work.job import FREE, REFUSED, ActiveRun, Job
from envmgr.engine.work.lock_recorder import is_of, our_name
from envmgr.ports import StateStore, Workspace

_TO_NOTE = timedelta(minutes=1)
"""A holder notes its ID by its next request; after this long without, it is dead."""
_TERRAFORMS = ("terraform", "tofu")
_CLOCKS_APART = timedelta(milliseconds=20)
"""The kernel counts a process's start in ticks, Terraform reads the clock; they differ by less."""


def push_errored_state(job: Job, active: ActiveRun, workspace: Workspace) -> None:
    """Brings a state that an earlier apply could not write to where it belongs, before anything else."""
    left = left_states.bring_back(job.services, job.lease, workspace, job.read_state)
    claim = job.environment.claim
    if left is not None and claim is not None and not workspace.root.is_dir():
        checkout_applied(job, claim)
    if not workspace.root.is_dir():
        return
    try:
        is_pushed = job.repository.organization.terraform.push_errored_state(workspace, active.watch())
    except EnvmgrError:
        # Also what a Terraform left whose envmgr died: the next one to try may be another host.
        left_states.put_away(job.services, active.run, workspace)
        raise
    if is_pushed:
        message = "Pushed the errored.tfstate that an earlier run could not write."
        job.services.record(
            job.environment.id, "state-recovered", message, run=active.run.id, lease=job.lease
        )
        if left is not None:
            job.services.store.left_states.forget(left)


def break_own_lock(job: Job, active: ActiveRun, workspace: Workspace) -> None:
    """Breaks the state lock if it is provably ours and its holder provably dead; else raises StateLocked."""
    services, environment = job.services, job.environment
    held = find_lock(services, environment, job.state(), job.repository.organization.binary)
    if held is None:
        return
    lock, holder = held.lock, held.holder
    if holder is None or not held.dead:
        raise StateLocked(
            f"The state of {environment.label} is locked by {lock}: wait for it to end, or see `envmgr unlock`."
        )
    break_lock(job, active, workspace, lock.id)
    services.record(environment.id, "unlocked", _broken(lock, holder), run=active.run.id, lease=job.lease)


def left_lock(job: Job) -> str:
    """Breaks the lock of a state in which nothing ever was, if it is provably ours and dead; else says who has it.

    It is asked before such an environment is closed. A Terraform that left it came no further than a plan; whoever comes
    under that name next would meet its lock.
    """
    services, identity = job.services, job.environment.id
    try:
        held = find_lock(services, job.environment, job.state(), job.repository.organization.binary)
    except PlaceMissing:  # nor is there a lock, then
        return ""
    if held is None:
        return ""
    if held.holder is not None and held.dead:
        job.state().break_lock(identity.state_key, held.lock.id)
        if job.state().lock(identity.state_key) is None:
            services.record(identity, "unlocked", _broken(held.lock, held.holder), lease=job.lease)
            return ""
    return f" Its state is still locked by {held.lock}."


def _broken(lock: LockInfo, holder: Run) -> str:
    return f"Broke lock {lock.id or 'without ID'} of run {holder.id}, whose Terraform ({holder.child or holder.owner}) is dead."


def break_lock(job: Job, active: ActiveRun, workspace: Workspace, lock_id: str) -> None:
    """Breaks a state lock by its ID: by Terraform, or in the store where the lock keeps Terraform from even that."""
    if lock_id:
        # `force-unlock` begins with an init, which may itself want the lock.
        with suppress(StateLocked):
            job.repository.organization.terraform.unlock(workspace, lock_id, active.watch())
            return
    job.state().break_lock(job.environment.id.state_key, lock_id)


@dataclass(frozen=True, slots=True)
class HeldLock:
    """A state lock, the run of ours that holds it (None: another's), and whether that is provably dead."""

    lock: LockInfo
    holder: Run | None
    dead: bool


def find_lock(
    services: Services, environment: Environment, state: StateStore, binary: str
) -> HeldLock | None:
    """Who holds the lock of an environment's state: by the IDs that our runs were seen to hold, by their names in a cage, else by exclusion.

    `binary` is the organization's Terraform: a process of that name may hold a lock, too.
    """
    # An ID that was seen while our Terraform held the lock is proof. Without one it takes all of: our user,
    # this host, the right time, and no other Terraform that could have done it.
    lock = state.lock(environment.id.state_key)
    if lock is None:
        return None
    runs = services.store.runs(environment.id, limit=100)
    holder = next((run for run in runs if lock.id and run.lock_id == lock.id), None)
    if holder is not None:
        dead = holder.child is not None and (
            services.processes.is_dead(holder.child) or bool(services.fleet.gone(holder.child))
        )
        return HeldLock(lock, holder, dead)
    named = next((run for run in runs if is_of(lock, services.layout.log_of(run))), None)
    if named is not None:
        return HeldLock(lock, named, _has_no_terraform(services, named))
    taker = _taker(services, lock, runs) if lock.id else _nameless_taker(services, runs)
    if taker is None or _may_be_a_strangers(services, lock, binary):
        return HeldLock(lock, None, dead=False)
    return HeldLock(lock, taker, dead=True)


def _has_no_terraform(services: Services, run: Run) -> bool:
    """Whether no Terraform of a run is at work any more, whichever of its commands had taken the lock."""
    processes, owner = services.processes, run.owner
    if services.fleet.gone(owner):
        return True
    if not processes.is_here(owner):
        return processes.is_dead(owner)  # with all of that boot
    if run.status is RunStatus.RUNNING and not processes.is_dead(owner):
        return False
    is_over = run.child is None or processes.is_dead(run.child)
    return is_over and processes.child_of(services.layout.log_of(run), run.started_at) is None


def _taker(services: Services, lock: LockInfo, runs: Sequence[Run]) -> Run | None:
    """The run whose dead Terraform lived when our user took the lock on this host; its ID was never seen.

    A Terraform that is killed within moments of taking the lock leaves no other trace of it.
    """
    if lock.created is None or lock.who != our_name():
        return None
    for run in runs:
        # It found the lock there, so it did not take it.
        if run.lock_id == REFUSED:
            continue
        began = services.processes.started_at(run.child) if run.child is not None else None
        ended = (run.finished_at or services.clock()) + _CLOCKS_APART
        if began is not None and began - _CLOCKS_APART <= lock.created <= ended and _is_over(services, run):
            return run
    return None


def _nameless_taker(services: Services, runs: Sequence[Run]) -> Run | None:
    """The run whose dead Terraform took a lock and died before it noted its ID.

    Right before it began the state was free; since its end nobody of ours had the lock, and one of our runs was
    refused by it so long ago that a living holder would have noted its ID since.
    """
    refused_at = None
    for run in runs:
        if run.lock_id == REFUSED or run.child is None:
            refused_at = run.finished_at if run.lock_id == REFUSED and run.finished_at else refused_at
        elif run.lock_id != FREE or not _is_over(services, run):
            return None
        else:
            waited = refused_at is not None and services.clock() - refused_at >= _TO_NOTE
            return run if waited else None
    return None


def _is_over(services: Services, run: Run) -> bool:
    dead = run.child is not None and services.processes.is_dead(run.child)
    return dead and services.processes.child_of(services.layout.log_of(run), run.started_at) is None


def _may_be_a_strangers(services: Services, lock: LockInfo, binary: str) -> bool:
    """Whether a Terraform lives on this host that we did not start and that may have taken the lock."""
    names = {*_TERRAFORMS, Path(binary).name, Path(binary).resolve().name}
    return services.processes.strangers(names, lock.created or datetime.now(UTC))
