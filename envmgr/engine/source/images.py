"""Images of registries: looked at like remotes, and what they give to Terraform."""

from collections.abc import Mapping
from dataclasses import replace

from envmgr.domain.errors import EnvmgrError, RetryLater
from envmgr.domain.values.pipeline.image import SeenImage, WantedImage
from envmgr.engine.context.organization import Repository
from envmgr.engine.context.services import Services
from envmgr.host.system import sentences


def image_variables(repository: Repository) -> Mapping[str, str]:
    """The input variables that a repository's images give; RetryLater where a registry has not told of one yet."""
    known = repository.known_images()
    for wanted in repository.images:
        if wanted.variable not in known:
            seen = repository.seen_images().get(wanted.variable)
            why = f": {seen.error}" if seen is not None and seen.error else "."
            raise RetryLater(
                f"It waits for its image {wanted.asked}, of which the registry has not told yet{why}",
                after=repository.interval,
            )
    return known


def follows_images(repository: Repository) -> bool:
    """Whether a repository, or an environment of it that has a name, follows any."""
    return any(part.images for part in (repository, *repository.environments.values()))


def look_at_images(services: Services, repository: Repository) -> bool:
    """Asks the registries of a repository's images, and its named environments', what they have now; whether that is anything new.

    One that does not answer changes nothing: what was seen last goes on counting, and the sentence is an event.
    """
    wanted = {w: part for part in (repository, *repository.environments.values()) for w in part.images}
    known = {(each.name, each.variable): each for each in services.store.pipeline.images.seen(repository.id)}
    news = [_look(services, part, w, known.get((w.name, w.variable))) for w, part in wanted.items()]
    for left in known.keys() - {(w.name, w.variable) for w in wanted}:
        services.store.pipeline.images.forget(known[left])
    return any(news)


def _look(services: Services, repository: Repository, wanted: WantedImage, seen: SeenImage | None) -> bool:
    before = seen if seen is not None and seen.asked == wanted.asked else None
    known = before or SeenImage(
        repository=repository.id, variable=wanted.variable, asked=wanted.asked, name=wanted.name
    )
    try:
        with sentences():
            login = repository.registry_login(wanted.variable)
            found = services.registry.newest(wanted.image, wanted.tags, login)
    except EnvmgrError as error:
        after = replace(known, error=repository.organization.access().redact(str(error)))
    else:
        is_new = found.reference != known.reference
        after = replace(
            known,
            reference=found.reference,
            tag=found.tag,
            changed_at=services.clock() if is_new else known.changed_at,
            error="",
        )
    if after == before:
        return False
    services.store.pipeline.images.note(after)
    _tell(services, repository, known, after)
    return after.reference != known.reference


def _tell(services: Services, repository: Repository, before: SeenImage, now: SeenImage) -> None:
    place = repository.id.place
    if now.reference != before.reference:
        said = f"{_whose(now)}: {now.variable} is {now.reference} now, by its tag {now.tag}."
        services.record(place, "image-changed", said, actor="registry")
    if now.error and now.error != before.error:
        services.record(place, "registry-failed", f"{_whose(now)}: {now.error}")
    if before.error and not now.error:
        services.record(
            place, "registry-back", f"{_whose(now)}: the registry of {now.variable} answers again."
        )


def _whose(image: SeenImage) -> str:
    return f"{image.repository}/{image.name}" if image.name else str(image.repository)
