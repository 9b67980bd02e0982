"""What a person does by hand: the verbs of the command line, under the same leases and gates as the daemon."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from envmgr.domain.audit import unmanaged
from envmgr.domain.documents.plan import Plan
from envmgr.domain.errors import EnvmgrError, NeedsPerson, StalePlan, UsageError
from envmgr.domain.rules.origins.following import not_yet
from envmgr.domain.rules.pipeline.testing import is_untested
from envmgr.domain.rules.transitions.wishes import to_be_destroyed
from envmgr.domain.values import reference
from envmgr.domain.values.asking.person import Action
from envmgr.domain.values.decision import Apply, Destroy
from envmgr.domain.values.environment import Environment, Output, Run, RunKind, Status, Suspension
from envmgr.domain.values.health import Condition
from envmgr.domain.values.names import counted_from, ref_component
from envmgr.engine.change.apply import apply as apply_step
from envmgr.engine.change.apply import apply_planned, awaits, check_promoted, look, remark
from envmgr.engine.change.deploy import deploy
from envmgr.engine.change.destroy import destroy as destroy_step
from envmgr.engine.change.gating import Gate
from envmgr.engine.change.health import await_healthy
from envmgr.engine.change.planning import (
    check_not_frozen_since,
    gate,
    note_override,
    plan_apply,
    plan_destroy,
)
from envmgr.engine.change.testing import run_tests
from envmgr.engine.context import by_hand, ownership
from envmgr.engine.context.organization import Repository
from envmgr.engine.recovery.failure import record_failure, restore
from envmgr.engine.recovery.orphan_runs import end_abandoned_runs
from envmgr.engine.work.job import ActiveRun, Job, NothingDone, work_on
from envmgr.engine.work.mode import ApplyByHand, ByHand, DestroyByHand, Verb
from envmgr.engine.work.planned import Planned
from envmgr.host import saved_plan
from envmgr.host.system import sentences
from envmgr.ports import StateStore

from .access import needs
from .runtime import Runtime

_BY_HAND = Destroy("", Status.SUSPENDED, by=Suspension.DESTROY)
"""What a person's destroy is, for what it leaves where it fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What somebody does all the same: outside the windows for changes, or where all is frozen."""

    window: bool = False
    freeze: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanShown:
    """The outcome of `envmgr plan`: what would change (None: nothing), as Terraform words it, warnings, and the run.

    `refused` says why that would not be done now: what its checks refuse, where its commit has to go before, that all is frozen, or no window open; empty where it would.
    """

    environment: Environment
    plan: Plan | None
    text: str
    warnings: tuple[str, ...]
    run: Run
    refused: str = ""


def find(runtime: Runtime, text: str, *, fresh: bool = False) -> Environment:
    """As `find_all`, where a person means one record; UsageError where that is several applications."""
    found = find_all(runtime, text, fresh=fresh)
    if len(found) > 1:
        names = ", ".join(e.label for e in found)
        raise UsageError(f"{ref_component(text)!r} has several applications: say which of {names}.")
    return found[0]


def find_all(runtime: Runtime, text: str, *, fresh: bool = False) -> list[Environment]:
    """The environment a person means, as the records of its applications in the order in which they are applied.

    The remotes are looked at where it is not known yet, or if `fresh`. Raises UsageError where there is none or
    several, and the look's error where a fresh one failed.
    """
    services = runtime.services
    found = reference.find(text, services.store.environments(destroyed=True))
    if not (found and found[0].is_open) or fresh:
        found = _look_for(runtime, text, found)
    repository = services.repositories.get(found[0].id.repository_id)
    return repository.in_order(found) if repository is not None else found


def _look_for(runtime: Runtime, text: str, known: Sequence[Environment]) -> list[Environment]:
    """The same after a look at its remote, or at all where it is not known."""
    services = runtime.services
    repositories = list(services.repositories.values())
    if known and known[0].id.repository_id in services.repositories:
        repositories = [services.repositories[known[0].id.repository_id]]
    polled = runtime.poller.poll_all(repositories, runtime.poll_workers)
    if known and polled and polled[0].error:
        raise NeedsPerson(polled[0].error)
    found = reference.find(text, services.store.environments(destroyed=True))
    if not found:
        errors = " ".join(p.error for p in polled if p.error)
        unseen = f" Not all repositories could be read: {errors}" if errors else ""
        none = f"There is no environment {ref_component(text)!r}: `envmgr list` shows them all."
        raise UsageError((not_yet(text, services.named) or none) + unseen)
    return found


@needs(Action.PLAN)
def plan(
    runtime: Runtime,
    environment: Environment,
    *,
    destroy: bool = False,
    revision: str | None = None,
    save: Path | None = None,
    rebuild: bool = False,
    overrides: Overrides = Overrides(),
) -> PlanShown:
    """Plans and changes nothing but what is built, where it is not yet; `revision` plans another commit than the branch's newest.

    What somebody `overrides` is no reason why it would not be done.
    """
    mode = ByHand(verb=Verb.PLAN, serves_an_end=destroy, built_anew=rebuild)
    with manual(runtime, environment, mode) as job:
        if revision is not None:
            _move_to(job, revision)
        desired = None if destroy else look(job)
        claim = job.environment.claim if desired is None else desired.claim
        if claim is None:
            raise UsageError(f"{environment.label} has nothing to destroy: nothing was applied.")
        refused = ""
        with job.run(RunKind.PLAN, claim.commit, job.environment.status, "") as active:
            planned = (plan_destroy if desired is None else plan_apply)(job, active, claim)
            if desired is not None:
                planned, refused = Gate(job, active, desired).foresee(planned)
                refused = refused or awaits(job, claim.commit)
            refused = refused or _why_not_now(job, overrides)
            active.message = f"Planned: {active.changes}."
            text = render(job, planned)
            if save is not None:
                saved_plan.save(save, _to_save(job, planned, destroy=destroy))
        return PlanShown(
            environment=job.environment,
            plan=planned.plan,
            text=text,
            warnings=planned.warnings,
            run=active.run,
            refused=refused,
        )


@needs(Action.PLAN)
def why_not_ended(runtime: Runtime, environment: Environment, overrides: Overrides) -> str:
    """Why the record of an environment is not closed now of which nothing was applied; empty where it would be."""
    with manual(runtime, environment, ByHand(verb=Verb.PLAN, serves_an_end=True)) as job:
        return _why_not_now(job, overrides)


@needs(Action.APPLY)
def apply(
    runtime: Runtime,
    environment: Environment,
    confirm: Callable[[str, Plan | None], bool],
    *,
    override_window: bool = False,
    imports: bool = False,
    rebuild: bool = False,
) -> Environment:
    """Plans, has it confirmed (with Terraform's own words for it), applies exactly that plan.

    With `rebuild` what the commit gave when it was built before does not count. With `imports` the plan may take in what carries nobody's tags, which an event then tells.
    """

    def confirmed(job: Job, planned: Planned) -> bool:
        is_wanted = confirm(rendered(job, planned), planned.plan)
        taken = [r.address for r in planned.plan.resources if r.imported] if planned.plan is not None else []
        if is_wanted and imports and taken:
            said = f"Import allowed by {job.services.actor}: {', '.join(taken[:20])}."
            job.services.record(job.environment.id, "import-allowed", said, lease=job.lease)
        return is_wanted

    mode = ApplyByHand(confirm=confirmed, imports=imports, built_anew=rebuild)
    with manual(runtime, environment, mode) as job:
        check_open(job, override_window=override_window)
        check_branch(job)
        apply_step(job, f"Apply by {job.services.actor}.")
        await_started(job)
        return job.environment


@needs(Action.APPLY)
def apply_saved(
    runtime: Runtime, environment: Environment, file: Path, *, override_window: bool = False
) -> Environment:
    """Applies a plan that `envmgr plan --save` wrote, if it is still of this environment and commit."""
    with manual(runtime, environment, ApplyByHand()) as job:
        check_open(job, override_window=override_window)
        saved = saved_plan.read_saved(file)
        if saved.environment != str(job.environment.id):
            raise UsageError(f"{file} is a plan for {saved.environment}, not for {job.environment.label}.")
        if saved.destroy:
            raise UsageError(f"{file} is a plan to destroy: `envmgr destroy` plans and asks again.")
        _move_to(job, saved.commit)
        desired = look(job)
        check_promoted(job, desired.claim.commit)
        if desired.claim.fingerprint != saved.fingerprint:
            raise NothingDone(f"{file} was planned for other code or variables: plan again.")
        with job.run(RunKind.APPLY, saved.commit, Status.RUNNING, f"Apply of {file.name}.") as active:
            # A fresh plan makes the working folder and the claim; what is applied is the saved one.
            planned = _adopt(job, active, plan_apply(job, active, desired.claim), saved)
            check_not_frozen_since(job)
            note_override(job)
            try:
                apply_planned(job, Gate(job, active, desired), planned)
            except StalePlan as error:
                raise NothingDone(
                    f"Something has been applied since {file} was planned: plan again."
                ) from error
        deploy(job, desired, remark(job, desired))
        await_started(job)
        return job.environment


@needs(Action.DESTROY)
def destroy(
    runtime: Runtime,
    environment: Environment,
    confirm: Callable[[str, Plan | None], bool],
    *,
    override_window: bool = False,
    override_freeze: bool = False,
    leaves_code: bool = False,
) -> Environment:
    """Plans, has it confirmed, destroys and verifies; where the branch is still there it is then suspended.

    With `leaves_code` without the steps before a destroy, which an event then tells.
    """
    services = runtime.services
    said = f"Destroyed by {services.actor}; `envmgr resume {environment.label}` brings it back."

    def confirmed(job: Job, planned: Planned) -> bool:
        if not confirm(render(job, planned), planned.plan):
            return False
        # Whatever happens from here on: it is destroyed, and nobody creates it again.
        job.update(lambda e: to_be_destroyed(e, said, services.clock()))
        by_hand.keep(services, job.environment.id)
        return True

    def still(now: Environment) -> str:
        return "" if now.suspended_by is Suspension.DESTROY else "It was resumed meanwhile: not destroyed."

    with manual(runtime, environment, DestroyByHand(confirm=confirmed, skips_steps=leaves_code)) as job:
        check_open(job, override_window=override_window, override_freeze=override_freeze)
        reason = f"Destroy by {services.actor}."
        if job.repository.id in services.repositories and not job.environment.is_missing:
            end = Destroy(reason, Status.SUSPENDED, said, by=Suspension.DESTROY)
        else:  # nothing would ever bring it back
            end = Destroy(reason, Status.DESTROYED)
        destroy_step(job, end, still)
        return job.environment


@needs(Action.OUTPUTS)
def outputs(runtime: Runtime, environment: Environment) -> dict[str, Output]:
    """All outputs with sensitive values, read from the state itself."""
    state = state_of(runtime, environment).read(environment.id.state_key)
    return dict(state.outputs) if state is not None else {}


@contextmanager
def manual(runtime: Runtime, environment: Environment, mode: ByHand) -> Iterator[Job]:
    """A job of a person's; what fails is raised, and recorded as for the daemon where it may have changed anything.

    Only what serves an end may be done where its repository is in the configuration no more.
    """
    services = runtime.services
    repository = repository_of(runtime, environment)
    if repository.id not in services.repositories and not mode.serves_an_end:
        raise NeedsPerson(unmanaged.sentence(environment, services.organizations))
    with work_on(services, environment.id, mode) as job:
        ownership.require(services, job.repository.organization)
        end_abandoned_runs(job)
        # After what dead processes left was ended, which may have changed the record.
        before = job.environment
        try:
            with sentences():
                yield job
        except EnvmgrError as error:
            if job.is_tentative or isinstance(error, UsageError | NothingDone):
                restore(job, before)
            elif mode.may_have_changed:
                record_failure(job, error, _BY_HAND if mode.verb is Verb.DESTROY else Apply(mode.purpose))
            raise
        finally:
            by_hand.keep(services, environment.id)


def await_started(job: Job) -> None:
    """Waits until what was just deployed is healthy, where its health is asked, and has it tested, where it has tests."""
    health = job.environment.health
    if health is not None and health.condition is Condition.STARTING:
        await_healthy(job)
    if job.environment.status is Status.RUNNING and is_untested(job.environment, job.policy.tests):
        run_tests(job)


def state_of(runtime: Runtime, environment: Environment) -> StateStore:
    """The store that has an environment's state, also where the configuration names another by now."""
    backend = environment.claim.backend if environment.claim is not None else None
    return repository_of(runtime, environment).organization.state(backend)


def repository_of(runtime: Runtime, environment: Environment) -> Repository:
    """An environment's repository, or what stands in for one that is not in the configuration.

    Raises NeedsPerson where its organization is not there either.
    """
    services = runtime.services
    repository = services.repository(environment.id.repository_id)
    if repository is None:
        raise NeedsPerson(unmanaged.sentence(environment, services.organizations))
    return repository.of(environment.id)


def _move_to(job: Job, revision: str) -> None:
    """Works on another commit than the branch's newest; the record keeps the newest."""
    git, found = job.services.git, job.environment
    git.fetch(job.repository.remote(), {found.ref: found.commit})
    commit = git.resolve(found.id.repository_id, counted_from(found.commit, revision))
    job.environment = replace(found, commit=commit, pin=None)


def check_branch(job: Job) -> None:
    """Refuses where what it follows is gone."""
    found = job.environment
    if found.is_missing:
        what = f"{found.followed[:1].upper()}{found.followed[1:]}"
        raise NothingDone(f"{what} is gone: there is nothing to apply. {found.restoring}")


def check_open(job: Job, *, override_window: bool, override_freeze: bool = False) -> None:
    """Refuses where all is frozen or no window for changes is open, unless that is overridden."""
    if why := _why_not_now(job, Overrides(window=override_window, freeze=override_freeze)):
        raise NothingDone(why)


def _why_not_now(job: Job, overrides: Overrides) -> str:
    """That all is frozen or no window for changes is open, and what ends that; empty where it may be changed now."""
    label, closed, frozen = job.environment.label, job.policy.closed, job.policy.frozen
    if frozen is not None and not overrides.freeze:
        is_end = isinstance(job.mode, ByHand) and job.mode.serves_an_end
        way_out = "; --override-freeze destroys all the same" if is_end else ""
        return f"{label}: {frozen}. {frozen.ends_by} ends that{way_out}."
    if closed is not None and not overrides.window:
        return f"{label}: {closed}; wait, or give --override-window."
    return ""


def render(job: Job, planned: Planned) -> str:
    """A plan in Terraform's own words, redacted; empty where nothing changes."""
    if planned.plan is None:
        return ""
    return job.redact(job.repository.organization.terraform.render(planned.workspace, planned.file))


def rendered(job: Job, planned: Planned) -> str:
    """The same with what a person should know of it besides."""
    return "\n".join([render(job, planned).rstrip(), *planned.warnings])


def _to_save(job: Job, planned: Planned, *, destroy: bool) -> saved_plan.SavedPlan:
    return saved_plan.SavedPlan(
        environment=str(job.environment.id),
        commit=planned.claim.commit,
        fingerprint=planned.claim.fingerprint,
        destroy=destroy,
        content=saved_plan.content_of(planned.file),
    )


def _adopt(job: Job, active: ActiveRun, fresh: Planned, saved: saved_plan.SavedPlan) -> Planned:
    """The saved plan in place of a fresh one, after it passed the same gates."""
    file = saved_plan.put(saved, job.services.layout.new_plan(job.environment.id))
    shown = job.repository.organization.terraform.show(fresh.workspace, file)
    gate(job, shown, fresh.claim, destroy=False)
    active.changes = shown.changes
    return replace(fresh, file=file, plan=shown, has_changes=True)
