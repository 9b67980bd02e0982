"""Questions about commits in a mirror: folders, files, authors, answered by as few processes as may be."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from envmgr.domain.errors import NeedsPerson, NotHere, UsageError
from envmgr.domain.values.names import RepositoryId, ref_component
from envmgr.ports import CommitInfo, Inspection

from .mirror import Mirror, checked_commit

_FILE, ROOT, LISTED = "file", "root", "listed"
"""What is noted of a commit: a file of it, its root folder's name, the names of all that is in a folder of it."""
_TREES = 4 * 1024**2  # bytes of a commit and of two folders that are read at once
_OBJECT = re.compile(rb"([0-9a-f]{40,64}) (commit|tree|blob|tag) (\d+)")
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


def file_at(mirror: Mirror, commit: str, path: str, limit: int) -> bytes | None:
    """A regular file's content; None where there is nothing; NeedsPerson for anything else or above `limit`."""
    name = inside(path)
    noted = mirror.recent.get(_FILE, str(mirror.path), commit, name)
    if noted is not None and len(noted) <= limit:
        return noted[1:] if noted else None
    entry = entries(mirror, commit, [name]).get(name)
    found = None
    if entry is not None and is_readable(mirror.repository, path, entry, limit):
        (found,) = contents(mirror, [entry.name])
    _note(mirror, commit, name, found)
    return found


def inspection(mirror: Mirror, commit: str, directory: str | None, file: str, limit: int) -> Inspection:
    """A folder's tree, a file, author and subject, by one process, or by two where that does not tell."""
    name, folder = inside(file), None if directory is None else inside(directory)
    found = _at_once(mirror, checked_commit(commit), folder, name, limit)
    if found is None:
        found = _one_by_one(mirror, commit, folder, (name, file), limit)
    _note(mirror, commit, name, found.file)
    return found


def _note(mirror: Mirror, commit: str, name: str, content: bytes | None) -> None:
    # Nothing is what stands for a file that is not there.
    mirror.recent.note(b"" if content is None else b"." + content, _FILE, str(mirror.path), commit, name)


def _at_once(mirror: Mirror, commit: str, folder: str | None, file: str, limit: int) -> Inspection | None:
    """As `inspection`; None where anything is not as it usually is, the file in a folder, or the commit not here."""
    if "/" in file:
        return None
    asked = [
        commit,
        f"{commit}:",
        *([f"{commit}:{folder}"] if folder not in (None, ".") else []),
        f"{commit}:{file}",
    ]
    stdin = "".join(f"{each}\n" for each in asked).encode("utf-8", "surrogateescape")
    answer = mirror.run(["cat-file", "--batch"], stdin=stdin, largest=limit + _TREES)
    if answer.failed:
        return None
    head, root, *more = _printed(answer.output, len(asked))
    if head is None or root is None or (head[1], root[1]) != ("commit", "tree"):
        return None
    *below, content = more
    modes = _modes(root[2], file.encode("utf-8", "surrogateescape"), len(commit) // 2)
    if modes and not (
        len(modes) == 1 and modes[0].startswith(b"100") and content and len(content[2]) <= limit
    ):
        return None
    at = root if folder == "." else below[0] if below else None
    mirror.recent.note(root[0].encode(), ROOT, str(mirror.path), commit)
    return Inspection(
        at[0] if at is not None and at[1] == "tree" else None,
        content[2] if modes and content else None,
        commit_info(commit, head[2]),
    )


def _printed(output: bytes, count: int) -> Iterator[tuple[str, str, bytes] | None]:
    """What `cat-file --batch` printed of each: name, type and content; None for what is not there."""
    at = 0
    for _ in range(count):
        end = output.index(b"\n", at)
        match = _OBJECT.fullmatch(output, at, end)
        at = end + 1
        if match is None:
            yield None
        else:
            size = int(match[3])
            yield match[1].decode(), match[2].decode(), output[at : at + size]
            at += size + 1


def _modes(tree: bytes, name: bytes, length: int) -> list[bytes]:
    """The modes of what has a name in a tree's content, where the names of objects are so long."""
    found, at = [], 0
    while at < len(tree):
        end = tree.find(b"\0", at)
        if end < 0:  # made by hand
            return [b""]
        mode, _, each = tree[at:end].partition(b" ")
        if each == name:
            found.append(mode)
        at = end + 1 + length
    return found


def _one_by_one(
    mirror: Mirror, commit: str, folder: str | None, names: tuple[str, str], limit: int
) -> Inspection:
    name, file = names
    found = entries(mirror, commit, [name] if folder in (None, ".") else [name, str(folder)])
    entry = found.get(name)
    wanted = [commit]
    if entry is not None and is_readable(mirror.repository, file, entry, limit):
        wanted.append(entry.name)
    head, *content = contents(mirror, wanted)
    if folder == ".":
        tree: str | None = root_tree(head)
    else:
        at = found.get(folder or "")
        tree = at.name if at is not None and at.kind == "tree" else None
    return Inspection(tree, content[0] if content else None, commit_info(commit, head))


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
