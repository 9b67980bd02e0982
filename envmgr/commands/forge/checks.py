"""Whether envmgr is let in at each forge, with the rights that it needs and no more, and for how long."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from envmgr.commands.doctor import CheckResult, look
from envmgr.commands.runtime import Runtime
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.names import RepositoryId
from envmgr.ports.forge import Forge, ForgeIdentity

SOON = timedelta(days=14)
"""How long before its end a token is warned of."""


def of_forges(runtime: Runtime) -> Iterator[CheckResult]:
    """One for each repository that is on a forge."""
    for identity, repository in runtime.services.repositories.items():
        forge = repository.forge
        if forge is not None:
            yield look(f"forge {identity}", lambda of=identity, on=forge: _checked(runtime, of, on))  # type: ignore[misc]


def _checked(runtime: Runtime, repository: RepositoryId, forge: Forge) -> str:
    found, now = forge.identity(), runtime.services.clock()
    if found.missing:
        raise NeedsPerson(
            f"{found.person.login} on {forge.traits.kind} lacks {', '.join(found.missing)}: give it that right."
        )
    if found.expires_at is not None and found.expires_at <= now:
        raise NeedsPerson(
            f"The token of {found.person.login} ended {_day(found.expires_at)}: make another one."
        )
    takes = any(hook.repository == repository for hook in runtime.hooks)
    webhooks = "webhooks are taken" if takes else "no webhooks, so polling alone"
    warnings = [*_warnings(found, now), *_of_forks(runtime, repository)]
    return "; ".join([f"{found.person.login} on {forge.traits.kind}", webhooks, *warnings])


def _warnings(found: ForgeIdentity, now: datetime) -> Iterator[str]:
    if found.too_wide:
        yield f"warning: it may do more than it needs: {', '.join(found.too_wide)}"
    if found.expires_at is not None:
        warning = "warning: " if found.expires_at <= now + SOON else ""
        yield f"{warning}its token ends {_day(found.expires_at)}"


def _of_forks(runtime: Runtime, repository: RepositoryId) -> Iterator[str]:
    """That forks are asked for where they cannot be had."""
    asked = runtime.services.repositories[repository].asked.previews
    if asked is not None and asked.rules.forks and asked.heads is None:
        yield "warning: pull requests from forks have no environment here (previews.when.forks): this forge does not show their heads to git"


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"
