"""State in a folder of this host: Terraform's local backend."""

import errno
import fcntl
import io
import os
import shutil
import stat
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import IO

from envmgr.adapters.state.keys import ARCHIVE, archive_key, archived, is_state
from envmgr.domain.documents.state import LARGEST, LockInfo, State
from envmgr.domain.errors import NeedsPerson, PlaceMissing, StateLocked, Transient
from envmgr.domain.values.backend import beside
from envmgr.host.leftovers import clear, make_plain
from envmgr.host.system import create_private, named_by, sync

_OPERATORS = 3  # organization, repository, environment: no branch's code makes these folders
_FLOCK = "hhqqi0q"  # struct flock: type, whence, start, length, process
_END = b"\n}\n"  # of a state that Terraform has written to its end
_READS, _PAUSE = 25, 0.02  # half a second in all: a first apply holds the lock of an empty file for long
_CHUNK = 1024 * 1024
_WHOLE_FILE = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)


class LocalStateStore:
    """States below one folder, each at `<path>/<key>`.

    Terraform locks by a POSIX lock on the state file and notes its holder in `.<name>.lock.info` beside it. The note
    may outlive a crash, the lock cannot; so the lock alone says whether the state is held. We use open-file
    locks, which respect Terraform's and also exclude our own threads.
    """

    def __init__(self, settings: Mapping[str, object], environment: Mapping[str, str]) -> None:
        """`settings["path"]` is the folder; nothing in the environment matters here."""
        self._root = Path(str(settings["path"])).absolute()

    def ensure(self) -> str:
        """Makes the folder, closed to other users; closes one that is open to them."""
        with _failures(self._root):
            if self._root.is_dir():
                return self._close()
            self._root.mkdir(mode=0o700, parents=True)
            return f"The state folder {self._root} was created."

    def read(self, key: str) -> State | None:
        """The state at a key; an empty file is what Terraform's lock leaves where nothing was applied.

        Terraform rewrites the file in place: while it holds the lock, one that is cut off is read again.
        """
        path = self._path(key)
        for _ in range(_READS):
            content = self._content(path)
            if content is None or content.endswith(_END) or not self._is_held(path):
                break
            time.sleep(_PAUSE)
        return State.from_bytes(content, str(path)) if content else None

    def lock(self, key: str) -> LockInfo | None:
        """Who holds Terraform's lock, by the note beside it."""
        path = self._present() / self._path(key)
        with _failures(path):
            if not _is_locked(path):
                return None
            try:
                with _plain(_note(path)) as note:
                    return LockInfo.from_json(note.read())
            except FileNotFoundError:
                return LockInfo("")

    notes_late = False
    """The lock is the operating system's and ends with its holder."""

    def break_lock(self, key: str, lock_id: str) -> None:
        """Every lock has an ID, and `init` takes none: Terraform breaks them itself."""

    def mend(self, key: str) -> bool:
        """Puts Terraform's own copy of the state in the place of one that was cut off while it was written.

        Terraform makes that copy before its first write; a state that was deleted is not brought back.
        """
        path = self._present() / self._path(key)
        for name in beside(path.name):
            make_plain(path.with_name(name))
        content, backup = self._content(path), self._content(path.with_name(beside(path.name).backup))
        if content is None or content.endswith(_END) or backup is None or not backup.endswith(_END):
            return False
        with _failures(path), _exclusively(path, key) as now:
            if now != content:
                return False
            if now:
                _write(path.with_name(beside(path.name).torn), now)  # never through what has that name
            _write(path, backup)
        return True

    def archive(self, key: str, now: datetime) -> None:
        """Keeps a copy that is on disk before the state, its backup and an old lock note are deleted."""
        path = self._path(key)
        if self._content(path) is None:
            return
        with _failures(path), _exclusively(path, key) as content:
            if content:
                _write(self._root / archive_key(key, now), content)
            for leftover in (path.with_name(beside(path.name).backup), _note(path)):
                clear(leftover)
            path.unlink()
        self._remove_empty(path.parent)

    def keys(self, prefix: str = "") -> Sequence[str]:
        """The keys of all states below a prefix that hold something."""
        return sorted(key for key, size in self._files(prefix) if is_state(key) and size)

    def archives(self, prefix: str = "") -> Sequence[tuple[str, datetime]]:
        """The archived copies of states below a prefix, by the time in their name."""
        return archived(sorted(key for key, _ in self._files(f"{ARCHIVE}{prefix}")))

    def objects(self, prefix: str) -> Sequence[str]:
        """The keys of all files below a prefix."""
        return sorted(key for key, _ in self._files(prefix))

    def put(self, key: str, content: bytes) -> None:
        """Writes a file whole and on disk, for its owner only."""
        path = self._present() / self._path(key)
        with _failures(path):
            _write(path, content)

    def create(self, key: str, content: bytes) -> bool:
        """Writes a file where there is none; in the place of an empty one under the lock that Terraform would take."""
        path = self._present() / self._path(key)
        with _failures(path):
            with suppress(FileExistsError):
                _write(path, content, replaces=False)
                return True
            with _exclusively(path, key) as now:
                if not now:
                    _write(path, content)
                return not now

    def get(self, key: str) -> bytes | None:
        """A file's content."""
        return self._content(self._path(key))

    def upload(self, key: str, file: Path) -> None:
        """Copies a file, whole and on disk, for its owner only."""
        path = self._present() / self._path(key)
        with _failures(path), file.open("rb") as content:
            _write(path, content)

    def download(self, key: str, file: Path) -> bool:
        """Copies a file to another place."""
        path = self._present() / self._path(key)
        with _failures(path):
            try:
                with _plain(path, largest=None) as content, os.fdopen(create_private(file), "wb") as copy:
                    shutil.copyfileobj(content, copy, _CHUNK)
            except (FileNotFoundError, NotADirectoryError):
                return False
        return True

    def delete(self, key: str) -> None:
        """Deletes a file, and the folders that hold nothing any more."""
        path = self._present() / self._path(key)
        with _failures(path):
            for each in (_unfinished(path), path):
                each.unlink(missing_ok=True)
        self._remove_empty(path.parent)

    def prune(self, before: datetime) -> int:
        """Deletes archived copies by the time in their name."""
        old = [key for key, at in self.archives() if at < before]
        with _failures(self._root):
            for key in old:
                (self._root / key).unlink(missing_ok=True)
                self._remove_empty((self._root / key).parent)
        return len(old)

    def _is_held(self, path: Path) -> bool:
        with _failures(path):
            return _is_locked(path)

    def _path(self, key: str) -> Path:
        if key.startswith("/") or ".." in key.split("/"):
            raise NeedsPerson(
                f"The state key {key} leaves the state folder {self._root}: envmgr does not follow it."
            )
        # Only within an environment's own folder: that of an organization may lie on another disk.
        folders = (folder for folder in Path(key).parents if len(folder.parts) > _OPERATORS)
        if any((self._root / folder).is_symlink() for folder in folders):
            raise _no_plain_file(self._root / key)
        return self._root / key

    def _present(self) -> Path:
        """The folder; one that is missing is no empty one, for a disk may not be mounted."""
        if not self._root.is_dir():
            raise PlaceMissing(
                f"The state folder {self._root} is missing: run `envmgr doctor`, or mount it if it should be there."
            )
        return self._root

    def _content(self, path: Path) -> bytes | None:
        self._present()
        with _failures(path):
            try:
                with _plain(path) as file:
                    return file.read()
            except (FileNotFoundError, NotADirectoryError):
                return None

    def _close(self) -> str:
        if self._root.stat().st_mode & 0o077 == 0:
            return f"The state folder {self._root} is there."
        self._root.chmod(0o700)
        return f"The state folder {self._root} exists; other users could read it, and no longer can."

    def _files(self, prefix: str = "") -> Iterator[tuple[str, int]]:
        """Key and size of every file below the folder; what cannot be listed is an error, not nothing."""
        with _failures(self._root):
            for folder, _, names in os.walk(self._present() / prefix, onerror=_raise_unless_missing):
                for path in (Path(folder, name) for name in names):
                    yield path.relative_to(self._root).as_posix(), path.lstat().st_size

    def _remove_empty(self, folder: Path) -> None:
        """Removes folders that hold nothing any more, up to the store's own."""
        while folder != self._root:
            try:
                folder.rmdir()
            except OSError:
                return  # not empty, or gone already
            folder = folder.parent


def _raise_unless_missing(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


@contextmanager
def _plain(path: Path, access: int = os.O_RDONLY, largest: int | None = LARGEST) -> Iterator[io.FileIO]:
    """A file that is one: code of a branch may write beside its state, and what it links there is not its own.

    Nor is anything else of that name waited for, such as a pipe that nobody writes to.
    """
    try:
        descriptor = os.open(path, access | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise _no_plain_file(path) from error
        raise
    with os.fdopen(descriptor, "r+b" if access == os.O_RDWR else "rb", buffering=0) as file:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise IsADirectoryError(errno.EISDIR, "is a folder", str(path))
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _no_plain_file(path)
        if largest is not None and os.fstat(descriptor).st_size > largest:
            raise State.too_large(str(path))
        yield file


def _no_plain_file(path: Path) -> NeedsPerson:
    return NeedsPerson(
        f"{path} is a link or no plain file, which code of a branch may have put there: envmgr does not follow it. "
        "Look where it leads, and put back the state that belongs there."
    )


def _note(path: Path) -> Path:
    return path.with_name(beside(path.name).lock_note)


def _unfinished(path: Path) -> Path:
    return path.with_name(beside(path.name).unfinished)


def _is_locked(path: Path) -> bool:
    """Whether another process holds a lock on the file; asking takes none, so Terraform is never in its way."""
    try:
        with _plain(path) as file:
            answer = fcntl.fcntl(file, fcntl.F_OFD_GETLK, _WHOLE_FILE)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return bool(struct.unpack(_FLOCK, answer)[0] != fcntl.F_UNLCK)


@contextmanager
def _exclusively(path: Path, key: str) -> Iterator[bytes]:
    """Holds the lock that Terraform would take, and gives what the file holds under it."""
    with _plain(path, os.O_RDWR) as file:
        try:
            fcntl.fcntl(file, fcntl.F_OFD_SETLK, _WHOLE_FILE)
        except BlockingIOError as error:
            raise StateLocked(
                f"The state {key} is locked by a running Terraform: it is kept until that ends."
            ) from error
        yield file.read()


def _write(path: Path, content: bytes | IO[bytes], *, replaces: bool = True) -> None:
    """Writes a file whole, private and on disk, or raises: FileExistsError where it may replace none and there is one."""
    for folder in reversed([parent for parent in path.parents if not parent.exists()]):
        folder.mkdir(mode=0o700, exist_ok=True)
        sync(folder.parent)
    unfinished = _unfinished(path)
    clear(unfinished)
    with os.fdopen(create_private(unfinished, os.O_RDWR), "w+b") as file:
        given = io.BytesIO(content) if isinstance(content, bytes) else content
        shutil.copyfileobj(given, file, _CHUNK)
        file.flush()
        os.fsync(file.fileno())
        if not _is_same(file, given):
            raise Transient(f"The file {path} does not contain what was written: it will be tried again.")
    if replaces:
        unfinished.rename(path)
    else:
        try:
            # A link fails where the name is taken; a rename would replace what is there.
            path.hardlink_to(unfinished)
        finally:
            unfinished.unlink()
    # Until the folder is on disk as well, a power cut may take the file's name away.
    sync(path.parent)


def _is_same(one: IO[bytes], other: IO[bytes]) -> bool:
    one.seek(0)
    other.seek(0)
    while chunk := one.read(_CHUNK):
        if other.read(len(chunk)) != chunk:
            return False
    return not other.read(1)


@contextmanager
def _failures(path: Path) -> Iterator[None]:
    try:
        yield
    except PermissionError as error:
        raise NeedsPerson(
            f"envmgr may not read or write {named_by(error, path)}: check its owner."
        ) from error
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise NeedsPerson(f"{named_by(error, path)} is in the way: move it elsewhere.") from error
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise Transient(
            f"{named_by(error, path)} cannot be used now ({reason}): it will be tried again."
        ) from error
