"""Planning: from a claim to a plan that passed its gates. Both apply and destroy go through here."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from envmgr.domain.documents.lineage import is_another
from envmgr.domain.documents.plan import Plan
from envmgr.domain.documents.state import State
from envmgr.domain.errors import NeedsPerson, StalePlan, StateLocked
from envmgr.domain.rules.gates import check_apply, check_destroy
from envmgr.domain.rules.transitions.applies import unknown
from envmgr.domain.rules.transitions.ends import emptied
from envmgr.domain.rules.unfinished import unfinished
from envmgr.domain.values.drift import checks_warning
from envmgr.domain.values.environment import Claim, Run, RunKind, RunStatus, SourceKind
from envmgr.domain.values.names import counted, first
from envmgr.engine.context import ownership
from envmgr.engine.context.organization import Access
from envmgr.engine.recovery import lost_records, state_locks
from envmgr.engine.source import kept, needs, tool, workspaces
from envmgr.engine.source.code_check import check_code
from envmgr.engine.source.desired import settle_scope, settle_version
from envmgr.engine.source.untaken import with_untaken
from envmgr.engine.work.job import ActiveRun, Job, NothingDone, WouldDelete
from envmgr.engine.work.lineage import check_own, let_begin
from envmgr.engine.work.planned import Planned, StateCopy
from envmgr.engine.work.result import note_resources
from envmgr.ports import PlanResult, Workspace

# A state that has moved between plan and apply this often is being changed by somebody else: then the next
# try is soon enough.
_ATTEMPTS = 3

T = TypeVar("T")


def plan_apply(job: Job, active: ActiveRun, claim: Claim, copy: StateCopy | None = None) -> Planned:
    """Plans what a claim wants; raises NeedsPerson where the plan does not pass the gates.

    With a `copy` by that state in the place of the environment's own.
    """
    access = _begin(job, active, claim)
    root = workspaces.checkout(job.services, job.environment, _kept_module(job, claim))
    # Not for a destroy: what was applied is destroyed whatever the limits are by then.
    if claim.source.kind is SourceKind.DIRECTORY:
        check_code(workspaces.source(job.services, job.environment), job.repository.terraform_limits.code)
    tool.check_unencrypted(root)
    claim = settle_scope(job.services, job.repository, claim, root)
    checkout = workspaces.source(job.services, job.environment)
    claim = settle_version(job.repository.organization, claim, root, checkout)
    workspaces.check_is_read(claim, root)
    claim = with_untaken(job.services, job.repository, claim, root)
    binary = tool.program(job.services, job.repository.organization, claim.terraform_version)
    space = workspaces.workspace(job, access, claim, binary)
    if copy is not None:
        job.redact.learn(access.hiding(copy.state))
        space = replace(space, backend=("local", {"path": str(copy.path)}), stands_for=claim.backend[0])
    return _plan(job, active, replace(space, commit=claim.commit), claim, destroy=False)


def plan_destroy(job: Job, active: ActiveRun, claim: Claim) -> Planned:
    """Plans to destroy all, with exactly what was applied; raises NeedsPerson where the gates refuse."""
    binary = tool.program(job.services, job.repository.organization, claim.terraform_version)
    access = _begin(job, active, claim, binary)
    kept.checkout_applied(job, claim)
    space = workspaces.workspace(job, access, claim, binary)
    return _plan(job, active, replace(space, modules=kept.modules(job, claim)), claim, destroy=True)


def plan_again(job: Job, active: ActiveRun, claim: Claim) -> Plan | None:
    """Plans exactly what was applied, by no gate, to see how the cloud differs; None where it does not."""
    binary = tool.program(job.services, job.repository.organization, claim.terraform_version)
    access = _begin(job, active, claim, binary)
    kept.checkout_applied(job, claim)
    space = replace(workspaces.workspace(job, access, claim, binary), modules=kept.modules(job, claim))
    terraform, layout = job.repository.organization.terraform, job.services.layout
    active.failing_checks.clear()
    result = _unlocked(
        job,
        active,
        space,
        lambda: terraform.plan(space, layout.new_plan(job.environment.id), active.watch()),
    )
    active.changes = result.changes
    return terraform.show(space, result.file) if result.has_changes else None


def carry_out(
    job: Job,
    plan: Callable[[], Planned],
    check: Callable[[], None],
    apply: Callable[[Planned], None],
    inspect: Callable[[Planned], Planned] = lambda planned: planned,
) -> Planned:
    """Plans, checks that it is still wanted, has it confirmed, applies exactly that plan; gives it.

    `inspect` looks at what was planned before anybody is asked: what it refuses is not asked about. A plan that went stale is planned again, never forced.
    """
    for attempt in itertools.count(1):
        planned = plan()
        # Planning may take minutes: a newer push or a branch that came back is noticed before anybody is
        # asked.
        check()
        if not job.mode.may_delete and planned.deletes:
            raise WouldDelete("It would delete or replace something: nothing was changed.")
        planned = inspect(planned)
        if not job.mode.confirms(job, planned):
            raise NothingDone("Declined: nothing was changed.")
        check_not_frozen_since(job)
        note_override(job)
        try:
            apply(planned)
        except StalePlan:
            if attempt == _ATTEMPTS:
                raise
        else:
            break
    return planned


def check_not_frozen_since(job: Job) -> None:
    """Stops what was frozen while it was planned or a person was asked: nothing of it has begun yet."""
    frozen = job.repository.frozen(job.services.clock())
    if frozen is not None and job.policy.frozen is None:
        raise NothingDone(f"{frozen}: nothing was changed.")


def note_override(job: Job) -> None:
    """Leaves an event where a person has something changed though no window is open, or all is frozen."""
    if job.mode.is_by_hand and job.policy.closed is not None:
        job.services.record(job.environment.id, "window-overridden", f"{job.policy.closed}.", lease=job.lease)
    if job.mode.is_by_hand and job.policy.frozen is not None:
        job.services.record(job.environment.id, "freeze-overridden", f"{job.policy.frozen}.", lease=job.lease)


def gate(job: Job, plan: Plan, claim: Claim, *, destroy: bool) -> None:
    """Raises NeedsPerson, saying which resource lacks what, where a plan must not be applied."""
    identity = job.environment.id
    if destroy:
        findings = check_destroy(plan, identity, claim.tags)
    else:
        findings = check_apply(plan, identity, claim.tags, imports=job.mode.may_import)
    if findings:
        raise NeedsPerson(job.redact(listed(findings)))


def listed(findings: Sequence[str]) -> str:
    """The first few of what gates found, and how many more there are."""
    return first(findings, 3, " ", " (and {} more)")


def _begin(job: Job, active: ActiveRun, claim: Claim, binary: str | None = None) -> Access:
    """Resolves the secrets, saves a state that an earlier run left in the working folder, and looks into the state.

    From there on its sensitive outputs are hidden.
    """
    organization, before = job.repository.organization, job.environment.claim
    if before is not None and before.moves is not None and (half_done := unfinished(job.environment)):
        raise NeedsPerson(half_done.reason)
    access = needs.with_hidden(job.services, organization.access(), job.environment, claim)
    # Before anything runs that could print them.
    job.redact.learn(access.redact)
    if before is None:
        # In this order: the place; the mark that it is ours; then the records that may have been lost, before
        # a first apply could take the name of one of them.
        organization.prepare_state()
        ownership.require(job.services, organization)
        lost_records.ensure(job.services, organization)
        return access
    known = binary or tool.program_now(job.services, organization, before)
    space = workspaces.workspace(job, access, before, known)
    # Before the state is read: what an interrupted apply made may be in that file alone.
    _unlocked(job, active, space, lambda: state_locks.push_errored_state(job, active, space))
    if job.state().mend(job.environment.id.state_key):
        message = "The state was truncated while Terraform wrote it; the one before it was restored."
        job.services.record(
            job.environment.id, "state-recovered", message, run=active.run.id, lease=job.lease
        )
    job.redact.learn(access.hiding(_state_that_is_there(job, active, claim)))
    return access


def _state_that_is_there(job: Job, active: ActiveRun, claim: Claim) -> State | None:
    """The state; refuses to go on where resources were applied and their state is gone: they would be made twice, or lost.

    Where it is another than the known one, it is another's, or the own one is gone as well.
    """
    state = job.read_state()
    check_own(job, state, claim.lineage)
    environment = job.environment
    # What a person is only about to take over is not noted.
    if state is not None and not is_another(environment, state):
        note_resources(job, state)
    if state is None and environment.applied.resources and not _was_destroyed(job, active):
        raise NeedsPerson(
            f"The state {environment.id.state_key} is missing from the {job.repository.organization.backend[0]} backend, "
            f"but applying it made {counted(len(environment.applied.resources), 'resource')}: bring it back (an earlier version, a "
            "backup); until then nothing is done."
        )
    if state is None:
        let_begin(job)
    return state


def _was_destroyed(job: Job, active: ActiveRun) -> bool:
    """Whether a destroy that the records know nothing of archived the state: they are of a backup from before it.

    A copy is only made once nothing is left. It tells nothing where the records have an apply that began after it.
    """
    environment, key = job.environment, job.environment.id.state_key
    runs = job.services.store.runs(environment.id)
    applies = [
        run for run in runs if run.kind is RunKind.APPLY and run.id != active.run.id and _may_have_made(run)
    ]
    copies = job.state().archives(f"{key.rpartition('/')[0]}/") if applies else ()
    archived = max((at for name, at in copies if f"/{key}." in f"/{name.partition('/')[2]}"), default=None)
    if archived is None or archived <= applies[0].started_at:
        return False
    said = f"Its state was archived at {archived:%Y-%m-%d %H:%M:%S} UTC, after the last apply that these records know: it was destroyed then, and they come from an older backup."
    job.services.record(environment.id, "destroyed-before", said, lease=job.lease)
    job.update(lambda e: unknown(emptied(e)))
    return True


def _may_have_made(run: Run) -> bool:
    """Whether an apply came so far that there was a plan to apply, as far as is known."""
    if run.status is RunStatus.PROPOSED:
        return False
    return run.status is not RunStatus.FAILED or run.changes is not None


def _kept_module(job: Job, claim: Claim) -> Claim:
    if claim.source.kind is SourceKind.MODULE:
        job.services.modules.keep(claim.source.path)
    return claim


def _plan(job: Job, active: ActiveRun, space: Workspace, claim: Claim, *, destroy: bool) -> Planned:
    active.failing_checks.clear()
    terraform, layout = job.repository.organization.terraform, job.services.layout
    result = _unlocked(
        job,
        active,
        space,
        lambda: terraform.plan(space, layout.new_plan(job.environment.id), active.watch(), destroy=destroy),
    )
    active.changes = result.changes
    claim = replace(claim, lock_file=result.lock_file or claim.lock_file)
    if destroy:
        _note_unrefreshed(job, active, result)
    else:
        claim = replace(claim, modules=result.modules)
        _note_modules(job, active, result)
    plan = None
    if result.has_changes and (destroy or job.mode.reads_plans or _has_providers(result)):
        plan = terraform.show(space, result.file)
        gate(job, plan, claim, destroy=destroy)
    elif not destroy and _has_providers(result) and job.environment.applied.fingerprint is None:
        # What an apply made that then failed may lack its tags, though nothing of it would change.
        gate(job, terraform.show(space, result.file), claim, destroy=destroy)
    return Planned(
        workspace=space,
        claim=claim,
        file=result.file,
        has_changes=result.has_changes,
        plan=plan,
        warnings=() if destroy else _warnings(active, claim),
    )


def _warnings(active: ActiveRun, claim: Claim) -> tuple[str, ...]:
    return (*filter(None, [checks_warning(active.failing_checks)]), *map(str, claim.untaken))


def _note_unrefreshed(job: Job, active: ActiveRun, result: PlanResult) -> None:
    if result.unrefreshed:
        said = f"Planned from the state alone (-refresh=false), since what the code reads is not there: {result.unrefreshed}"
        job.services.record(
            job.environment.id,
            "planned-without-refresh",
            job.redact(said),
            run=active.run.id,
            lease=job.lease,
        )


def _note_modules(job: Job, active: ActiveRun, result: PlanResult) -> None:
    """Says which modules may be others than before, or than another environment's, though no push says so."""
    before = job.environment.claim.modules if job.environment.claim is not None else ""
    if not result.moving or result.modules == before:
        return
    changed = (
        f"Modules from elsewhere are at {result.modules[:10]}, no longer at {before[:10]}. " if before else ""
    )
    said = f"{changed}Modules that may change without a push: {', '.join(result.moving[:5])}. They are read again for each commit; a version, or a commit as their ref, pins them."
    job.services.record(
        job.environment.id, "modules-moving", job.redact(said), run=active.run.id, lease=job.lease
    )


def _has_providers(result: PlanResult) -> bool:
    """Whether there is anything that the gates look at: what needs no provider is in no cloud.

    What Terraform printed about the plan tells nothing: a program that the code starts may print the same.
    """
    return 'provider "' in (result.lock_file or "")


def _unlocked(job: Job, active: ActiveRun, space: Workspace, command: Callable[[], T]) -> T:
    """Runs a command that locks the state; once more where a dead Terraform of ours had locked it."""
    try:
        with active.recording_lock():
            return command()
    except StateLocked:
        # Once only: whatever locks the state right after that is alive.
        state_locks.break_own_lock(job, active, space)
        active.forget_lock()
        with active.recording_lock():
            return command()
