"""What a pass would do now, for all and why: by the same pure decision, on a fresh look that writes nothing."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from envmgr.domain.errors import EnvmgrError, UsageError
from envmgr.domain.rules.decide import decide
from envmgr.domain.rules.evidence import Evidence
from envmgr.domain.rules.neighbours import active_ones, leaving
from envmgr.domain.rules.observation import Observed, observe, observe_failure
from envmgr.domain.values import reference
from envmgr.domain.values.decision import (
    Apply,
    Await,
    Close,
    Decision,
    Destroy,
    GoBack,
    Stop,
    Test,
    Wait,
    Warn,
)
from envmgr.domain.values.environment import Environment
from envmgr.domain.values.names import EnvironmentId, ref_component
from envmgr.engine.context.organization import Repository
from envmgr.engine.context.promotion import before
from envmgr.engine.context.services import Services
from envmgr.engine.context.snapshot import Snapshot
from envmgr.engine.reconcile.evidence import weigh
from envmgr.engine.reconcile.listing import asked_of, dated, listed

from .runtime import Runtime

_ACTIONS = {
    Apply: "apply",
    Destroy: "destroy",
    Close: "close",
    Stop: "stop",
    Warn: "warn",
    Await: "await",
    Test: "test",
    GoBack: "go back",
}


@dataclass(frozen=True, slots=True)
class Step:
    """What would be done with one environment, the sentence why, and whether that does anything."""

    environment: Environment
    action: str
    reason: str
    is_work: bool


@dataclass(frozen=True, slots=True)
class Foreseen:
    """All steps, and what could not be read."""

    steps: Sequence[Step]
    errors: Sequence[str]


def foresee(runtime: Runtime, names: Sequence[str]) -> Foreseen:
    """What the next pass would begin with the named environments, or with all.

    Named ones are judged as a person's wish, as the pass does. What one step makes due for another is not followed.
    Raises UsageError for a name that is unknown.
    """
    services = runtime.services
    seen, errors = list[tuple[Repository, Sequence[Environment]]](), list[str]()
    new = set[EnvironmentId]()
    for repository in services.repositories.values():
        records, fresh, error = _look(services, repository)
        seen.append((repository, records))
        new |= fresh
        errors += [f"{repository.id}: {error}"] if error else []
    everybody = [e for _, records in seen for e in records]
    asked = {e.id for name in names for e in _found(name, everybody)}
    steps = [
        _lost(e) if e.id in new and _is_kept(repository, e) else _step(e, decision)
        for repository, records in seen
        for e, decision in _decisions(
            services, repository, records, everybody, {e.id for e in records} & asked
        )
        if not names or e.id in asked
    ]
    return Foreseen(steps, errors)


def _look(
    services: Services, repository: Repository
) -> tuple[Sequence[Environment], frozenset[EnvironmentId], str]:
    """The open records of a repository as a look at its remote would leave them, which are new, and why there was none."""
    known = services.store.environments(repository=repository.id, destroyed=True)
    try:
        observed, error = _observed(services, repository, known)
    except EnvmgrError as failure:
        observed, error = observe_failure(known), str(failure)
    after = {e.id: e for e in (*known, *observed.new, *observed.changed)}
    return [e for e in after.values() if e.is_open], frozenset(e.id for e in observed.new), error


def _observed(
    services: Services, repository: Repository, known: Sequence[Environment]
) -> tuple[Observed, str]:
    state = services.store.repository(repository.id)
    asked = asked_of(services, repository)
    listing = dated(services, repository, listed(services, repository, state.default_branch, asked))
    weighed = weigh(services, repository, state, listing, asked)
    evidence = weighed.judgement.evidence
    if state.default_branch not in (None, listing.default_branch) and evidence.counts:
        evidence = Evidence.UNSURE
    observed = observe(
        repository.id,
        known,
        listing.bare() if weighed.judgement.is_foreign else listing,
        repository.branches,
        services.clock(),
        evidence=evidence,
        asked=asked,
    )
    return observed, weighed.error


def _decisions(
    services: Services,
    repository: Repository,
    records: Sequence[Environment],
    everybody: Iterable[Environment],
    asked: set[EnvironmentId],
) -> Iterator[tuple[Environment, Decision]]:
    now = services.clock()
    snapshot, together = Snapshot(repository, records, now, partial(before, services)), leaving(records)
    ones = active_ones(e for e in everybody if e.id.organization == repository.id.organization)
    there = {each.environment for each in ones}
    for environment in records:
        number = 0 if environment.id.environment in there else len(there)
        neighbours = snapshot.neighbours(environment, leaving=together, active=number)
        yield (
            environment,
            decide(environment, snapshot.policy(environment), neighbours, now, asked=environment.id in asked),
        )


def _step(environment: Environment, decision: Decision) -> Step:
    action = _ACTIONS.get(type(decision), "")
    held = "wait" if isinstance(decision, Wait) else "rest"
    return Step(environment, action or held, decision.reason or environment.said, bool(action))


def _is_kept(repository: Repository, environment: Environment) -> bool:
    """Whether something is kept beside its state: then the record of one that seems new was lost."""
    with suppress(EnvmgrError):
        state = repository.organization.state()
        keys = (environment.id.kept_key, environment.id.by_hand_key)
        return any(state.get(key) is not None for key in keys)
    return False


def _lost(environment: Environment) -> Step:
    reason = "Its record was lost: a pass first brings it back from what is kept beside its state, and then decides."
    return Step(environment, "rebuild", reason, is_work=True)


def _found(name: str, everybody: Sequence[Environment]) -> Sequence[Environment]:
    found = reference.find(name, everybody)
    if not found:
        raise UsageError(f"There is no environment {ref_component(name)!r}: `envmgr list` shows them all.")
    return found
