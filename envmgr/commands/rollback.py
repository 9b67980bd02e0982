"""Going back to an earlier commit, and looking for drift, by hand."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from envmgr.domain.documents.plan import Plan
from envmgr.domain.errors import EnvmgrError, NeedsPerson, UsageError
from envmgr.domain.rules.transitions.wishes import held_at
from envmgr.domain.values.asking.person import Action
from envmgr.domain.values.drift import Drift
from envmgr.domain.values.environment import Environment, Pin, RunKind, RunStatus
from envmgr.domain.values.names import counted_from, ref_component
from envmgr.engine.change.apply import apply, look
from envmgr.engine.change.drift import can_check, check
from envmgr.engine.change.planning import check_not_frozen_since
from envmgr.engine.context import by_hand
from envmgr.engine.context.services import Services
from envmgr.engine.source.kept import fetched
from envmgr.engine.work.job import Job
from envmgr.engine.work.mode import ByHand, Verb
from envmgr.engine.work.planned import Planned

from .access import needs
from .operations import await_started, check_branch, check_open, manual, rendered
from .runtime import Runtime

Confirm = Callable[[str, Plan | None], bool]


@dataclass(slots=True)
class _Rollback:
    """One rollback under way, or promotion from a `source`, and the hold that it ends with once a person said yes."""

    confirm: Confirm
    until_push: bool
    source: str = ""
    pin: Pin | None = None

    def prepare(self, job: Job, commit: str) -> None:
        """Has the plan made of the earlier commit; in memory alone until the yes, so that a no leaves no trace."""
        self.pin = Pin(commit, job.environment.commit if self.until_push else None, self.source)
        job.environment = replace(job.environment, pin=self.pin)

    def is_wanted(self, job: Job, planned: Planned) -> bool:
        """Whether a person wants it; the hold is on record then, before anything is applied."""
        if self.pin is None or not self.confirm(rendered(job, planned), planned.plan):
            return False
        check_not_frozen_since(job)  # the hold is a change, too
        services, identity, pin = job.services, job.environment.id, self.pin
        until = f"`envmgr resume {job.environment.label}`" + (" or the next push" if self.until_push else "")
        did = (
            f"{pin.commit[:10]} was promoted from {pin.source}"
            if pin.source
            else f"Rolled back to {pin.commit[:10]}"
        )
        action = "promoted" if pin.source else "rolled-back"
        event = services.event(identity, action, f"{did}, held there until {until}.", commit=pin.commit)
        job.update(lambda e: held_at(e, pin), event)
        by_hand.keep(services, identity)
        # From the yes on a failure is one: the hold is on record, and the daemon goes on trying.
        job.goes_ahead()
        return True


@needs(Action.ROLLBACK)
def roll_back(
    runtime: Runtime,
    environment: Environment,
    revision: str,
    confirm: Confirm,
    *,
    until_push: bool = False,
    override_window: bool = False,
) -> Environment:
    """Plans an earlier commit's code, has it confirmed, applies it, and holds there.

    The hold ends by `resume`, and with `until_push` also when the branch moves. It is durable before anything
    is applied, so that nobody brings the newer commit back meanwhile.
    """
    rollback = _Rollback(confirm, until_push)
    with manual(runtime, environment, ByHand(verb=Verb.ROLLBACK, confirm=rollback.is_wanted)) as job:
        check_open(job, override_window=override_window)
        check_branch(job)
        commit = earlier_commit(job, revision)
        rollback.prepare(job, commit)
        _look(job, commit)
        apply(job, f"Rollback to {commit[:10]} by {job.services.actor}.")
        await_started(job)
        return job.environment


def bring_to(
    runtime: Runtime,
    environment: Environment,
    commit: str,
    confirm: Confirm,
    *,
    source: str,
    override_window: bool = False,
) -> Environment:
    """Brings an environment to the commit that another one (`source`) has, until the next push."""
    promotion = _Rollback(confirm, until_push=True, source=source)
    with manual(runtime, environment, ByHand(verb=Verb.PROMOTE, confirm=promotion.is_wanted)) as job:
        check_open(job, override_window=override_window)
        check_branch(job)
        fetched(job, job.environment.commit)
        promotion.prepare(job, job.services.git.resolve(environment.id.repository_id, commit))
        _look(job, commit)
        apply(job, f"Promotion of {commit[:10]} from {source} by {job.services.actor}.")
        await_started(job)
        return job.environment


def _look(job: Job, commit: str) -> None:
    """What is wrong with a commit before Terraform could start is in the history, too."""
    try:
        look(job)
    except EnvmgrError:
        with job.run(RunKind.APPLY, commit, job.environment.status, "Rollback."):
            raise


def earlier_commit(job: Job, revision: str) -> str:
    """The full name of the commit that a rollback's revision means.

    `previous` is the last other commit that was applied with success; anything else is git's own (`HEAD` being
    what the branch points at), also where only we still have it. Raises UsageError where there is none, and what
    keeps the branch's newest commit from coming, where that is what it is counted from.
    """
    if revision == "previous":
        return previous_commit(job.services, [job.environment])
    git, environment = job.services.git, job.environment
    meant = counted_from(environment.commit, revision)
    if meant != revision:
        git.fetch(job.repository.remote(), {environment.ref: environment.commit})
    else:
        fetched(job, environment.commit)  # it may be, or be named by, what was pushed a moment ago
    try:
        return git.resolve(environment.id.repository_id, meant)
    except UsageError as error:
        raise UsageError(
            f"{environment.id.repository_id} has no commit {ref_component(revision)[:80]!r}: give one such as "
            "`previous`, `HEAD~1` or a commit's full name from `envmgr history`."
        ) from error


def previous_commit(services: Services, environments: Sequence[Environment]) -> str:
    """The last other commit that was applied with success, to any of an environment's applications.

    Raises UsageError where there is none.
    """
    applied = {environment.applied.commit for environment in environments}
    runs = (run for each in environments for run in services.store.runs(each.id))
    for run in sorted(runs, key=lambda run: run.id, reverse=True):
        succeeded = run.kind in (RunKind.APPLY, RunKind.DEPLOY) and run.status is RunStatus.SUCCEEDED
        if succeeded and run.commit not in applied:
            return run.commit
    label = environments[0].id.environment if len(environments) > 1 else environments[0].label
    raise UsageError(f"{label} has no other commit that was applied with success: give one with --to.")


@needs(Action.DRIFT)
def look_for_drift(runtime: Runtime, environment: Environment) -> Drift:
    """Compares an environment with its code now, and corrects nothing."""
    with manual(runtime, environment, ByHand(verb=Verb.DRIFT)) as job:
        if not can_check(job.environment, job.policy):
            raise NeedsPerson(
                f"{job.environment.label} is {job.environment.status}, so there is nothing firm to compare that commit with: bring it to its branch first (`envmgr apply {job.environment.label}`)."
            )
        return check(job)
