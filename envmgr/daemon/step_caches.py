"""What steps of a repository keep between two runs: bounded by age and size, never deleted while in use."""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path

from envmgr.domain.environment import Environment
from envmgr.domain.errors import EnvironmentBusy
from envmgr.domain.names import EnvironmentId, RepositoryId
from envmgr.host.leftovers import accessible, clear, files

from .services import Services

LARGEST = 5 * 1024**3
"""Bytes of one repository's cache above which all of it goes: only its owner knows which part would be missed."""

_REMOVED = ".removed-"


def prune(services: Services, environments: Iterable[Environment], largest: int = LARGEST) -> None:
    """Deletes caches larger than `largest` bytes, and those that nothing has used for the daemon's `retention`.

    The latter only where no environment of the repository is open. `environments` are all open ones.
    """
    users: dict[RepositoryId, list[EnvironmentId]] = {}
    for environment in environments:
        users.setdefault(environment.id.repository_id, []).append(environment.id)
    oldest = services.clock() - services.retention
    for path in list(services.layout.step_caches.glob("*/*")):
        if path.name.startswith(_REMOVED):  # by a process that died right then
            clear(path)
            continue
        own = users.get(RepositoryId(path.parent.name, path.name), [])
        if (not own and _used_at(path) < oldest) or _size(path) > largest:
            _remove(services, path, own)


def _remove(services: Services, path: Path, users: Sequence[EnvironmentId]) -> None:
    """Takes a cache away while none of its users is worked on, and deletes it afterwards: that may take long."""
    removed = path.with_name(f"{_REMOVED}{path.name}")
    with suppress(EnvironmentBusy), ExitStack() as held:
        for identity in users:
            held.enter_context(services.leases.hold(identity, "housekeeping"))
        path.rename(removed)
    clear(removed)


def _used_at(path: Path) -> datetime:
    """Each step makes the folder private anew when it begins, which sets the time of its last change."""
    return datetime.fromtimestamp(path.stat().st_ctime, UTC)


def _size(path: Path) -> int:
    accessible(path)
    size = 0
    for file in files(path):
        with suppress(OSError):  # a step may be at work
            size += file.lstat().st_size
    return size
