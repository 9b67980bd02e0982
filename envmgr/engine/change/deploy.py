"""Bringing an environment's code to run, to its end, and back to an earlier commit."""

from collections.abc import Sequence
from contextlib import suppress

from envmgr.domain.errors import NeedsPerson, NotHere, StepFailed, Transient, UsageError
from envmgr.domain.rules.transitions import deploys
from envmgr.domain.rules.transitions.applies import unknown
from envmgr.domain.values.cage import Purpose
from envmgr.domain.values.deployment import Deployment, DeployRules, due
from envmgr.domain.values.environment import Environment, Event, RunKind, Status
from envmgr.domain.values.step import Step
from envmgr.engine.source.desired import Desired, deploy_rules
from envmgr.engine.source.steps import run_steps
from envmgr.engine.work.job import ActiveRun, Job
from envmgr.engine.work.newest import check_newest
from envmgr.engine.work.released import is_tested, note_ready


def deploy(job: Job, desired: Desired, remark: str = "") -> None:
    """Brings a commit's code to run where it does not yet; whether it is healthy is then to be waited for.

    `remark` is what a ready environment says of itself.
    """
    if not desired.deploy.digest:
        return
    commit = desired.claim.commit
    steps = _due(job, desired.deploy, commit)
    if not steps:
        _settle(job, desired, remark)
        return
    with job.run(RunKind.DEPLOY, commit, Status.RUNNING, f"Deploys {commit[:10]}.") as active:
        check_newest(job, commit, RunKind.DEPLOY)
        run_steps(job, active, steps, commit)
        active.message = f"Deployed {commit[:10]}: {', '.join(step.name for step in steps)}."
        _settle(job, desired, remark, active)


def end_deployment(job: Job, active: ActiveRun) -> None:
    """Runs the steps before a destroy, once."""
    environment, claim = job.environment, job.environment.claim
    before = environment.deployment or Deployment()
    if claim is None or before.ended:
        return
    commit = before.commit or claim.commit
    steps = deploy_rules(job.services, job.repository, commit).on_destroy
    # Without its repository's configuration there is neither a rule for steps nor a secret to run them with.
    if environment.deployment is not None and job.repository.id not in job.services.repositories:
        _skip(job, active, commit, "their repository is not in the configuration")
    elif steps and _is_there(job, active, commit):
        job.update(unknown)  # they may take away what Terraform made
        _run_before_destroy(job, active, steps, commit)
    job.update(deploys.ended)


def _run_before_destroy(job: Job, active: ActiveRun, steps: Sequence[Step], commit: str) -> None:
    try:
        run_steps(job, active, steps, commit, Purpose.ON_DESTROY)
    except StepFailed as error:
        raise StepFailed(f"{error} Nothing is destroyed before it succeeds; {_without(job)}.") from error


def go_back(job: Job, why: str) -> str:
    """Brings the last healthy commit's code to run again.

    Gives the sentence that says so; empty where there is no such commit, or it runs already.
    """
    before = job.environment.deployment or Deployment()
    healthy, unhealthy = before.healthy_commit, before.commit
    if healthy is None or unhealthy is None or healthy == unhealthy:
        return ""
    steps = deploy_rules(job.services, job.repository, healthy).steps
    with job.run(RunKind.DEPLOY, healthy, Status.RUNNING, f"Back to {healthy[:10]}.") as active:
        # Only the code goes back: steps that belong to infrastructure follow an apply, and none happens here.
        run_steps(job, active, _of_code(steps), healthy)
        active.message = f"The code of {healthy[:10]} runs again."
        said = f"{unhealthy[:10]} gave way to {healthy[:10]}, the last healthy commit: {why}"
        event = job.services.event(
            job.environment.id, "went-back", said, commit=healthy, run=active.run.id, actor="health"
        )
        active.settle(lambda e: deploys.went_back(e, healthy), event)
    return active.message


def _due(job: Job, rules: DeployRules, commit: str) -> tuple[Step, ...]:
    before = job.environment.deployment or Deployment()
    changed = None
    if before.commit is not None and any(step.paths for step in rules.steps):
        # git is asked only where a step depends on the answer.
        changed = job.services.git.changed(job.environment.id.repository_id, before.commit, commit)
    return due(rules, before, commit, job.policy.deploy, changed)


def _of_code(steps: Sequence[Step]) -> list[Step]:
    return [step for step in steps if step.when != "infrastructure"]


def _settle(job: Job, desired: Desired, remark: str, run: ActiveRun | None = None) -> None:
    """Records what runs now; where nothing is asked for its health, it counts as healthy."""
    commit, check, now = desired.claim.commit, desired.deploy.health, job.services.clock()
    rules = deploys.Rules(job.policy.deploy, job.policy.tests)

    def first() -> None:
        if check is None:
            note_ready(job, commit, passed=is_tested(job, commit))

    def deployed(record: Environment) -> Environment:
        return deploys.deployed(record, commit, rules, check, now, remark)

    if run is None:
        first()
        job.update(deployed)
    else:
        run.settle(deployed, _deployed(job, desired, run), first)


def _deployed(job: Job, desired: Desired, run: ActiveRun) -> Event:
    identity, commit, actor = job.environment.id, desired.claim.commit, job.cause(desired.author)
    return job.services.event(identity, "deployed", run.message, commit=commit, run=run.run.id, actor=actor)


def _is_there(job: Job, active: ActiveRun, commit: str) -> bool:
    """Whether a commit can be had, for the steps before a destroy; where it is lost for good, that is said."""
    with suppress(UsageError, NotHere):
        job.services.git.resolve(job.environment.id.repository_id, commit)
        return True
    if _is_fetched(job, commit):
        return True
    _skip(job, active, commit, f"{commit[:10]} is neither here nor at the remote")
    return False


def _is_fetched(job: Job, commit: str) -> bool:
    """Whether the remote had a commit: in its branch, or merged into the default branch."""
    services, remote = job.services, job.repository.remote()
    default = services.store.repository(job.repository.id).default_branch
    for branch in filter(None, (job.environment.ref, default)):
        try:
            services.git.fetch(remote, {branch: commit})
        except NotHere:
            continue
        except (NeedsPerson, Transient) as error:
            # Of the same kind: it decides when the destroy is tried again.
            raise type(error)(
                f"{error} Its steps before a destroy need {commit[:10]} from there; {_without(job)}."
            ) from error
        return True
    return False


def _skip(job: Job, active: ActiveRun, commit: str, why: str) -> None:
    said = f"The steps before a destroy could not be run: {why}."
    job.remarks.append(said)
    job.services.record(
        job.environment.id, "on-destroy-skipped", said, commit=commit, run=active.run.id, lease=job.lease
    )


def _without(job: Job) -> str:
    return f"`envmgr destroy {job.environment.label} --skip-on-destroy` destroys without them"
