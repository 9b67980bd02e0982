"""A folder of a checkout as a zip file: equal folders give equal bytes, and nothing from outside comes in."""

import base64
import hashlib
import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from envmgr.domain.errors import NeedsPerson
from envmgr.host.uploads.content import Content
from envmgr.host.uploads.folder import Folder

Date = tuple[int, int, int, int, int, int]
OLDEST: Date = (1980, 1, 1, 0, 0, 0)  # what a zip file can say
_UNIX = 3
_CHUNK = 256 * 1024
_MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """What is taken at most, in bytes, and what to do with more."""

    packed: int
    unpacked: int
    advice: str


@dataclass(frozen=True, slots=True)
class Archive:
    """A packed folder: its file (without a name, at its start), its bytes and how many files are in it."""

    file: IO[bytes]
    size: int
    files: int

    def digest(self) -> str:
        """The SHA-256 of the zip file in base64, as AWS Lambda tells it."""
        self.file.seek(0)
        digest = hashlib.file_digest(self.file, "sha256")  # type: ignore[arg-type]  # any readable file will do
        self.file.seek(0)
        return base64.b64encode(digest.digest()).decode()


def now() -> Date:
    """This moment, for a zip file."""
    return time.gmtime()[:6]


@contextmanager
def packed(
    folder: Folder, temporary: Path, sizes: Sizes, date: Date, check: Callable[[], None]
) -> Iterator[Archive]:
    """The folder as a zip file below `temporary`, gone with the context.

    Every file carries `date`. `check` is asked for each piece. NeedsPerson
    where the folder is missing, empty or too large, or a link leads out of the checkout.
    """
    with tempfile.TemporaryFile(dir=temporary) as file:
        writer = _Writer(folder, sizes, date, check)
        with ZipFile(file, "w", ZIP_DEFLATED) as archive:
            writer.write(archive)
        size = file.seek(0, os.SEEK_END)
        if size > sizes.packed:
            raise writer.too_large("packed", sizes.packed)
        file.seek(0)
        yield Archive(file, size, writer.files)


class _Writer:
    def __init__(self, folder: Folder, sizes: Sizes, date: Date, check: Callable[[], None]) -> None:
        self._folder = folder
        self._sizes = sizes
        self._date = date
        self._check = check
        self._room = sizes.unpacked
        self.files = 0

    def write(self, archive: ZipFile) -> None:
        """All files of the folder."""
        for path, name in self._folder.files():
            self._check()
            try:
                self._add(archive, path, name)
            except (OSError, UnicodeEncodeError) as error:
                why = getattr(error, "strerror", None) or "its name is not UTF-8"
                raise NeedsPerson(f"{self._folder.named(path)} cannot be packed: {why}.") from error
        if not self.files:
            raise self._folder.empty()

    def too_large(self, how: str, limit: int) -> NeedsPerson:
        """The refusal of a folder above a limit."""
        what = f"{self._folder.named(self._folder.path)} is larger than {limit // _MEBIBYTE} MiB {how}"
        return NeedsPerson(f"the folder {what}, the most that can be sent: {self._sizes.advice}.")

    def _add(self, archive: ZipFile, path: Path, name: str) -> None:
        with self._folder.opened(path) as file:
            about = os.fstat(file.fileno())
            info = ZipInfo(name, self._date)
            info.create_system = _UNIX
            info.compress_type = ZIP_DEFLATED
            info.file_size = about.st_size
            # Readable for all: who runs it is another user than who packed it.
            info.external_attr = (stat.S_IFREG | (0o755 if about.st_mode & 0o100 else 0o644)) << 16
            with (
                archive.open(info, "w") as packed_file,
                Content(file, about.st_size, self._check) as content,
            ):
                while piece := content.read(_CHUNK):
                    self._take(len(piece))
                    packed_file.write(piece)
        self.files += 1

    def _take(self, size: int) -> None:
        self._room -= size
        if self._room < 0:
            raise self.too_large("unpacked", self._sizes.unpacked)
