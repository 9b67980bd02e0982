"""The secrets of webhooks, as they are now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic

import structlog
from starlette.concurrency import run_in_threadpool

from envmgr.commands.forge.webhooks import Hook
from envmgr.domain.errors import EnvmgrError
from envmgr.domain.values.names import RepositoryId

log = structlog.get_logger()

_FRESH = 1.0  # seconds; a flood reads no file more often

Known = Mapping[str, Sequence[Hook]]
"""Secrets, each with the repositories whose it is."""


@dataclass(frozen=True, slots=True)
class _Read:
    hooks: Sequence[Hook]
    at: float
    known: Known
    unread: frozenset[RepositoryId]


class Secrets:
    """Reads the secrets of hooks, those of one address together."""

    def __init__(self) -> None:
        """None was read yet."""
        self._read: dict[tuple[str, str], _Read] = {}

    async def of(self, hooks: Sequence[Hook]) -> Known:
        """Those of one address. What cannot be read is nobody's secret, and told of once."""
        key = hooks[0].kind, hooks[0].repository.organization
        found = self._read.get(key)
        if found is None or found.hooks != hooks or found.at < monotonic() - _FRESH:
            told = found.unread if found is not None else frozenset()
            found = self._read[key] = await run_in_threadpool(_read, hooks, told)
        return found.known


def _read(hooks: Sequence[Hook], told: frozenset[RepositoryId]) -> _Read:
    known: dict[str, list[Hook]] = {}
    unread = set()
    for hook in hooks:
        try:
            known.setdefault(hook.secret(), []).append(hook)
        except EnvmgrError as error:
            unread.add(hook.repository)
            if hook.repository not in told:
                log.warning(f"The webhooks of {hook.repository}: {error}", action="webhook-refused")
    return _Read(hooks, monotonic(), known, frozenset(unread))
