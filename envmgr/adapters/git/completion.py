"""What a checkout of a commit alone lacks: the files of its submodules, and those that Git LFS keeps."""

import hashlib
import os
import shutil
import tempfile
import time
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.names import ref_component
from envmgr.ports import Remote

from .checkout import fill
from .connection import Connections
from .failure import failure
from .lfs import Lfs, LfsStorage
from .location import Location, locate
from .mirror import Mirror
from .objects import checks
from .process import run
from .submodules import MODULES_FILE, Submodule, is_same_host, remote_of, submodules
from .tree import TreeFile, less

# Each costs a git process and maybe a fetch; they may nest, and a branch writes them.
_MOST = 100
_KEPT = "refs/kept/"
_FETCH = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules")
_ALL = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
_NOBODY: Mapping[str, str] = {"HOME": "/dev/null"}  # no .netrc
_WORK = ".fill-"


@dataclass(frozen=True, slots=True)
class _Tree:
    """A commit's files on disk, and where the commit is from."""

    mirror: Mirror
    remote: Remote
    location: Location
    commit: str
    folder: Path


class Completion:
    """Fetches what is missing into mirrors beside that of the repository: what is there costs no network.

    No git folder comes into a checkout, and no hook, filter or `update` command of a branch runs.
    """

    def __init__(self, connections: Connections, seconds: float, fetch_seconds: float) -> None:
        """`seconds` limit each local git process, `fetch_seconds` each that fetches."""
        self._connections = connections
        self._seconds = seconds
        self._fetch_seconds = fetch_seconds
        self._lfs = Lfs(connections, fetch_seconds)

    def complete(self, mirror: Mirror, remote: Remote, commit: str, checkout: Path) -> None:
        """Fills in a checkout of a whole commit of a repository."""
        whole = _Tree(mirror, remote, locate(remote), commit, checkout)
        trees, count, room = deque([whole]), 0, mirror.limits
        while trees:
            tree = trees.popleft()
            anonymously = _surroundings(tree.location, whole.location)
            held = replace(tree, mirror=replace(tree.mirror, limits=room))
            size = self._lfs.complete(
                held.mirror, tree.remote, tree.location, tree.commit, tree.folder, anonymously
            )
            room = replace(room, size=max(0, room.size - size))
            for submodule in _submodules(tree):
                count += 1
                if count > _MOST:
                    raise NeedsPerson(
                        f"Repository {remote.repository} has more than {_MOST} submodules in all."
                    )
                inner, written = self._filled(
                    submodule, tree, replace(whole, mirror=replace(mirror, limits=room))
                )
                trees.append(inner)
                room = less(room, written)

    def tidy(self, mirror: Mirror, commits: Collection[str]) -> None:
        """Lets go what none of these commits of the repository needs."""
        LfsStorage(mirror).tidy(commits)
        for path in _modules(mirror).glob("*.git"):
            self._tidy_submodule(replace(mirror, path=path), commits)
        for left in _modules(mirror).glob(f"{_WORK}*"):
            if time.time() - left.stat().st_mtime > self._fetch_seconds:
                shutil.rmtree(left, ignore_errors=True)

    def _filled(self, submodule: Submodule, tree: _Tree, whole: _Tree) -> tuple[_Tree, Sequence[TreeFile]]:
        """The submodule's files, from a mirror of its own that keeps their commit as long as the whole one is kept."""
        remote, location = remote_of(submodule, tree.remote, whole.remote)
        name = hashlib.sha256(location.url.encode("utf-8", "surrogateescape")).hexdigest()[:32]
        mirror = replace(whole.mirror, path=_modules(whole.mirror) / f"{name}.git")
        inner = _Tree(mirror, remote, location, submodule.commit, _empty(tree.folder, submodule.path))
        if not _is_there(inner):
            self._fetch(inner, ref_component(submodule.path), _surroundings(location, whole.location))
        # Noted before its files are read: from then on no housekeeping lets go of the commit.
        mirror.output(["update-ref", f"{_KEPT}{whole.commit}/{inner.commit}", inner.commit])
        with tempfile.TemporaryDirectory(prefix=_WORK, dir=mirror.path.parent) as work:
            written = fill(mirror, inner.commit, inner.folder, Path(work))
        return inner, written

    def _fetch(self, tree: _Tree, shown: str, surroundings: Mapping[str, str]) -> None:
        """The commit by its name, or all branches and tags of a server that does not give it so."""
        mirror, seconds = tree.mirror, self._fetch_seconds
        bounds = replace(mirror.bounds, seconds=seconds)
        with mirror.locked(seconds) as lock:
            mirror.create(tree.commit)
            for refspecs in ((tree.commit,), _ALL):
                command = [*_FETCH, "--", tree.location.url, *refspecs]
                where = {**mirror.environment, **surroundings}
                answer = self._connections.run(
                    tree.remote, tree.location, command, bounds, where=where, lock=lock
                )
                if _is_there(tree):
                    return
        if answer.failed:
            how = ", asked without credentials since it is on another host" if surroundings else ""
            doing = f"completed with its submodule {shown}{how}"
            raise failure(tree.remote, answer, seconds, doing, mirror.path)
        raise NeedsPerson(
            f"Submodule {shown} of {mirror.repository}: its repository has no commit {tree.commit[:10]}; push it there."
        )

    def _tidy_submodule(self, mirror: Mirror, commits: Collection[str]) -> None:
        with mirror.locked(self._seconds) as lock:
            mirror.clear_stale_locks(self._fetch_seconds)
            needed = set()
            for ref in mirror.output(["for-each-ref", "--format=%(refname)", _KEPT]).decode().split():
                whole, _, commit = ref.removeprefix(_KEPT).partition("/")
                if whole in commits:
                    needed.add(commit)
                else:
                    mirror.output(["update-ref", "-d", ref])
            if not needed:
                shutil.rmtree(mirror.path, ignore_errors=True)
                return
            # Two weeks, as git's own default: what was fetched a moment ago may not have its ref yet.
            gc = ["gc", "--quiet", "--prune=2.weeks.ago"]
            bounds = replace(mirror.bounds, seconds=self._fetch_seconds)
            answer = run(gc, mirror.environment, bounds, inherit=[lock])
            if answer.failed:
                raise mirror.broken("gc", answer)
        LfsStorage(mirror).tidy(needed)


def _submodules(tree: _Tree) -> list[Submodule]:
    """Asks git only where the files show that there are any."""
    is_said = os.path.lexists(tree.folder / MODULES_FILE)
    return submodules(tree.mirror, tree.commit) if is_said else []


def _modules(mirror: Mirror) -> Path:
    """The folder of the mirrors of a repository's submodules."""
    return mirror.path.with_suffix(".modules")


def _surroundings(location: Location, home: Location) -> Mapping[str, str]:
    """What keeps our user's own credentials from a host that only a branch names."""
    return {} if location.path is not None or is_same_host(location, home) else _NOBODY


def _is_there(tree: _Tree) -> bool:
    return tree.mirror.exists and checks(tree.mirror, [f"{tree.commit}^{{commit}}"])[0] is not None


def _empty(checkout: Path, path: str) -> Path:
    """The folder that a submodule fills: real, below the checkout by no link, and empty."""
    folder = checkout
    for part in PurePosixPath(path).parts:
        folder /= part
        if folder.is_symlink() or not folder.is_dir():
            raise NeedsPerson(f"Submodule {ref_component(path)}: there is no folder for it in the checkout.")
    if any(folder.iterdir()):
        raise NeedsPerson(
            f"Submodule {ref_component(path)}: its folder holds files of the repository itself."
        )
    return folder
