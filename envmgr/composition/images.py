"""The images that repositories follow: which, what is known of them, and how their registries let envmgr in."""

from collections.abc import Mapping
from dataclasses import replace

from envmgr.config.expand import images_of
from envmgr.config.load import Configuration
from envmgr.config.sections.models import RepositorySection
from envmgr.config.sections.secrets import resolve
from envmgr.domain.values.names import RepositoryId
from envmgr.engine.context.organization import Repository
from envmgr.ports import Store
from envmgr.ports.registry import Login


def following(
    repositories: Mapping[RepositoryId, Repository],
    configuration: Configuration,
    store: Store,
    environ: Mapping[str, str],
) -> dict[RepositoryId, Repository]:
    """The same repositories, with the images of their sections."""
    sections = {identity: section for identity, _, section in configuration.repositories()}
    return {
        identity: _following(found, sections[identity], store, environ)
        if sections[identity].images
        else found
        for identity, found in repositories.items()
    }


def _following(
    repository: Repository, section: RepositorySection, store: Store, environ: Mapping[str, str]
) -> Repository:
    def made(part: Repository) -> Repository:
        return replace(
            part,
            images=images_of(section.images),
            seen_images=lambda: store.pipeline.images.seen(part.id),
            registry_login=lambda variable: _login(section, variable, environ),
        )

    return repository.everywhere(made)


def _login(section: RepositorySection, variable: str, environ: Mapping[str, str]) -> Login | None:
    """With the password of now."""
    found = next((i.credentials for i in section.images if i.variable == variable), None)
    return Login(found.username, resolve(found.password, environ)) if found is not None else None
