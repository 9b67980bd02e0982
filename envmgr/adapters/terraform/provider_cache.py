"""The provider cache that all environments share.

Terraform's `init` may read it while others read, but not while another fills it (it replaces files in
place). So an `init` of code and lock file that were satisfied from this cache before takes a shared lock,
any other an exclusive one. Terraform inherits the lock's descriptor: it holds even where envmgr is killed meanwhile.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

_POLL_SECONDS = 0.05


class ProviderCache:
    """A folder of provider packages, with a record of the selections it is known to satisfy."""

    def __init__(self, folder: Path) -> None:
        """The cache in `folder`, which is created (0700) when first used."""
        self.packages = folder / "providers"
        self._satisfied = folder / "satisfied"
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
        self._record(selections).touch(mode=0o600)

    def _record(self, selections: str) -> Path:
        return self._satisfied / sha256(selections.encode(errors="surrogateescape")).hexdigest()


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
