"""How the pull requests of repositories are dealt with: by which rules they have environments, and whose comments are obeyed."""

from collections.abc import Mapping
from dataclasses import replace

from envmgr.config.load import Configuration
from envmgr.config.sections.forge.forge import Forge
from envmgr.config.sections.forge.previews import Previews
from envmgr.config.sections.models import RepositorySection
from envmgr.domain.values.asking.person import Role
from envmgr.domain.values.forge import ForgeRules, PreviewRules
from envmgr.domain.values.names import RepositoryId
from envmgr.engine.context.organization import Repository
from envmgr.ports import Store


def with_previews(
    repositories: Mapping[RepositoryId, Repository], configuration: Configuration, store: Store
) -> dict[RepositoryId, Repository]:
    """The same repositories, each with what its section says of pull requests."""
    sections = {identity: section for identity, _, section in configuration.repositories()}
    return {
        identity: _ruled(found, sections[identity], store) if sections[identity].forge is not None else found
        for identity, found in repositories.items()
    }


def _ruled(repository: Repository, section: RepositorySection, store: Store) -> Repository:
    previews = _previews(section.previews) if section.previews is not None else None
    identity = repository.id
    return repository.everywhere(
        lambda each: replace(
            each,
            forge_rules=each.forge_rules
            if section.forge is None
            else _rules(each.forge_rules, section.forge),
            previews=previews,
            pull=lambda number: store.pull_requests.get(identity, number),
        )
    )


def _rules(known: ForgeRules, section: Forge) -> ForgeRules:
    members = {Role(name): found for name, found in dict(section.roles).items()}
    return replace(known, interval=section.interval, obeys=section.commands, members=members)


def _previews(section: Previews) -> PreviewRules:
    when = section.when
    return PreviewRules(
        name=section.name,
        base=when.base,
        labels=when.labels,
        drafts=when.drafts,
        forks=when.forks,
        authors=when.authors,
        ttl=section.ttl,
        limit=section.limit,
    )
