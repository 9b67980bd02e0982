"""The provider cache that all environments share.

Terraform's `init` may read it while others read, but not while another fills it (it replaces files in
place). So an `init` of code and lock file that were satisfied from this cache before takes a shared lock,
any other an exclusive one. Terraform inherits the lock's descriptor: it holds even where envmgr is killed meanwhile.
"""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from .lock_file import selections_of

_POLL_SECONDS = 0.05
_LINKS = "providers/*/*/*/*"
"""Below a data folder of Terraform's, and below the cache: host, namespace, type, version."""


class ProviderCache:
    """A folder of provider packages, with a record of the selections it is known to satisfy."""

    def __init__(self, folder: Path) -> None:
        """The cache in `folder`, which is created (0700) when first used."""
        self.packages = folder / "providers"
        self._satisfied = folder / "satisfied"
        self._removed = folder / "removed"
        self._lock = folder / "providers.lock"

    def create(self) -> None:
        """Makes the folders."""
        for path in (self._lock.parent, self.packages, self._satisfied):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextmanager
    def held(self, selections: str, keep_waiting: Callable[[], bool]) -> Iterator[int | None]:
        """Holds the cache for one `init`; gives the lock's descriptor, None where waiting was given up.

        `selections` identifies what the `init` will ask of the cache.
        """
        kind = fcntl.LOCK_SH if self._record(selections).exists() else fcntl.LOCK_EX
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            yield descriptor if _acquired(descriptor, kind, keep_waiting) else None
        finally:
            os.close(descriptor)

    def satisfied(self, selections: str) -> None:
        """Remembers that the cache has all of this; call it while held."""
        self._satisfied.mkdir(mode=0o700, exist_ok=True)
        self._record(selections).touch(mode=0o600)

    def prune(self, lock_files: Iterable[str], data_folders: Callable[[], Iterable[Path]], age: float) -> int:
        """Deletes providers that nothing has used for `age` seconds; gives their number.

        In use is what a lock file of `lock_files` selects, and what a data folder of Terraform's links to.
        Does nothing while an `init` runs: the next round comes.
        """
        selected = {selection for text in lock_files for selection in selections_of(text)}
        self._sweep()
        with self.held("", lambda: False) as lock:
            if lock is None or not self.packages.is_dir():
                return 0
            linked = {path.parts[-4:] for data in data_folders() for path in data.glob(_LINKS)}
            unused = [path for path in self._versions(selected | linked) if _age(path) > age]
            if unused:
                shutil.rmtree(self._satisfied, ignore_errors=True)  # first: nobody is to rely on what goes
            for path in unused:
                self._take_away(path)
        self._sweep()
        return len(unused)

    def _versions(self, used: set[tuple[str, ...]]) -> Iterator[Path]:
        """The unused ones; those in use are marked with the present."""
        for path in self.packages.parent.glob(_LINKS):
            if path.parts[-4:] in used:
                os.utime(path)
            else:
                yield path

    def _take_away(self, path: Path) -> None:
        """In one step, so that no half of a package is ever found."""
        self._removed.mkdir(mode=0o700, exist_ok=True)
        path.rename(Path(tempfile.mkdtemp(dir=self._removed)) / path.name)
        with suppress(OSError):  # until one holds other providers
            for folder in path.parents[:3]:
                folder.rmdir()

    def _sweep(self) -> None:
        shutil.rmtree(self._removed, ignore_errors=True)

    def _record(self, selections: str) -> Path:
        return self._satisfied / sha256(selections.encode(errors="surrogateescape")).hexdigest()


def _age(path: Path) -> float:
    return time.time() - path.stat().st_mtime


def _acquired(descriptor: int, kind: int, keep_waiting: Callable[[], bool]) -> bool:
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if not keep_waiting():
                return False
            time.sleep(_POLL_SECONDS)
        else:
            return True
