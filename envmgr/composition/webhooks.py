"""Of which repositories webhooks are taken, and who is told of what happens, from the configuration."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

from envmgr.commands.forge.webhooks import Hook
from envmgr.commands.runtime import Runtime
from envmgr.config.load import Configuration
from envmgr.config.sections.secrets import resolve
from envmgr.domain.values.forge import ForgeKind

from .notices import targets_of
from .started import in_force


def with_others(
    runtime: Runtime, before: Runtime | None, configuration: Configuration, environ: Mapping[str, str]
) -> Runtime:
    """A runtime that is served, takes webhooks and tells others, as the configuration says; the secrets are read anew each time."""
    return replace(
        runtime,
        server=configuration.settings.server,
        settings=in_force(before.settings if before is not None else None, configuration.settings),
        hooks=tuple(_hooks(configuration, environ)),
        targets=targets_of(configuration, environ),
        bell=before.bell if before is not None else runtime.bell,
    )


def _hooks(configuration: Configuration, environ: Mapping[str, str]) -> Iterator[Hook]:
    for identity, _, section in configuration.repositories():
        forge = section.forge
        if forge is not None and forge.webhook_secret is not None:
            yield Hook(
                repository=identity,
                kind=ForgeKind(forge.kind),
                name=forge.place(section.url)[1],
                secret=partial(resolve, forge.webhook_secret, environ),
            )
