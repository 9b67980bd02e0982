"""Questions about commits in a mirror: folders, files, authors, answered by as few processes as may be."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from envmgr.domain.errors import NeedsPerson, NotHere, UsageError
from envmgr.domain.values.names import RepositoryId, ref_component
from envmgr.ports import CommitInfo

from .mirror import Mirror, checked_commit

_ENTRY = re.compile(rb"(\d+) (\w+) ([0-9a-f]+) +(\d+|-)\t(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands at a path of a commit: mode, type, object name, and a file's size in bytes."""

    mode: str
    kind: str
    name: str
    size: int


def entries(mirror: Mirror, commit: str, paths: Iterable[str]) -> dict[str, Entry]:
    """What stands at some paths of a commit; paths without anything are left out."""
    command = ["ls-tree", "-l", "-z", "--full-tree", checked_commit(commit), "--", *paths]
    answer = mirror.run(command)
    if answer.failed:
        raise (
            mirror.broken("ls-tree", answer) if answer.lacked_memory else not_here(mirror.repository, commit)
        )
    found = (_ENTRY.fullmatch(line) for line in answer.output.split(b"\0") if line)
    return {path: entry for match in found if match for path, entry in (_entry(*match.groups()),)}


def _entry(mode: bytes, kind: bytes, name: bytes, size: bytes, path: bytes) -> tuple[str, Entry]:
    number = 0 if size == b"-" else int(size)
    return path.decode("utf-8", "surrogateescape"), Entry(mode.decode(), kind.decode(), name.decode(), number)


def differences(mirror: Mirror, before: str, after: str) -> frozenset[str] | None:
    """The paths in which two commits differ, a renamed file's both; None where one of the commits is not here."""
    names = [checked_commit(before), checked_commit(after)]
    answer = mirror.run(["diff-tree", "-r", "-z", "--name-only", "--no-renames", *names])
    if answer.failed:
        return None
    return frozenset(path.decode("utf-8", "surrogateescape") for path in answer.output.split(b"\0") if path)


def holds(mirror: Mirror, commit: str, ancestor: str) -> bool:
    """Whether a commit's whole history holds another commit, or is that; NotHere where the commit is not here."""
    here, found = checks(mirror, [checked_commit(commit), checked_commit(ancestor)])
    if here is None:
        raise not_here(mirror.repository, commit)
    return found is not None and _says_yes(mirror, ["merge-base", "--is-ancestor", ancestor, commit])


def is_related(mirror: Mirror, commit: str, others: Iterable[str]) -> bool:
    """Whether a commit's history and those of others have a beginning in common; False where none of these is here."""
    asked = sorted({checked_commit(other) for other in others})
    if not asked:
        return False
    here = [o for o, found in zip(asked, checks(mirror, asked), strict=True) if found is not None]
    return bool(here) and all(_says_yes(mirror, ["merge-base", commit, other]) for other in here)


def _says_yes(mirror: Mirror, command: Sequence[str]) -> bool:
    """What git answers by its exit code; Transient where that is neither yes nor no."""
    answer = mirror.run(command)
    if answer.status not in (0, 1):
        raise mirror.broken(command[0], answer)
    return answer.status == 0


def contents(mirror: Mirror, names: Iterable[str]) -> list[bytes]:
    """The contents of some objects, in order, by one process."""
    asked = list(names)
    output = mirror.output(["cat-file", "--batch"], stdin="".join(f"{name}\n" for name in asked).encode())
    return list(_split(mirror.repository, output, len(asked)))


def _split(repository: RepositoryId, output: bytes, count: int) -> Iterator[bytes]:
    at = 0
    for _ in range(count):
        end = output.index(b"\n", at)
        name, _, size = output[at:end].decode("ascii", "replace").partition(" ")
        if not size[-1:].isdigit():
            raise not_here(repository, name)
        at = end + 1 + int(size.rpartition(" ")[2]) + 1
        yield output[end + 1 : at - 1]


def checks(mirror: Mirror, expressions: Iterable[str]) -> list[tuple[str, str] | None]:
    """For each expression the object's name and type, or None where there is none; one process."""
    asked = "".join(f"{expression}\n" for expression in expressions)
    output = mirror.output(
        ["cat-file", "--batch-check=%(objectname) %(objecttype)"],
        stdin=asked.encode("utf-8", "surrogateescape"),
    )
    lines = output.decode("utf-8", "surrogateescape").removesuffix("\n").split("\n")
    found = (re.fullmatch(r"([0-9a-f]{40,64}) (commit|tree|blob|tag)", line) for line in lines)
    return [(match[1], match[2]) if match else None for match in found]


def is_readable(repository: RepositoryId, path: str, entry: Entry | None, limit: int) -> bool:
    """Whether there is a regular file; NeedsPerson where it is something else or larger than `limit`."""
    if entry is None:
        return False
    shown = ref_component(path)
    if not entry.mode.startswith("100"):
        raise NeedsPerson(f"{shown} in {repository} is not a regular file (mode {entry.mode}); make it one.")
    if entry.size > limit:
        raise NeedsPerson(f"{shown} in {repository} has {entry.size} bytes; at most {limit} are read.")
    return True


def commit_info(commit: str, content: bytes) -> CommitInfo:
    """Author and first line of a commit object, safe to show."""
    head, _, body = content.decode("utf-8", "replace").partition("\n\n")
    author = re.search(r"^author (.*?) ?<", head, re.MULTILINE)
    subject = body.lstrip("\n").partition("\n")[0]
    return CommitInfo(commit, ref_component(author[1] if author else ""), ref_component(subject))


def root_tree(content: bytes) -> str:
    """The object name of a commit object's root folder."""
    return content[len(b"tree ") : content.index(b"\n")].decode("ascii")


def inside(path: str) -> str:
    """A path of the repository in git's form (`.` for the root); UsageError where it leads outside."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or "\0" in path or "\n" in path:
        raise UsageError(f"{ref_component(path)} is not a path inside the repository.")
    return str(pure)


def not_here(repository: RepositoryId, commit: str) -> NotHere:
    """The error for an object that the mirror does not have."""
    return NotHere(
        f"{ref_component(commit)[:64]} is not in the mirror of {repository}; the next fetch brings it."
    )
