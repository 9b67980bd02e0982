"""What steps of an environment keep between two runs: bounded by its life and by size, never deleted while in use.

Of one environment only: what a branch leaves in a cache that others share would run in theirs.
"""

from collections.abc import Collection, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path

from envmgr.domain.errors import EnvironmentBusy
from envmgr.domain.values.environment import Environment
from envmgr.domain.values.names import EnvironmentId, RepositoryId
from envmgr.engine.context.services import Services
from envmgr.engine.context.tidying import each_part
from envmgr.host.leftovers import accessible, clear, files

LARGEST = 5 * 1024**3
"""Bytes of one environment's cache above which all of it goes: only its owner knows which part would be missed."""

_REMOVED = ".removed-"


def prune(services: Services, environments: Iterable[Environment], largest: int = LARGEST) -> None:
    """Deletes caches larger than `largest` bytes, and those whose environment is not open any more.

    `environments` are all open ones.
    """
    open_ones = {environment.id for environment in environments}
    # First what a process was removing that died right then: the same name may be needed once more.
    found = sorted(services.layout.step_caches.glob("*/*/*"), key=lambda path: not _is_removed(path))
    each_part(partial(_prune_one, services, path, open_ones, largest) for path in found)
    # Of older releases: all branches of a repository wrote there.
    clear(services.layout.root / "step-caches")


def _is_removed(path: Path) -> bool:
    return path.name.startswith(_REMOVED)


def _prune_one(services: Services, path: Path, open_ones: Collection[EnvironmentId], largest: int) -> None:
    if _is_removed(path):
        clear(path)
        return
    repository = RepositoryId(path.parent.parent.name, path.parent.name)
    identity = EnvironmentId.of_component(repository, path.name)
    if identity not in open_ones or _size(path) > largest:
        _remove(services, path, identity)


def _remove(services: Services, path: Path, user: EnvironmentId) -> None:
    """Takes a cache away while its user is not worked on, and deletes it afterwards: that may take long."""
    removed = path.with_name(f"{_REMOVED}{path.name}")
    with suppress(EnvironmentBusy), services.leases.hold(user, "housekeeping"):
        # Renamed under the lease, deleted without it: no apply waits for gigabytes to go.
        path.rename(removed)
    clear(removed)


def _size(path: Path) -> int:
    accessible(path)
    size = 0
    for file in files(path):
        with suppress(OSError):  # a step may be at work
            size += file.lstat().st_size
    return size
