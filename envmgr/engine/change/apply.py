"""Bringing an environment to what its branch wants."""

from contextlib import suppress
from dataclasses import replace

from envmgr.domain.errors import EnvmgrError, NeedsPerson, StepFailed, Transient
from envmgr.domain.rules.gates import check_applied, shows_tags_late
from envmgr.domain.rules.transitions import Change, applies, deploys, tests
from envmgr.domain.rules.transitions.applies import Found
from envmgr.domain.rules.unfinished import unfinished
from envmgr.domain.values.drift import checks_warning
from envmgr.domain.values.environment import Claim, Environment, RunKind, RunStatus, Status
from envmgr.engine.context.promotion import before, origin_of
from envmgr.engine.source import kept
from envmgr.engine.source.building import built
from envmgr.engine.source.desired import Desired, check_backend, is_applied, wanted, with_variables
from envmgr.engine.source.images import image_variables
from envmgr.engine.source.presence import what_is_gone
from envmgr.engine.work.application_order import check_needs
from envmgr.engine.work.job import ActiveRun, Job, NothingDone
from envmgr.engine.work.newest import check_newest
from envmgr.engine.work.planned import Planned
from envmgr.engine.work.released import is_tested, note_ready
from envmgr.engine.work.result import found, note_resources, summary

from .deploy import deploy
from .gating import Gate, kept_actions, pass_without_plan
from .planning import carry_out, listed, plan_apply
from .remarks import ttl_remark


def apply(job: Job, reason: str) -> None:
    """Brings an environment to what its commit wants: infrastructure, then code, each only where it changed."""
    desired = look(job)
    check_promoted(job, desired.claim.commit)
    # Where a person asks, Terraform always plans: the record cannot know what was changed by hand since.
    if job.mode.is_by_hand or not is_applied(job.environment, desired.claim) or _left_a_lock(job):
        _apply_infrastructure(job, desired, reason)
    elif gone := what_is_gone(job):
        job.remarks.append(gone)
        job.services.record(
            job.environment.id, "resources-gone", gone, commit=desired.claim.commit, lease=job.lease
        )
        _apply_infrastructure(job, desired, gone)
    else:
        pass_without_plan(job, desired)
        settle(job, desired, None, f"{desired.claim.commit[:10]} changes no infrastructure.")
        _deploy_alone(job, desired)
        return
    deploy(job, desired, remark(job, desired))


def _deploy_alone(job: Job, desired: Desired) -> None:
    """Deploys where no Terraform looked before: it looks before the second try, should what it made be what is missing."""
    is_first = job.environment.failure.count == 0
    try:
        deploy(job, desired, remark(job, desired))
    except StepFailed:
        if is_first and job.environment.applied.identifiers:
            job.update(applies.unknown)
        raise


def _apply_infrastructure(job: Job, desired: Desired, reason: str) -> None:
    """Plan, gates, claim, apply, record."""
    commit = desired.claim.commit
    with job.run(RunKind.APPLY, commit, Status.RUNNING, reason) as active:
        gate = Gate(job, active, desired)
        carry_out(
            job,
            lambda: plan_apply(job, active, desired.claim),
            lambda: check_newest(job, commit, RunKind.APPLY),
            lambda planned: apply_planned(job, gate, planned),
            gate.check,
        )


def _left_a_lock(job: Job) -> bool:
    """Whether a run that ended badly left the state locked: then Terraform starts all the same, and that is cleared up."""
    last = job.services.store.runs(job.environment.id, limit=1)
    if not last or last[0].status not in (RunStatus.FAILED, RunStatus.INTERRUPTED):
        return False
    return job.state().lock(job.environment.id.state_key) is not None


def look(job: Job, *, adopts: bool = False) -> Desired:
    """What the newest commit wants, read from the mirror (fetched where it is not there yet), and built where it is not.

    Raises NeedsPerson where a taking-over did not come to its end, but for whoever `adopts`.
    """
    job.begin()
    services, environment = job.services, job.environment
    if not adopts and (half_done := unfinished(environment)):
        raise NeedsPerson(half_done.reason)
    try:
        services.git.fetch(job.repository.remote(), {environment.ref: environment.commit})
    except NeedsPerson as error:  # of the remote, not of this commit: once it answers again, so does this
        raise Transient(str(error)) from error
    desired = wanted(services, job.repository, environment, environment.target)
    check_backend(environment, desired.claim)
    images = image_variables(job.repository)
    return with_variables(desired, {**images, **built(job, desired.claim.commit)})


def check_promoted(job: Job, commit: str) -> None:
    """Raises NothingDone where a commit may not come here yet, also where a newer one came since that was decided.

    What is here already may be applied again.
    """
    if awaited := awaits(job, commit):
        raise NothingDone(awaited)


def awaits(job: Job, commit: str) -> str:
    """What a commit has to wait for before it may come here; empty where it may, or is here already."""
    environment = job.environment
    awaited = before(job.services, environment, commit) if commit != environment.applied.commit else None
    return awaited.reason if awaited is not None else ""


def apply_planned(job: Job, gate: Gate, planned: Planned) -> None:
    """Has the plan pass its gate, makes the claim durable, applies exactly it, and records what the cloud has now."""
    active, desired = gate.active, gate.desired
    gate.pass_through(planned)
    keep(job, planned.claim)
    # Asked after the claim is on record: of two applications that begin at the same time, at least one then
    # sees the other.
    check_needs(job)
    if planned.has_changes:
        active.changed = _changed(job, planned)
        _apply(job, active, planned)
    active.message = f"Applied {planned.claim.commit[:10]}: {summary(active.changes)}."
    _check_made(job, planned, active.message)
    active.message = " ".join(filter(None, [active.message, checks_warning(active.failing_checks)]))
    settle(job, replace(desired, claim=planned.claim), found(job), active.message, active)


def _changed(job: Job, planned: Planned) -> tuple[tuple[str, str], ...]:
    """What the plan does with which resource; of one that no gate had read only where somebody is told of it."""
    plan = planned.plan
    if plan is None and job.repository.forge is not None:
        plan = job.repository.organization.terraform.show(planned.workspace, planned.file)
    return kept_actions(job, plan.actions) if plan is not None else ()


def _apply(job: Job, active: ActiveRun, planned: Planned) -> None:
    """Applies the plan; of one that fails, what it came to is noted."""
    job.update(applies.changing)  # also where it was applied before: this time may end half-way
    try:
        active.apply(planned)
    except EnvmgrError:
        # Whatever keeps the state from being read, the error of the apply says more.
        with suppress(EnvmgrError):
            note_resources(job, job.read_state())
        raise


def _check_made(job: Job, planned: Planned, message: str) -> None:
    """Raises NeedsPerson where a resource whose tags the plan could not show has others than it must.

    The record has what was made by then; it does not pass for applied, so the next try looks at all of it again.
    """
    if planned.plan is None or not shows_tags_late(planned.plan):
        return
    findings = check_applied(planned.plan, job.read_state(), planned.claim.tags)
    if findings:
        state = found(job)
        job.update(lambda e: applies.stated(e, state))
        raise NeedsPerson(job.redact(f"{message} But {listed(findings)}"))


def keep(job: Job, claim: Claim) -> None:
    """Keeps all that destroying will need, durably, before anything is created by it: here, and beside the state.

    The record comes first: a crash in between leaves beside the state what tells of the cloud as it still is.
    """
    # Commit and Terraform before the record that names them: housekeeping then never finds them unused, nor
    # the record without them.
    _keep_commit(job, claim)
    if job.repository.organization.releases is None:  # what was fetched is kept already
        job.services.binaries.keep(job.repository.organization.binary, claim.terraform_version)
    job.update(lambda e: applies.claimed(e, claim))
    kept.keep(job, claim)


def _keep_commit(job: Job, claim: Claim) -> None:
    """Keeps the claim's commit by a ref of its own; earlier ones stay, for destroys and rollbacks."""
    job.services.git.keep(job.environment.id, claim.commit, claim.commit)


def settle(
    job: Job, desired: Desired, state: Found | None, message: str, active: ActiveRun | None = None
) -> None:
    """Records that the cloud has what the commit wants, and what its `state` says by that; by a run, if any."""
    claim, now = desired.claim, job.services.clock()
    run = active.run.id if active is not None else None
    # No apply has kept the commit, as nothing was to be applied.
    if run is None:
        _keep_commit(job, claim)
    actor = job.cause(desired.author)
    event = job.services.event(
        job.environment.id, "applied", message, commit=claim.commit, run=run, actor=actor
    )

    earlier = job.began.claim
    # By hand it may have got an end that no time to live gives; only a push takes that away.
    is_rebuilt = job.began.applied.commit is None and earlier is not None and earlier.commit == claim.commit

    def settled(record: Environment) -> Environment:
        life = now if job.mode.is_by_hand else record.life.since
        ends, _ = job.repository.ttl_of(record).end(life, desired.ttl, record.life.expires_at)
        ends = record.life.expires_at if ends is None and is_rebuilt else ends
        source = origin_of(job.repository, record, claim.commit)
        changed = active.changed if active is not None else None
        record = applies.applied(record, claim, job.policy.inputs, source, changed)
        record = applies.living(applies.stated(record, state), ends, desired.schedule)
        if active is not None:
            record = applies.seen_applied(record, now, tuple(active.failing_checks))
        if job.mode.is_by_hand:
            record = tests.untested(applies.brought_up(record, now))
        return _what_is_left(job, desired, run)(applies.unsuspended(record, job.resumes))

    def first() -> None:
        if not desired.deploy.digest:
            note_ready(job, claim.commit, passed=is_tested(job, claim.commit))

    if active is not None:
        active.settle(settled, event, first)
    else:
        first()
        job.update(settled, event)


def _what_is_left(job: Job, desired: Desired, run: int | None) -> Change:
    """Whether the environment is ready now, or its code is next."""
    if not desired.deploy.digest:
        said = remark(job, desired)
        return lambda e: deploys.nothing_to_deploy(e, said, job.policy.tests)
    return lambda e: deploys.to_be_deployed(e, desired.claim.commit, run)


def remark(job: Job, desired: Desired) -> str:
    """What a ready environment says of itself."""
    return " ".join(filter(None, [*job.remarks, ttl_remark(job, desired.ttl)]))
