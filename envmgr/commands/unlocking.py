"""The lock of an environment's state: who holds it, and breaking it."""

from contextlib import suppress

from envmgr.domain.errors import EnvmgrError, NeedsPerson, StateLocked
from envmgr.domain.values.asking.person import Action
from envmgr.domain.values.environment import Claim, Environment, RunKind
from envmgr.engine.recovery.state_locks import (
    HeldLock,
    break_lock,
    break_own_lock,
    find_lock,
    push_errored_state,
)
from envmgr.engine.source.kept import checkout_applied
from envmgr.engine.source.tool import program_now
from envmgr.engine.source.workspaces import workspace
from envmgr.engine.work.job import ActiveRun, Job
from envmgr.engine.work.mode import ByHand, Verb

from .access import needs
from .operations import manual, repository_of, state_of
from .runtime import Runtime


@needs(Action.SEE)
def lock(runtime: Runtime, environment: Environment) -> HeldLock | None:
    """Who holds the lock of an environment's state."""
    binary = repository_of(runtime, environment).organization.binary
    return find_lock(runtime.services, environment, state_of(runtime, environment), binary)


@needs(Action.UNLOCK)
def unlock(runtime: Runtime, environment: Environment, *, force: bool, seen: HeldLock | None = None) -> None:
    """Breaks the state lock: one that is provably ours and dead, or any with `force`.

    `seen` is what the person was shown: another lock than that is not broken.
    """
    with manual(runtime, environment, ByHand(verb=Verb.UNLOCK, serves_an_end=True)) as job:
        claim = job.environment.claim
        shown = lock(runtime, job.environment)
        if shown is None:
            raise NeedsPerson(f"The state of {environment.label} is not locked.")
        if claim is None or not _has_breakable_id(shown, claim):
            raise StateLocked(
                f"The lock of {environment.label} ({shown.lock}) cannot be broken by its ID: {_by_hand(job)}."
            )
        if seen is not None and seen.lock != shown.lock:
            raise StateLocked(
                f"The state of {environment.label} is locked by {shown.lock} now, no longer by {seen.lock}: "
                "nothing was broken."
            )
        if not (shown.dead or force):
            raise StateLocked(
                f"The state of {environment.label} is locked by {shown.lock}, which is not provably a dead run of envmgr: `--force` breaks it if you know that it is dead."
            )
        with job.run(RunKind.PLAN, claim.commit, job.environment.status, "") as active:
            _break(job, active, claim, shown, force=force)


def _has_breakable_id(shown: HeldLock, claim: Claim) -> bool:
    """Whether `terraform force-unlock` can break it: a local lock is its holder's hold on the file, not its note."""
    return bool(shown.lock.id) and claim.backend[0] != "local"


def _by_hand(job: Job) -> str:
    """What a person does about a lock that has no ID, or ends only with its holder."""
    claim, key = job.environment.claim, job.environment.id.state_key
    kind = claim.backend[0] if claim is not None else job.repository.organization.backend[0]
    if kind == "local":
        return "it ends with the Terraform that holds it; wait for that, or end it"
    how = f"break the lease of the blob {key}" if kind == "azurerm" else f"delete the object {key}.tflock"
    return f"make sure that no Terraform works on it, then {how} in the state store itself"


def _break(job: Job, active: ActiveRun, claim: Claim, shown: HeldLock, *, force: bool) -> None:
    binary = program_now(job.services, job.repository.organization, claim)
    space = workspace(job, job.access(), claim, binary)
    # A state left in the folder is brought to safety, though the lock may keep it here.
    with suppress(EnvmgrError):
        push_errored_state(job, active, space)
    checkout_applied(job, claim)
    if not force:
        break_own_lock(job, active, space)
        return
    break_lock(job, active, space, shown.lock.id)
    job.services.record(
        job.environment.id, "unlocked", f"Broke {shown.lock} by force.", run=active.run.id, lease=job.lease
    )
