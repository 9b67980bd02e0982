"""Files that Git LFS keeps beside a repository: fetched by git-lfs, put into a checkout without any filter."""

import hashlib
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from threading import get_ident

from envmgr.domain.errors import NeedsPerson, NotHere
from envmgr.domain.values.names import counted
from envmgr.host.leftovers import files
from envmgr.ports import Remote

from .admission import REFUSED
from .connection import Connections
from .failure import failure
from .location import Location
from .mirror import Mirror, make_private
from .tree import check_size

_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\noid sha256:([0-9a-f]{64})\nsize ([0-9]{1,18})\n"
)
_SMALLEST, _LARGEST = 120, 200  # bytes that a pointer has
_NOT_THERE = re.compile(r"does not exist on the server|not found on the server|\[404\]", re.IGNORECASE)
_CHUNK = 1024 * 1024
_KEPT_SECONDS = 14 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Pointer:
    """What stands in a commit for a file: the SHA-256 and the size in bytes of its content."""

    oid: str
    size: int


@dataclass(frozen=True, slots=True)
class LfsStorage:
    """The contents that were fetched for one mirror, each by its SHA-256 as git-lfs lays them out."""

    mirror: Mirror

    @property
    def repository(self) -> Path:
        """A git folder without settings or commits of its own: neither `.lfsconfig` nor the mirror are read or written."""
        return self.mirror.path / "lfs.git"

    def missing(self, pointers: Iterable[Pointer]) -> set[Pointer]:
        """Those whose content is not here."""
        return {p for p in pointers if not self._is_here(p)}

    def fill(self, pointers: Mapping[Path, Pointer]) -> None:
        """Puts contents in the place of pointers; files keep their mode."""
        for file, pointer in pointers.items():
            try:
                # Used just now: housekeeping leaves it for another two weeks.
                os.utime(self.place(pointer))
                with self.place(pointer).open("rb") as source, file.open("wb") as target:
                    shutil.copyfileobj(source, target, _CHUNK)
            except FileNotFoundError as error:
                raise NotHere(
                    f"A Git LFS file of {self.mirror.repository} disappeared; it is fetched again."
                ) from error

    def take(self, pointer: Pointer, file: Path) -> None:
        """Takes in a content that lies in a file, where it is what the pointer says."""
        make_private(self.place(pointer).parent)
        with tempfile.NamedTemporaryFile(dir=self.repository, prefix="tmp-") as new:
            with file.open("rb") as source:
                shutil.copyfileobj(source, new, _CHUNK)
            new.flush()
            new.seek(0)
            # Of the copy, not of the source: that one may be changing.
            if hashlib.file_digest(new, "sha256").hexdigest() == pointer.oid:
                self.place(pointer).unlink(missing_ok=True)
                os.link(new.name, self.place(pointer))

    def note(self, commit: str, pointers: Iterable[Pointer]) -> None:
        """Notes what a commit needs, so that it stays as long as the commit is kept."""
        make_private(self._notes)
        new = self.repository / f"tmp-{commit}-{os.getpid()}-{get_ident()}"
        new.write_text("".join(sorted({f"{pointer.oid}\n" for pointer in pointers})))
        new.replace(self._notes / commit)

    def tidy(self, commits: Collection[str]) -> None:
        """Removes contents that none of these commits needs and that were not used for two weeks."""
        notes = list(self._notes.glob("*"))
        needed = {oid for note in notes if note.name in commits for oid in note.read_text().split()}
        for note in notes:
            if note.name not in commits:
                note.unlink(missing_ok=True)
        for pattern in ("lfs/objects/*/*/*", "lfs/tmp/*", "tmp-*/*", "tmp-*"):
            for old in self.repository.glob(pattern):
                if old.name not in needed and time.time() - old.stat().st_mtime > _KEPT_SECONDS:
                    old.rmdir() if old.is_dir() else old.unlink(missing_ok=True)

    def place(self, pointer: Pointer) -> Path:
        """Where a content lies, or would."""
        return _place(self.repository, pointer)

    @property
    def _notes(self) -> Path:
        return self.repository / "needed"

    def _is_here(self, pointer: Pointer) -> bool:
        place = self.place(pointer)
        return place.is_file() and place.stat().st_size == pointer.size


@dataclass(frozen=True, slots=True)
class Lfs:
    """Fetches contents from the repository's own server, with the credentials given, within `seconds`.

    `.lfsconfig` is not heeded: a branch does not say where they come from.
    """

    connections: Connections
    seconds: float

    def complete(
        self,
        mirror: Mirror,
        remote: Remote,
        location: Location,
        commit: str,
        checkout: Path,
        surroundings: Mapping[str, str],
    ) -> int:
        """Puts the contents of Git LFS files into a checkout of a commit; fetches what was not fetched before.

        Gives how many bytes they have. `surroundings` are further environment variables of the process that fetches.
        """
        pointers = pointers_in(mirror, checkout)
        if not pointers:
            return 0
        size = sum(pointer.size for pointer in pointers.values())
        check_size(mirror.repository, f"Git LFS and submodules of commit {commit[:10]}", size, mirror.limits)
        storage = LfsStorage(mirror)
        # Noted before anything is fetched: what is there already must not be tidied away meanwhile.
        storage.note(commit, pointers.values())
        if missing := storage.missing(pointers.values()):
            # A repository on this host has no server that git-lfs could ask.
            if location.path is not None:
                _copy(storage, location.path, missing)
            else:
                self._fetch(storage, remote, location, commit, surroundings)
        if still := storage.missing(pointers.values()):
            raise NeedsPerson(
                f"Repository {remote.repository}: its server lacks {counted(len(still), 'Git LFS file')} of {commit[:10]}; "
                "push what is missing (git lfs push --all)."
            )
        storage.fill(pointers)
        return size

    def _fetch(
        self,
        storage: LfsStorage,
        remote: Remote,
        location: Location,
        commit: str,
        surroundings: Mapping[str, str],
    ) -> None:
        # The least that makes git take a folder for a repository.
        (storage.repository / "refs").mkdir(mode=0o700, exist_ok=True)
        (storage.repository / "HEAD").write_text("ref: refs/heads/none\n")
        with tempfile.TemporaryDirectory(prefix="tmp-", dir=storage.repository) as folder:
            where = {
                "GIT_DIR": str(storage.repository),
                "GIT_OBJECT_DIRECTORY": str(storage.mirror.path / "objects"),
                REFUSED: f"{folder}/refused",
                **surroundings,
            }
            command = ["lfs", "fetch", location.url, commit]
            bounds = replace(storage.mirror.bounds, seconds=self.seconds)
            answer = self.connections.run(remote, location, command, bounds, where=where)
        if "is not a git command" in answer.messages:
            raise NeedsPerson(
                f"Repository {remote.repository} keeps files in Git LFS, but git-lfs is not on this host: "
                "install git-lfs."
            )
        if answer.failed and not _NOT_THERE.search(answer.messages):
            raise failure(remote, answer, self.seconds, "completed with its Git LFS files")


def _copy(storage: LfsStorage, repository: Path, pointers: Iterable[Pointer]) -> None:
    """Contents from a repository on this host, with a work tree or without."""
    for pointer in pointers:
        for folder in (repository, repository / ".git"):
            if (file := _place(folder, pointer)).is_file():
                storage.take(pointer, file)


def pointers_in(mirror: Mirror, checkout: Path) -> dict[Path, Pointer]:
    """The files of a checkout that are Git LFS's by its attributes, and have a pointer in their place."""
    small, is_used = [], False
    for file in filter(_is_regular, files(checkout)):
        if file.name == ".gitattributes":
            is_used = is_used or b"lfs" in file.read_bytes()
        elif _SMALLEST <= file.stat().st_size <= _LARGEST:
            small.append(file)
    read = ((file, _POINTER.fullmatch(file.read_bytes())) for file in small) if is_used else ()
    found = {file: Pointer(match[1].decode(), int(match[2])) for file, match in read if match}
    ours = _tracked(mirror, checkout, found) if found else set()
    return {file: pointer for file, pointer in found.items() if file in ours}


def _is_regular(file: Path) -> bool:
    return stat.S_ISREG(file.lstat().st_mode)


def _tracked(mirror: Mirror, checkout: Path, candidates: Iterable[Path]) -> set[Path]:
    """Those with the attribute `filter=lfs`, by the attributes of the checkout."""
    stdin = b"".join(os.fsencode(file.relative_to(checkout)) + b"\0" for file in candidates)
    command = ["-C", str(checkout), "check-attr", "-z", "--stdin", "filter"]
    words = mirror.output(command, stdin=stdin, extra={"GIT_WORK_TREE": str(checkout)}).split(b"\0")
    named = zip(words[::3], words[2::3], strict=False)
    return {checkout / os.fsdecode(path) for path, value in named if value == b"lfs"}


def _place(repository: Path, pointer: Pointer) -> Path:
    return repository / "lfs" / "objects" / pointer.oid[:2] / pointer.oid[2:4] / pointer.oid
