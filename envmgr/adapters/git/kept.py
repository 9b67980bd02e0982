"""A folder of a commit as one pack that needs no mirror: to keep elsewhere, and to have its files back.

The pack holds the commit itself, the folders down to the scope and all below it: so the commit's own
name, and the source's tree in it, prove the files. What is outside the scope is left out.
"""

import shutil
from pathlib import Path

from envmgr.domain.errors import NeedsPerson, NotHere
from envmgr.domain.values.environment import Source
from envmgr.domain.values.names import RepositoryId
from envmgr.host.leftovers import temporary

from .checkout import fill, put
from .mirror import Mirror, checked_commit, make_private, reported
from .objects import LISTED, ROOT, checks, inside
from .process import SETTINGS_COUNT, configuration
from .tree import paths

_NOWHERE = RepositoryId("kept", "code")  # what messages call the repository of a pack


_LISTED = 1024**3
"""Bytes of a list of a commit's files that are read."""


def export(mirror: Mirror, commit: str, scope: str, pack: Path) -> None:
    """Writes the pack of a commit's folder, whatever its size, to a file for its owner only.

    Raises NeedsPerson or Transient where git cannot make it.
    """
    root, listed = _root(mirror, checked_commit(commit)), _listed(mirror, commit, scope)
    with (
        reported(f"Code that is to be kept cannot be written to {pack.parent}"),
        temporary(pack.parent, ".packed-") as work,
    ):
        # One thread: each would take a window of memory of its own. Large files as they are, for the same reason.
        command = ["pack-objects", "--quiet", "--threads=1", str(work / "code")]
        large = configuration({"core.bigFileThreshold": "16m"}, SETTINGS_COUNT)
        apart = {"GIT_OBJECT_DIRECTORY": str(_beside(mirror, work / "objects"))}
        packed = mirror.run(
            command, stdin=b"%s\n%s\n%s" % (commit.encode(), root, listed), extra=large | apart
        )
        if packed.failed:
            raise mirror.broken("pack-objects", packed)
        made = next(work.glob("code-*.pack"))
        made.chmod(0o600)
        made.replace(pack)


def _root(mirror: Mirror, commit: str) -> bytes:
    """The name of a commit's root folder."""
    if noted := mirror.recent.get(ROOT, str(mirror.path), commit):
        return noted
    root = checks(mirror, [f"{commit}^{{tree}}"])[0]
    if root is None:
        raise NotHere(f"Commit {commit[:10]} is not in the mirror of {mirror.repository}.")
    return root[0].encode()


def _listed(mirror: Mirror, commit: str, scope: str) -> bytes:
    """The names of all that is below the scope, and of the folders down to it, a line each."""
    if noted := mirror.recent.get(LISTED, str(mirror.path), commit, scope):
        return noted
    answer = mirror.run(["ls-tree", "-r", "-t", "-z", "--full-tree", commit, *paths(scope)], largest=_LISTED)
    if answer.failed:
        raise mirror.broken("ls-tree", answer)
    entries = (entry.partition(b"\t")[0].split() for entry in answer.output.split(b"\0") if entry)
    return b"".join(name + b"\n" for _, kind, name in entries if kind != b"commit")


def _beside(mirror: Mirror, objects: Path) -> Path:
    """A place for objects that has all of the mirror's.

    What is half written there is nobody else's: in the mirror a fetch that fails takes such files away.
    """
    (objects / "info").mkdir(parents=True)
    (objects / "info" / "alternates").write_text(f"{(mirror.path / 'objects').resolve()}\n")
    return objects


def unpack(pack: Path, commit: str, source: Source, destination: Path, seconds: float) -> None:
    """The files of a pack in `destination`, as a checkout of the commit makes them."""
    with reported(f"Kept code could not be unpacked to {destination}"):
        make_private(destination.parent)
        with temporary(destination.parent, f".{destination.name}.unpacked-") as work:
            new = work / "new"
            new.mkdir(mode=0o700)
            _fill(_opened(pack, commit, work, seconds), checked_commit(commit), source, new)
            put(new, destination)


def _opened(pack: Path, commit: str, work: Path, seconds: float) -> Mirror:
    """The pack as a repository of its own, which ends with the folder `work`."""
    repository = Mirror(_NOWHERE, work / "pack.git", seconds)
    repository.create(commit)
    (repository.path / "objects" / "pack").mkdir(exist_ok=True)
    there = repository.path / "objects" / "pack" / "pack-kept.pack"
    shutil.copyfile(pack, there)
    if repository.run(["index-pack", "--threads=1", str(there)]).failed:
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
