"""The reconcile function: look, decide, act, record; one environment, one step, under its lease."""

import threading
from collections.abc import Callable

import structlog

from envmgr.domain.errors import EnvmgrError, LeaseLost
from envmgr.domain.rules.decide import decide
from envmgr.domain.rules.neighbours import active, leaving
from envmgr.domain.rules.transitions import work
from envmgr.domain.rules.transitions.standing import stands
from envmgr.domain.values.decision import (
    Apply,
    Await,
    Close,
    Decision,
    Destroy,
    GoBack,
    Rest,
    Stop,
    Test,
    Wait,
    Warn,
)
from envmgr.domain.values.environment import Environment, Status
from envmgr.domain.values.names import EnvironmentId
from envmgr.domain.values.policy import Neighbours
from envmgr.engine.change.apply import apply
from envmgr.engine.change.destroy import close, destroy
from envmgr.engine.change.health import await_healthy
from envmgr.engine.change.stop import bring_down
from envmgr.engine.change.testing import bring_back, run_tests
from envmgr.engine.context import by_hand, ownership
from envmgr.engine.context.services import Services
from envmgr.engine.context.snapshot import snapshot_of
from envmgr.engine.recovery.failure import record_failure
from envmgr.engine.recovery.orphan_runs import end_abandoned_runs
from envmgr.engine.recovery.state_locks import left_lock
from envmgr.engine.work.job import Job, work_on
from envmgr.engine.work.mode import Awaiting, Reconciling
from envmgr.host.system import sentences

log = structlog.get_logger()

RECONCILING = Reconciling()
"""A step that nobody asked for by name."""


class Reconciler:
    """Takes environments one step nearer to what is wanted of them."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._admission = threading.Lock()

    def reconcile(self, identity: EnvironmentId, mode: Reconciling | Awaiting = RECONCILING) -> Decision:
        """Takes the next step of one environment and gives the decision it was.

        Awaiting only waits until an environment is healthy, Reconciling does all but that: whoever waits takes up no
        place of those who work. What fails becomes the environment's status and message; only EnvironmentBusy is raised.
        """
        with work_on(self._services, identity, mode) as job:
            decision: Decision | None = None
            try:
                with sentences():
                    # First whatever a dead process left: its Terraform may still run, or have finished, and
                    # the decision depends on which.
                    end_abandoned_runs(job)
                    decision = self._decide(job)
                    if isinstance(decision, Await) == isinstance(mode, Awaiting):
                        self._carry_out(job, decision)
            except LeaseLost as lost:
                # Nothing is recorded: the record is another process's by now.
                log.warning(str(lost), action="lease-lost", environment=str(identity))
            except EnvmgrError as error:
                record_failure(job, error, self._meant(job, decision))
            except Exception as error:
                # A mistake of ours in one environment neither ends the worker nor goes unseen: it fails like
                # any other step, and is tried again ever more slowly.
                log.exception("Unexpected error", action="unexpected", environment=str(identity))
                unexpected = EnvmgrError(f"Unexpected {type(error).__name__}: {error}")
                record_failure(job, unexpected, self._meant(job, decision))
            # Whatever came of it: the work may have ended a suspension or a hold, and what is kept beside the
            # state has to say the same.
            by_hand.keep(self._services, identity, looks=False)
            return decision or Rest()

    def _decide(self, job: Job) -> Decision:
        with self._admission:  # of two new environments only one may take the last free place
            environment, now = job.environment, self._services.clock()
            decision = decide(
                environment, job.policy, self._neighbours(environment), now, asked=_is_asked(job)
            )
            if isinstance(decision, Apply) and environment.claim is None:
                # In the record as well, so that other processes count it among the active ones from now on.
                reason = decision.reason
                job.update(lambda e: stands(e, Status.RUNNING, reason))
            return decision

    def _meant(self, job: Job, decision: Decision | None) -> Decision:
        """What could not be done; where that was not even decided, what would be: that is what is paused."""
        if decision is not None:
            return decision
        return decide(job.environment, job.policy, Neighbours(), self._services.clock(), asked=True)

    def _still(self, job: Job, decision: Decision) -> Callable[[Environment], str]:
        """Asks once more whether an end is wanted, of the record as it is by then."""

        def still(now: Environment) -> str:
            policy = snapshot_of(self._services, now).policy(now)
            again = decide(now, policy, self._neighbours(now), self._services.clock(), asked=_is_asked(job))
            return why_called_off(decision, again, now)

        return still

    def _neighbours(self, environment: Environment) -> Neighbours:
        store, identity = self._services.store, environment.id
        snapshot = snapshot_of(self._services, environment)
        if environment.is_missing:
            others = store.environments(repository=identity.repository_id)
            return snapshot.neighbours(environment, leaving=leaving(others))
        if environment.claim is None:
            found = store.figures.active(identity.organization)
            return snapshot.neighbours(environment, active=active(found, besides=identity))
        return snapshot.neighbours(environment)

    def _carry_out(self, job: Job, decision: Decision) -> None:
        if not isinstance(decision, Rest | Wait | Warn):
            # Once more right before anything is touched: the organization may have been taken over since the
            # poll. The other decisions touch nothing but the record.
            ownership.require(self._services, job.repository.organization)
        match decision:
            case Rest():
                self._rest(job)
            case Wait():
                self._wait(job, decision)
            case Apply():
                apply(job, decision.reason)
            case Await():
                await_healthy(job)
            case Test():
                run_tests(job)
            case GoBack():
                bring_back(job)
            case Destroy():
                destroy(job, decision, self._still(job, decision))
            case Stop():
                bring_down(job, decision.reason)
            case Warn():
                event = self._services.event(job.environment.id, "expires-soon", decision.reason, actor="ttl")
                job.update(lambda e: work.warned(e, decision.at, decision.ends), event)
            case Close():
                close(job, Destroy(f"{decision.reason}{left_lock(job)}", Status.DESTROYED))

    def _rest(self, job: Job) -> None:
        environment = job.environment
        if environment.suspended and environment.status is not Status.SUSPENDED:
            job.update(lambda e: stands(e, Status.SUSPENDED, e.why_suspended))

    def _wait(self, job: Job, decision: Wait) -> None:
        before = job.environment
        if not shows_wait(before, decision):
            # A wait that only changes its words, such as the count of confirmations, is no event.
            is_news = decision.hold or before.status is not Status.WAITING
            event = self._services.event(before.id, "waiting", decision.reason) if is_news else None
            job.update(lambda e: work.waiting(e, decision.reason, decision.waits, decision.hold), event)


def _is_asked(job: Job) -> bool:
    """Whether a person named this environment, so that no pause holds it up."""
    return isinstance(job.mode, Reconciling) and job.mode.asked


def why_called_off(decision: Decision, again: Decision, now: Environment) -> str:
    """Why a destroy that was decided is not wanted any more, by what would be decided now; empty where it still is."""
    if not isinstance(decision, Destroy):
        return ""
    if isinstance(again, Destroy) and (again.then, again.by) == (decision.then, decision.by):
        return ""
    if decision.then is Status.DESTROYED and not now.absences:
        return "The branch came back, or its remote could not be read: not destroyed."
    why = again.reason if isinstance(again, Rest | Wait) else ""
    return f"Its destroy was called off before anything was destroyed. {why or 'It is wanted again.'}"


def is_due(environment: Environment, decision: Decision) -> bool:
    """Whether carrying a decision out would do or show anything new."""
    match decision:
        case Rest():
            return bool(environment.suspended) and environment.status is not Status.SUSPENDED
        case Wait():
            return not shows_wait(environment, decision)
        case _:
            return True


def shows_wait(environment: Environment, decision: Wait) -> bool:
    """Whether the record says already that it waits, and why."""
    is_held = decision.hold in (None, environment.hold.guard)
    return is_held and work.is_waiting(environment, decision.waits)
