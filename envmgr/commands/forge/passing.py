"""What a single pass asks forges, where no daemon does: which pull requests there are, and what was left unsaid before a loss."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from envmgr.commands.runtime import Runtime
from envmgr.domain.errors import EnvmgrError
from envmgr.engine.context.organization import Repository
from envmgr.engine.forge.left_open import end_what_is_left
from envmgr.engine.forge.looking import look_at_forge
from envmgr.host.system import sentences
from envmgr.ports.forge import Forge

_AT_ONCE = 8


def look(runtime: Runtime, repositories: Sequence[Repository]) -> Sequence[str]:
    """Looks at the forges of some repositories; gives a sentence for each that could not be asked."""
    return _each(runtime, repositories, lambda r, forge: look_at_forge(runtime.services, r, forge))


def end_left(runtime: Runtime, repositories: Sequence[Repository]) -> Sequence[str]:
    """Has ended what waited on forges when the records were lost; gives a sentence for each that could not be asked."""
    return _each(runtime, repositories, lambda r, forge: end_what_is_left(runtime.services, r, forge))


def _each(
    runtime: Runtime, repositories: Sequence[Repository], ask: Callable[[Repository, Forge], object]
) -> Sequence[str]:
    def asked(repository: Repository) -> str:
        if repository.forge is None or not runtime.services.fleet.takes_poll(repository.id):
            return ""
        try:
            with sentences():
                ask(repository, repository.forge)
        except EnvmgrError as error:
            return f"{repository.id}: {error}"
        return ""

    forged = [each for each in repositories if each.forge is not None]
    if not forged:
        return []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return [said for said in pool.map(asked, forged) if said]
