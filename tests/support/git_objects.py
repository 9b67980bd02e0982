"""Git objects made by hand: trees that no git would make of a folder."""

import hashlib
import zlib
from collections.abc import Iterable
from pathlib import Path

from tests.support.git_repository import GitRepository

Entry = tuple[str, bytes, str]


def entry(mode: str, name: str, target: str) -> Entry:
    """One of a tree: mode, name, and the object's name."""
    return mode, name.encode(), target


def tree_of(repository: GitRepository, entries: Iterable[Entry]) -> str:
    """A tree of exactly these, in this order; its name."""
    content = b"".join(
        m.encode() + b" " + name + b"\0" + bytes.fromhex(target) for m, name, target in entries
    )
    return written(repository.path, b"tree", content)


def commit_of(repository: GitRepository, tree: str, message: str = "made by hand") -> str:
    """A commit of a tree, without a parent; its name."""
    who = "T <t@example.com> 1700000000 +0000"
    text = f"tree {tree}\nauthor {who}\ncommitter {who}\n\n{message}\n"
    return written(repository.path, b"commit", text.encode())


def written(repository: Path, kind: bytes, content: bytes) -> str:
    """Writes a loose object as it is; its name."""
    whole = b"%s %d\0" % (kind, len(content)) + content
    name = hashlib.sha1(whole, usedforsecurity=False).hexdigest()
    place = repository / "objects" / name[:2]
    place.mkdir(exist_ok=True)
    (place / name[2:]).write_bytes(zlib.compress(whole, 1))
    return name
