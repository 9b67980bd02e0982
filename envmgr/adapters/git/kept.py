"""A folder of a commit as one pack that needs no mirror: to keep elsewhere, and to have its files back.

The pack holds the commit itself, the folders down to the scope and all below it: so the commit's own
name, and the source's tree in it, prove the files. What is outside the scope is left out.
"""

from pathlib import Path

from envmgr.domain.errors import NeedsPerson, NotHere
from envmgr.domain.values.environment import Source
from envmgr.domain.values.names import RepositoryId
from envmgr.host.leftovers import temporary

from .checkout import fill, put
from .mirror import Mirror, checked_commit, make_private, reported
from .objects import checks, inside
from .tree import paths

_NOWHERE = RepositoryId("kept", "code")  # what messages call the repository of a pack


def export(mirror: Mirror, commit: str, scope: str, limit: int) -> bytes | None:
    """The pack of a commit's folder; None where its files have more than `limit` bytes in all."""
    listed = mirror.run(["ls-tree", "-r", "-t", "-l", "-z", "--full-tree", commit, *paths(scope)])
    if listed.is_cut:
        return None
    if listed.failed:
        raise mirror.broken("ls-tree", listed)
    entries = [entry.partition(b"\t")[0].split() for entry in listed.output.split(b"\0") if entry]
    if sum(int(size) for _, kind, _, size in entries if kind == b"blob") > limit:
        return None
    root = checks(mirror, [f"{checked_commit(commit)}^{{tree}}"])[0]
    if root is None:
        raise NotHere(f"Commit {commit[:10]} is not in the mirror of {mirror.repository}.")
    names = [commit, root[0], *(name.decode() for _, kind, name, _ in entries if kind != b"commit")]
    # One thread: each would take a window of memory of its own.
    command = ["pack-objects", "--stdout", "--quiet", "--threads=1"]
    packed = mirror.run(command, stdin="".join(f"{name}\n" for name in names).encode(), largest=2 * limit)
    if packed.is_cut:
        return None
    if packed.failed:
        raise mirror.broken("pack-objects", packed)
    return packed.output


def unpack(pack: bytes, commit: str, source: Source, destination: Path, seconds: float) -> None:
    """The files of a pack in `destination`, as a checkout of the commit makes them."""
    with reported(f"Kept code could not be unpacked to {destination}"):
        make_private(destination.parent)
        with temporary(destination.parent, f".{destination.name}.unpacked-") as work:
            new = work / "new"
            new.mkdir(mode=0o700)
            _fill(_opened(pack, commit, work, seconds), checked_commit(commit), source, new)
            put(new, destination)


def _opened(pack: bytes, commit: str, work: Path, seconds: float) -> Mirror:
    """The pack as a repository of its own, which ends with the folder `work`."""
    repository = Mirror(_NOWHERE, work / "pack.git", seconds)
    repository.create(commit)
    if repository.run(["index-pack", "--stdin"], stdin=pack).failed:
        raise NeedsPerson("The kept code is damaged: git cannot read its pack.")
    return repository


def _fill(repository: Mirror, commit: str, source: Source, new: Path) -> None:
    where = "" if source.scope == "." else inside(source.scope)
    if checks(repository, [f"{commit}:{where}"]) != [(source.tree, "tree")]:
        raise NeedsPerson(f"The kept code is not that of commit {commit[:10]}.")
    try:
        fill(repository, commit, new, new.parent, source.scope)
    except NeedsPerson as error:
        raise NeedsPerson(f"The kept code of commit {commit[:10]} is incomplete: {error}") from error
