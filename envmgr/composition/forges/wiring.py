"""Repositories with the forges that their sections name."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from envmgr.adapters.forge.budget import Budget
from envmgr.adapters.forge.cache import Cache
from envmgr.adapters.forge.wire import Wire
from envmgr.config.load import Configuration
from envmgr.config.sections.forge.forge import Forge as ForgeSection
from envmgr.domain.values.forge import ForgeKind
from envmgr.domain.values.names import RepositoryId
from envmgr.engine.context.organization import Repository
from envmgr.ports import Store
from envmgr.ports.forge import Forge

from .makers import MAKERS, where
from .parts import Parts, Shared
from .previews import with_previews


def with_forges(
    repositories: Mapping[RepositoryId, Repository],
    configuration: Configuration,
    store: Store,
    environ: Mapping[str, str],
    shared: dict[object, Shared],
    before: Mapping[object, Shared],
) -> dict[RepositoryId, Repository]:
    """The same repositories, each with the forge of its section, and with what that says of pull requests.

    Those with the same forge and token share what is left to be asked: `shared` is filled with that. What was left
    `before` goes on to be so: a reload asks no forge sooner than it wants to be.
    """
    sections = {identity: section for identity, _, section in configuration.repositories()}
    made = {
        identity: forge_of(
            section.forge,
            section.url,
            environ,
            shared,
            before,
            needs_labels=section.previews is not None and bool(section.previews.when.labels),
        )
        for identity, section in sections.items()
        if section.forge is not None
    }
    forged = {
        identity: _with_forge(found, made[identity], sections[identity].forge) if identity in made else found
        for identity, found in repositories.items()
    }
    return with_previews(forged, configuration, store)


def _with_forge(repository: Repository, forge: Forge, section: ForgeSection | None) -> Repository:
    """A repository with its forge, and with what its section says of telling it."""

    def with_it(each: Repository) -> Repository:
        if section is None:
            return replace(each, forge=forge)
        rules = replace(each.forge_rules, context=section.context, comments=section.comments)
        return replace(each, forge=forge, forge_rules=rules)

    return repository.everywhere(with_it)


def forge_of(
    forge: ForgeSection,
    remote: str,
    environ: Mapping[str, str],
    shared: dict[object, Shared],
    before: Mapping[object, Shared] = MappingProxyType({}),
    *,
    needs_labels: bool = True,
) -> Forge:
    """The forge of a repository with this git remote; nothing is loaded or asked yet.

    `shared` is what others have in common with it, and is added to: with what was left to be asked `before`. `needs_labels`:
    something depends on the labels of pull requests.
    """
    kind = ForgeKind(forge.kind)
    url, repository = forge.place(remote)
    shown = where(kind, url)

    def share(whose: object, write_pause: float) -> Shared:
        key = (kind, url, forge.authorities, whose)
        if key not in shared:
            wire = Wire(shown, environ, forge.authorities)
            known = before.get(key)
            budget = known.budget if known is not None else Budget(shown, write_pause)
            shared[key] = Shared(wire, budget, known.cache if known is not None else Cache())
        return shared[key]

    parts = Parts(
        section=forge,
        url=url,
        repository=repository,
        where=shown,
        environ=environ,
        shared=share,
        needs_labels=needs_labels,
    )
    return MAKERS[kind][1](parts)
