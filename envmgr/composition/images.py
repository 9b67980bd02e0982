"""The images that repositories follow: which, what is known of them, and how their registries let envmgr in."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from envmgr.config.expand import images_of
from envmgr.config.load import Configuration
from envmgr.config.sections.models import RepositorySection
from envmgr.config.sections.pipeline.images import Image
from envmgr.config.sections.secrets import resolve
from envmgr.domain.values.names import RepositoryId
from envmgr.domain.values.pipeline.image import SeenImage
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
        for identity, found in repositories.items()
    }


def _following(
    repository: Repository, section: RepositorySection, store: Store, environ: Mapping[str, str]
) -> Repository:
    """A repository with its images, and those of its named environments that have their own with these."""

    def following_these(images: Sequence[Image], name: str, found: Repository) -> Repository:
        def seen() -> Mapping[str, SeenImage]:
            kept = store.pipeline.images.seen(repository.id)
            return {each.variable: each for each in kept if each.name == name}

        def made(part: Repository) -> Repository:
            return replace(
                part,
                images=images_of(images, name),
                seen_images=seen,
                registry_login=lambda variable: _login(images, variable, environ),
            )

        return found.everywhere(made)

    own = {each.name: each.images for each in section.environments if "images" in each.model_fields_set}
    found = following_these(section.images, "", repository) if section.images else repository
    named = found.environments
    return replace(
        found,
        environments={n: following_these(own[n], n, each) if n in own else each for n, each in named.items()},
    )


def _login(images: Sequence[Image], variable: str, environ: Mapping[str, str]) -> Login | None:
    """With the password of now."""
    found = next((i.credentials for i in images if i.variable == variable), None)
    return Login(found.username, resolve(found.password, environ)) if found is not None else None
