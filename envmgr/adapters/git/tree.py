"""What a commit's tree holds, before any of it is written: listed as far as the limits go, and judged.

A few objects can mean millions of files, or gigabytes: git itself would only notice once they are in its memory, or on
the disk. And a tree can be made by hand, to hold what is more than files below a folder.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from envmgr.config.sections.size import format_size, rounded_size
from envmgr.domain.errors import EnvmgrError, NeedsOperator, NeedsPerson
from envmgr.domain.values.names import RepositoryId, ref_component
from envmgr.ports import GitLimits

from .failure import decisive_line
from .mirror import Mirror, checked_commit
from .objects import LISTED, checks, inside, not_here
from .process import Answer

_PER_FILE = 256
"""Bytes of a listing that a file may take: one with paths that are longer on average counts as more files."""
_LONGEST_PATH = 2048  # bytes; the kernel takes 4096, with the folder that it is in
_LONGEST_NAME = 255
_LINE = re.compile(rb"(\d+) (\w+) ([0-9a-f]+) +(\d+|-|BAD)\t(.*)", re.DOTALL)
_MADE_BY_HAND = re.compile(
    r"malformed mode|empty filename|too-short tree|truncated in tree|corrupt tree", re.IGNORECASE
)
_FOLDER = b"tree"


@dataclass(frozen=True, slots=True)
class TreeFile:
    """A file, link or submodule of a commit, its size in bytes, and its path as git has it."""

    mode: bytes
    kind: bytes
    name: bytes
    size: int
    path: bytes

    @property
    def for_index(self) -> bytes:
        """What `update-index --index-info` takes."""
        return b"%s %s %s\t%s\0" % (self.mode, self.kind, self.name, self.path)


def paths(scope: str) -> list[str]:
    """What of a commit counts: the folder, and the attributes by which git writes its files."""
    folder = PurePosixPath(inside(scope))
    if folder == PurePosixPath():
        return []
    return ["--", str(folder), *(str(parent / ".gitattributes") for parent in folder.parents)]


def tree_files(mirror: Mirror, commit: str, scope: str) -> list[TreeFile]:
    """What is to be written of a commit's folder, and the attributes above it.

    Raises NeedsPerson where it is more than the repository's limits allow, or can't be the tree of a folder.
    """
    limits = mirror.limits
    # With `-t`, as folders without a file could otherwise be counted by git for hours.
    command = ["ls-tree", "-r", "-t", "-l", "-z", "--full-tree", checked_commit(commit), *paths(scope)]
    answer = mirror.run(command, largest=limits.files * _PER_FILE)
    if answer.is_cut:
        raise _too_many(mirror.repository, commit, limits)
    if answer.failed:
        raise _unreadable(mirror, commit, answer)
    everything = list(_read(mirror, commit, answer.output))
    found = [file for file in everything if file.kind != _FOLDER]
    if len(found) > limits.files:
        raise _too_many(mirror.repository, commit, limits)
    check_size(mirror.repository, f"commit {commit[:10]}", sum(file.size for file in found), limits)
    _check_paths(mirror.repository, commit, everything)
    mirror.recent.note(_packed(everything), LISTED, str(mirror.path), commit, scope)
    return found


def _packed(found: Iterable[TreeFile]) -> bytes:
    """The names of what a pack of them has to hold, a line each: what is in a submodule is in another repository."""
    return b"".join(file.name + b"\n" for file in found if file.kind != b"commit")


def is_below(file: TreeFile, scope: str) -> bool:
    """Whether a file is in a folder, and not that itself."""
    return scope == "." or file.path.startswith(scope.encode("utf-8", "surrogateescape") + b"/")


def check_size(repository: RepositoryId, what: str, size: int, limits: GitLimits) -> None:
    """Raises NeedsOperator where files have more bytes in all than they may."""
    if size > limits.size:
        raise NeedsOperator(
            f"{repository}: the files of {what} have {rounded_size(size)} in all, and at most {format_size(limits.size)} "
            "are checked out: take large files out of the branch, or raise limits.git.size in the organization file."
        )


def less(limits: GitLimits, written: Iterable[TreeFile]) -> GitLimits:
    """What the limits leave after some files."""
    sizes = [file.size for file in written]
    return replace(limits, files=max(0, limits.files - len(sizes)), size=max(0, limits.size - sum(sizes)))


def refused(repository: RepositoryId, commit: str, why: str) -> NeedsPerson:
    """The error for a tree that no git would make of a folder."""
    return NeedsPerson(
        f"{repository}: the tree of commit {commit[:10]} is malformed ({why}), so nothing of it is checked out: push a commit without that fault."
    )


def _read(mirror: Mirror, commit: str, output: bytes) -> Iterator[TreeFile]:
    for line in output.split(b"\0"):
        found = _LINE.fullmatch(line)
        if found is not None:
            mode, kind, name, size, path = found.groups()
            if size == b"BAD":
                raise mirror.damaged(f"{name.decode()} of commit {commit[:10]} is missing")
            yield TreeFile(mode, kind, name, 0 if size == b"-" else int(size), path)


def _check_paths(repository: RepositoryId, commit: str, found: Iterable[TreeFile]) -> None:
    """Raises NeedsPerson for two things at one place, for a slash in a name, and for what no file system takes."""
    taken: set[bytes] = set()
    folders: set[bytes] = {b""}
    for file in found:
        path, parent = file.path, file.path.rpartition(b"/")[0]
        if path in taken:
            raise refused(repository, commit, f"{_shown(path)} is in it twice")
        if parent not in folders:  # which is listed first
            raise refused(repository, commit, f"a name in it has a slash: {_shown(path)}")
        if len(path) > _LONGEST_PATH or len(path) - len(parent) > _LONGEST_NAME + 1:
            raise refused(repository, commit, f"a path in it is too long: {_shown(path)}…")
        taken.add(path)
        if file.kind == _FOLDER:
            folders.add(path)


def _shown(path: bytes) -> str:
    return ref_component(path[:100].decode("utf-8", "surrogateescape"))


def _too_many(repository: RepositoryId, commit: str, limits: GitLimits) -> NeedsOperator:
    return NeedsOperator(
        f"{repository}: commit {commit[:10]} holds more than {limits.files} files and folders, so nothing of it is checked out: take "
        "some out of the branch, or raise limits.git.files in the organization file."
    )


def _unreadable(mirror: Mirror, commit: str, answer: Answer) -> EnvmgrError:
    """Why a tree could not be listed: not here, made by hand, or damaged here."""
    if checks(mirror, [f"{commit}^{{commit}}"])[0] is None:
        return not_here(mirror.repository, commit)
    if _MADE_BY_HAND.search(answer.messages):
        return refused(mirror.repository, commit, f"git says: {decisive_line(answer.messages)}")
    if answer.status < 0:  # its stack is full: it goes one call deeper for each folder
        return refused(mirror.repository, commit, "its folders are nested too deep")
    return mirror.broken("ls-tree", answer)
