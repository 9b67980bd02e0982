"""Room on the disk that is set aside, so that a full disk can still be told of in the database."""

import os
from contextlib import suppress
from pathlib import Path

from envmgr.host.system import create_private

SIZE = 8 * 1024 * 1024
_PLENTY = 8  # times the reserve: with less room left none is set aside


class Reserve:
    """A file beside the database that only takes up room, and goes when the disk is full.

    What failed for want of room stays undone; what is written next, its failure's record, finds room.
    """

    def __init__(self, database: Path) -> None:
        """Nothing is written yet."""
        self._file = database.with_name(f"{database.name}.reserve")

    def keep(self) -> None:
        """Sets the room aside where there is plenty; quiet where that cannot be."""
        with suppress(OSError):
            if not self._file.exists() and _free(self._file.parent) >= _PLENTY * SIZE:
                descriptor = create_private(self._file)
                try:
                    os.posix_fallocate(descriptor, 0, SIZE)
                finally:
                    os.close(descriptor)

    def release(self) -> None:
        """Gives the room back."""
        with suppress(OSError):
            self._file.unlink(missing_ok=True)


def _free(folder: Path) -> int:
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize
