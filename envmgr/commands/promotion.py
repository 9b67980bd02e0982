"""Promotion: the commit of one environment to another now, by the same rules as ever; and what is where."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from envmgr.domain.errors import NeedsPerson, UsageError
from envmgr.domain.values.asking.person import Action
from envmgr.domain.values.environment import Environment
from envmgr.domain.values.names import RepositoryId, ref_component

from .access import may, needs
from .rollback import Confirm, bring_to
from .runtime import Runtime


@needs(Action.PROMOTE)
def promote(
    runtime: Runtime,
    environment: Environment,
    target: Environment,
    confirm: Confirm,
    *,
    override_window: bool = False,
) -> Environment:
    """Plans the commit that one environment has for another, has it confirmed, applies it, and holds there until a push.

    All that holds for the other one's own commits holds for this: what it comes after, its windows, checks and approvals.
    Raises NeedsPerson where there is nothing to promote, or it may not go there.
    """
    commit = environment.applied.commit
    if commit is None:
        raise NeedsPerson(
            f"{environment.label} has nothing that could be promoted: it is {environment.status}."
        )
    return bring_to(
        runtime, target, commit, confirm, source=environment.id.name, override_window=override_window
    )


def goals(
    runtime: Runtime, sources: Sequence[Environment], name: str
) -> Sequence[tuple[Environment, Environment]]:
    """Each application of an environment with the same one of the environment `name` of its repository.

    Raises UsageError where that is not there, is the same, or has other applications.
    """
    first = sources[0].id
    records = runtime.services.store.environments(repository=first.repository_id, name=name)
    there = {e.id.application: e for e in records if e.is_open and not e.refused}
    shown = ref_component(name)
    if name == first.name:
        raise UsageError(f"{first.environment} cannot be promoted to itself.")
    if not there:
        raise UsageError(f"{first.repository_id} has no environment {shown!r}: `envmgr list` shows them all.")
    missing = [each.id.application for each in sources if each.id.application not in there]
    if missing:
        raise UsageError(
            f"{shown} has no application {' and '.join(missing) or '(whole)'}, so nothing was promoted."
        )
    return [(each, there[each.id.application]) for each in sources]


@dataclass(frozen=True, slots=True)
class Place:
    """A commit in an environment: whether that has it now, or waits for it, and since when it was ready there."""

    environment: Environment
    has_it: bool
    is_next: bool
    ready_at: datetime | None


@dataclass(frozen=True, slots=True)
class Way:
    """A repository's named environments in their order, and each commit of theirs with its place in each of them."""

    repository: RepositoryId
    environments: Sequence[Environment]
    commits: Sequence[tuple[str, Sequence[Place]]]


def ways(runtime: Runtime) -> Sequence[Way]:
    """What is where on its way, of all repositories with named environments that may be seen."""
    repositories = runtime.services.repositories
    return [
        _way(runtime, identity)
        for identity in sorted(repositories)
        if repositories[identity].environments
        and may(runtime, Action.SEE, identity.organization, identity.name)
    ]


def _way(runtime: Runtime, identity: RepositoryId) -> Way:
    services = runtime.services
    order = list(services.repositories[identity].environments)
    found = services.store.environments(repository=identity)
    records = sorted(
        (e for e in found if e.origin.is_named and e.id.name in order),
        key=lambda e: (order.index(e.id.name), e.id.application),
    )
    commits = dict.fromkeys(c for e in records for c in (e.commit, e.target, e.applied.commit) if c)
    return Way(identity, records, [(c, [_place(runtime, e, c) for e in records]) for c in commits])


def _place(runtime: Runtime, environment: Environment, commit: str) -> Place:
    release = runtime.services.store.pipeline.releases.get(environment.id, commit)
    has_it = environment.applied.commit == commit
    is_next = not has_it and environment.target == commit
    return Place(environment, has_it, is_next, release.ready_at if release is not None else None)
