"""What may be seen: environments, runs, events and repositories, as far as whoever asks may know of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from envmgr.domain.errors import NotThere
from envmgr.domain.rules.access.freezing import all_over, in_force
from envmgr.domain.rules.access.roles import hidden, visible
from envmgr.domain.rules.origins.following import not_yet
from envmgr.domain.values.asking.freeze import Freeze
from envmgr.domain.values.asking.person import Action
from envmgr.domain.values.combined import by_environment
from envmgr.domain.values.environment import Environment, Event, RepositoryState, Run
from envmgr.domain.values.forge.telling import Untold
from envmgr.domain.values.names import EnvironmentId, RepositoryId
from envmgr.domain.values.pipeline.image import SeenImage, images_for
from envmgr.ports.pages import Key, Wanted
from envmgr.views.documents import Beside, Facts

from .access import check, may
from .hosts import standing
from .runtime import Runtime


def _seen(runtime: Runtime, wanted: Wanted) -> Wanted:
    """Of what is wanted only what may be seen."""
    return replace(wanted, places=visible(runtime.person), hidden=hidden(runtime.person))


def environments(
    runtime: Runtime, wanted: Wanted, after: Key | None = None
) -> Sequence[Sequence[Environment]]:
    """A page of environments by name, each as the records of its applications."""
    groups = runtime.services.store.pages.environments(_seen(runtime, wanted), after)
    return [group for found in groups for group in by_environment(found)]


def unreachable(runtime: Runtime) -> dict[RepositoryId, str]:
    """Why remotes could not be read, of those that may be seen."""
    found = runtime.services.store.unreachable().items()
    return {r: state.error for r, state in found if may(runtime, Action.SEE, r.organization, r.name)}


def records_of(runtime: Runtime, identity: EnvironmentId) -> Sequence[Environment]:
    """The records of an environment, in the order in which its applications are applied, or that of one application.

    Raises NotThere where there is none, or none that may be seen.
    """
    check(runtime, Action.SEE, identity.organization, identity.repository, f"environment {identity}")
    services = runtime.services
    known = services.store.environments(repository=identity.repository_id, name=identity.name, destroyed=True)
    found = [e for e in known if identity.application in ("", e.id.application)]
    if not found:
        none = f"There is no environment {identity}, or you may not see it."
        raise NotThere(not_yet(str(identity), services.named) or none)
    chosen = [e for e in found if e.is_open] or found
    repository = services.repositories.get(identity.repository_id)
    return repository.in_order(chosen) if repository is not None else chosen


def facts_of(runtime: Runtime, records: Sequence[Environment]) -> tuple[Sequence[Facts], Beside]:
    """Each record with who works on it and its newest run, and what is known of its repository."""
    store, now, repository = runtime.services.store, runtime.services.clock(), records[0].id.repository_id
    leases = store.leases(now)
    facts = [(e, leases.get(e.id), next(iter(store.runs(e.id, limit=1)), None)) for e in records]
    frozen = in_force(store.freezes.all(), repository, now)
    images, untold = images_of(runtime, records[0].id), store.outbox.unsaid(repository)
    return facts, Beside(store.repository(repository).error, frozen, images, untold, standing.known(runtime))


def images_of(runtime: Runtime, identity: EnvironmentId) -> Sequence[SeenImage]:
    """The images that an environment follows, as their registries were last seen to have them."""
    return images_for(identity.name, runtime.services.store.pipeline.images.seen(identity.repository_id))


def beside(runtime: Runtime) -> Callable[[RepositoryId], Beside]:
    """What is known of each repository, read at once."""
    store, now = runtime.services.store, runtime.services.clock()
    errors, freezes = unreachable(runtime), store.freezes.all()
    untold, hosts = store.outbox.all_unsaid(), standing.known(runtime)
    return cache(
        lambda each: Beside(
            errors.get(each, ""), in_force(freezes, each, now), untold=untold.get(each, ()), hosts=hosts
        )
    )


def untold(runtime: Runtime) -> Mapping[RepositoryId, Sequence[Untold]]:
    """What the forges of repositories that may be seen could not be told."""
    found = runtime.services.store.outbox.all_unsaid().items()
    return {r: each for r, each in found if may(runtime, Action.SEE, r.organization, r.name)}


def runs(runtime: Runtime, wanted: Wanted, before: int | None = None) -> Sequence[Run]:
    """A page of runs, newest first."""
    return runtime.services.store.pages.runs(_seen(runtime, wanted), before)


def run(runtime: Runtime, number: int) -> Run:
    """One run. Raises NotThere where there is none that may be seen."""
    found = runtime.services.store.run(number)
    if found is None or not may(
        runtime, Action.SEE, found.environment.organization, found.environment.repository
    ):
        raise NotThere(f"There is no run {number}, or you may not see it.")
    return found


def events(runtime: Runtime, wanted: Wanted, before: int | None = None) -> Sequence[Event]:
    """A page of events, newest first."""
    return runtime.services.store.pages.events(_seen(runtime, wanted), before)


def is_seen(runtime: Runtime, event: Event) -> bool:
    """Whether an event may be seen; of no place only by who is on the host."""
    of = event.environment
    place = (of.organization, of.repository) if of is not None else event.place
    return runtime.person.is_on_host if place is None else may(runtime, Action.SEE, *place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A repository of the configuration, with what polling knows of it."""

    id: RepositoryId
    branches: Sequence[str]
    protected: Sequence[str]
    environments: Sequence[str]
    state: RepositoryState
    frozen: Freeze | None
    untold: Sequence[Untold]


def repositories(runtime: Runtime, organization: str | None = None) -> Sequence[Watched]:
    """The repositories of the configuration that may be seen, by name."""
    services, now = runtime.services, runtime.services.clock()
    freezes, polled = services.store.freezes.all(), services.store.polled()
    not_told = services.store.outbox.all_unsaid()
    return [
        Watched(
            id=name,
            branches=services.repositories[name].branches,
            protected=services.repositories[name].kept,
            environments=[each.name for each in services.repositories[name].asked.named],
            state=polled.get(name, RepositoryState()),
            frozen=in_force(freezes, name, now),
            untold=not_told.get(name, ()),
        )
        for name in repository_names(runtime)
        if organization in (None, name.organization)
    ]


def repository_names(runtime: Runtime) -> Sequence[RepositoryId]:
    """What the repositories of the configuration that may be seen are called."""
    known = sorted(runtime.services.repositories)
    return [name for name in known if may(runtime, Action.SEE, name.organization, name.name)]


def organizations(runtime: Runtime) -> Mapping[str, Freeze | None]:
    """The organizations of the configuration of which anything may be seen, by name; each with what freezes all of it."""
    services = runtime.services
    seen = {r.organization for r in services.repositories if may(runtime, Action.SEE, r.organization, r.name)}
    freezes, now = services.store.freezes.all(), services.clock()
    shown = sorted({o for o in services.organizations if o in seen or may(runtime, Action.SEE, o)})
    return {name: all_over(freezes, name, now) for name in shown}
