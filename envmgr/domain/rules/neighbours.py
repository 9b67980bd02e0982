"""Environments among others: how many come and go together, and which applications wait for which."""

from collections.abc import Callable, Iterable, Mapping

from envmgr.domain.values.environment import Environment, Status, Waits, WaitsFor
from envmgr.domain.values.names import EnvironmentId
from envmgr.domain.values.policy import Awaited, Policy

_MOVING = (Status.PENDING, Status.RUNNING, Status.READY, Status.DEGRADED, Status.DESTROYING)
Siblings = Mapping[str, Environment]
"""The records of one environment by their application."""


def leaving(environments: Iterable[Environment]) -> int:
    """How many of a repository's environments are on their way out because their branch went away."""
    return len({e.id.environment for e in environments if _leaves(e)})


def _leaves(environment: Environment) -> bool:
    """Whether it goes as its branch went; a named one never does."""
    is_gone = environment.is_open and environment.is_missing and not environment.refused
    return is_gone and not environment.origin.is_named


def active(found: Iterable[EnvironmentId], besides: EnvironmentId | None = None) -> int:
    """How many of an organization's environments these are, which have, or are about to get, resources.

    With `besides` without that one's environment; 0 where it is one of them, as it takes no further place.
    """
    environments = {each.environment for each in found if each != besides}
    return 0 if besides is not None and besides.environment in environments else len(environments)


def active_ones(environments: Iterable[Environment]) -> frozenset[EnvironmentId]:
    """The records that have, or are about to get, resources; `Figures.active` finds the same without reading them."""
    return frozenset(
        e.id for e in environments if e.is_open and (e.claim is not None or e.status is Status.RUNNING)
    )


def awaited(
    environment: Environment,
    needs: Iterable[str],
    siblings: Siblings,
    is_settled: Callable[[Environment], bool],
    is_overtaken: Callable[[Environment], bool],
) -> Awaited | None:
    """What an application has to wait for before it is applied: all that it needs is to be at the same commit.

    Where pushes come faster than a need is applied, that would never be: what a push overtook gives one turn with each
    commit that it has come to. Other outputs by its next apply are other inputs, and bring another apply.
    """

    def is_met(name: str, need: Environment) -> bool:
        if need.commit != environment.commit:
            return False
        return is_settled(need) or (is_overtaken(need) and _has_a_turn(environment, name, need))

    found = [_awaited(environment, name, siblings.get(name), is_met) for name in needs]
    unmet = [each for each in found if each is not None]
    # What is stuck first: the rest comes by itself.
    return next((each for each in unmet if each.is_stuck), unmet[0] if unmet else None)


def _awaited(
    environment: Environment, name: str, need: Environment | None, is_met: Callable[[str, Environment], bool]
) -> Awaited | None:
    if need is None or not need.is_open:
        waits = Waits(WaitsFor.NEED, (name,))
        return Awaited(f"Waits for {name}, which is not there yet.", waits, is_stuck=False)
    if is_met(name, need):
        return None
    both = need.suspended is not None and environment.suspended is not None
    comes_up_too = both and need.suspended_by is environment.suspended_by  # as by their schedule
    is_stuck = need.status not in _MOVING and not comes_up_too
    said = f": {need.message}" if is_stuck and need.message else "."
    state = f"is {need.status}" if need.status is not Status.FAILED else "failed"
    because = (need.waits.on, *need.waits.about) if need.waits is not None else (str(need.failure.count),)
    waits = Waits(WaitsFor.NEED, (name, need.status, *because))
    return Awaited(f"Waits for {name}, which {state}{said}", waits, is_stuck)


def is_overtaken(environment: Environment, policy: Policy) -> bool:
    """Whether all of its last commit was applied and deployed, and a newer one is all that keeps it from being settled."""
    at, deployment = environment.applied.commit, environment.deployment
    if at is None or at == environment.target or environment.ending or environment.suspended:
        return False
    if environment.failure.count or environment.status not in (Status.READY, Status.DEGRADED, Status.RUNNING):
        return False
    return not policy.deploy if deployment is None else deployment.is_of(at, policy.deploy)


def _has_a_turn(environment: Environment, name: str, need: Environment) -> bool:
    """Whether nothing was applied yet with the commit that a need has; a claim without a word of that is its commit's."""
    claim = environment.claim
    return claim is None or claim.met.get(name, claim.commit) != need.applied.commit


def needed_by(environment: Environment, siblings: Siblings) -> tuple[str, ...]:
    """The applications that have, or are about to get, resources made with this one's outputs; by name.

    Of one that is applied for the first time it is not known yet what it needs: in doubt it needs this one.
    """
    return tuple(
        name
        for name, other in sorted(siblings.items())
        if other.id != environment.id and environment.id.application and _needs(other, environment)
    )


def _needs(other: Environment, environment: Environment) -> bool:
    if other.claim is None:
        return other.status is Status.RUNNING
    return environment.id.application in other.claim.needs


def missing(needs: Iterable[str], siblings: Siblings) -> tuple[str, ...]:
    """Those of the needed applications that have no resources, or are being destroyed."""
    found = {name: siblings.get(name) for name in needs}
    return tuple(
        name for name, e in found.items() if e is None or e.claim is None or e.status is Status.DESTROYING
    )


def is_last(environment: Environment, siblings: Siblings) -> bool:
    """Whether of all applications only this one may still have resources.

    One that is being destroyed and has no resources any more has none: its record says so once that is verified.
    """
    others = [e for e in siblings.values() if e.id != environment.id]
    return all(e.claim is None or (e.status is Status.DESTROYING and not e.applied.resources) for e in others)
