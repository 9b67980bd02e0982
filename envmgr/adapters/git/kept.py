"""A folder of a commit as one pack that needs no mirror: to keep elsewhere, and to have its files back.

The pack holds the commit itself, the folders down to the scope and all below it: so the commit's own
name, and the source's tree in it, prove the files. What is outside the scope is left out.
"""

from pathlib import Path, PurePosixPath

from envmgr.domain.environment import Source
from envmgr.domain.errors import NeedsPerson, NotHere, Transient
from envmgr.domain.names import RepositoryId
from envmgr.host.leftovers import temporary

from .checkout import put
from .mirror import Mirror, checked_commit, make_private
from .objects import checks, inside

_NOWHERE = RepositoryId("kept", "code")  # what messages call the repository of a pack


def export(mirror: Mirror, commit: str, scope: str, limit: int) -> bytes | None:
    """The pack of a commit's folder; None where its files have more than `limit` bytes in all."""
    listed = mirror.output(["ls-tree", "-r", "-t", "-l", "-z", "--full-tree", commit, *_paths(scope)])
    entries = [entry.partition(b"\t")[0].split() for entry in listed.split(b"\0") if entry]
    if sum(int(size) for _, kind, _, size in entries if kind == b"blob") > limit:
        return None
    root = checks(mirror, [f"{checked_commit(commit)}^{{tree}}"])[0]
    if root is None:
        raise NotHere(f"Commit {commit[:10]} is not in the mirror of {mirror.repository}.")
    names = [commit, root[0], *(name.decode() for _, kind, name, _ in entries if kind != b"commit")]
    command = ["pack-objects", "--stdout", "--quiet", "--threads=1"]
    return mirror.output(command, stdin="".join(f"{name}\n" for name in names).encode())


def unpack(pack: bytes, commit: str, source: Source, destination: Path, seconds: float) -> None:
    """The files of a pack in `destination`, as a checkout of the commit makes them."""
    try:
        make_private(destination.parent)
        with temporary(destination.parent, f".{destination.name}.unpacked-") as work:
            new = work / "new"
            new.mkdir(mode=0o700)
            _fill(_opened(pack, commit, work, seconds), checked_commit(commit), source, new)
            put(new, destination)
    except OSError as error:
        raise Transient(f"Kept code could not be unpacked to {destination}: {error.strerror}.") from error


def _paths(scope: str) -> list[str]:
    """What of a commit counts: the scope, and the attributes by which git writes its files."""
    folder = PurePosixPath(inside(scope))
    if folder == PurePosixPath():
        return []
    return ["--", str(folder), *(str(parent / ".gitattributes") for parent in folder.parents)]


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
        raise NeedsPerson(f"The kept code is not the one of commit {commit[:10]}.")
    listed = repository.run(["ls-tree", "-r", "-z", "--full-tree", commit, *_paths(source.scope)])
    places = {"GIT_WORK_TREE": str(new), "GIT_INDEX_FILE": str(new.with_name("index"))}
    steps = [["update-index", "-z", "--index-info"], ["checkout-index", "--all", "--force", "--quiet"]]
    if listed.failed or any(repository.run(s, stdin=listed.output, extra=places).failed for s in steps):
        raise NeedsPerson(f"The kept code of commit {commit[:10]} is not whole.")
