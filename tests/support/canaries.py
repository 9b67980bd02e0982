"""Planted secrets ("canaries"), and the search for them wherever a secret could come out."""

import base64
import json
import os
import stat
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

_PAUSE = 0.01
_LOOKS = 8  # from then on a process is what it is: a shell has become what it was started for
_SHORTEST_LINE = 16
_COLUMNS = 76


def _forms(value: str) -> Iterator[bytes]:
    """How a secret looks where a program writes it out: as it is, escaped, quoted, or encoded."""
    text = value.strip()
    yield text.encode()
    for escaped in (json.dumps(text), json.dumps(text, ensure_ascii=False)):
        yield escaped[1:-1].encode()
        yield _as_go_writes_json(escaped[1:-1]).encode()
    yield from (quote(text, safe=safe).encode() for safe in ("", "/", "$&+=:@"))
    for before in range(3):  # at each place within a longer base64 text
        encoded = base64.b64encode(b"\0" * before + text.encode())[4 if before else 0 :]
        yield from _in_lines(encoded[: len(encoded) // 4 * 4 - 4])
    yield from (line.encode() for line in map(str.strip, text.splitlines()) if _tells(line))


def _in_lines(encoded: bytes) -> Iterator[bytes]:
    """Base64 as a whole, and as programs break it into lines."""
    yield encoded
    yield from (encoded[start : start + _COLUMNS] for start in range(0, len(encoded) - _COLUMNS, _COLUMNS))


def _tells(line: str) -> bool:
    """Whether a line says something of a secret: the frame of a key is in many programs."""
    return len(line) >= _SHORTEST_LINE and not line.startswith("-----")


def _as_go_writes_json(text: str) -> str:
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


@dataclass
class Search:
    """Looks for canaries, by name, and keeps what it found as `where: name`."""

    canaries: Mapping[str, str]
    found: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Spell each canary in all its forms once."""
        self._forms = {name: set(_forms(value)) for name, value in self.canaries.items()}

    def bytes(self, where: str, content: bytes) -> None:
        """Searches in anything."""
        self.found += [
            f"{where}: {name}"
            for name, forms in self._forms.items()
            if any(form in content for form in forms)
        ]

    def text(self, where: str, text: str) -> None:
        """Searches in what a program printed."""
        self.bytes(where, text.encode("utf-8", "surrogateescape"))

    def files(self, root: Path, *, but: Iterable[Path] = ()) -> None:
        """Searches in the content of every file below a folder: a database's pages and its WAL too."""
        exempt = set(but)
        for path in sorted(root.rglob("*")):
            if path.is_file() and not path.is_symlink() and path not in exempt:
                self.bytes(str(path.relative_to(root)), path.read_bytes())


def open_to_others(root: Path) -> list[str]:
    """The files below a folder that another user could read, by their own modes and those of all folders above."""
    closed = [
        p for p in (root, *root.rglob("*")) if p.is_dir() and not stat.S_IMODE(p.stat().st_mode) & 0o077
    ]
    return sorted(
        str(path.relative_to(root))
        for path in root.rglob("*")
        if path.is_file()
        and stat.S_IMODE(path.stat().st_mode) & 0o077
        and not any(folder in closed for folder in path.parents)
    )


@dataclass(frozen=True)
class Seen:
    """A process as /proc showed it."""

    arguments: bytes
    environment: bytes
    folder: str


class Watcher:
    """Reads, many times a second, the arguments and environment of every process that starts meanwhile."""

    def __init__(self) -> None:
        """Nothing is read yet."""
        self.seen: set[Seen] = set()
        self._looks: Counter[str] = Counter()
        self._before = set(_processes())
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watcher", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(_PAUSE):
            for name in _processes():
                if name not in self._before and self._looks[name] < _LOOKS:
                    self._looks[name] += 1
                    self._look(Path("/proc", name))

    def _look(self, process: Path) -> None:
        try:
            found = Seen(
                (process / "cmdline").read_bytes(),
                (process / "environ").read_bytes(),
                str((process / "cwd").readlink()),
            )
        except OSError:
            return  # it has ended
        self.seen.add(found)


def _processes() -> list[str]:
    return [name for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208  no Path for each: it is hot
