"""The files of a site as they lie in the checkout."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from unicodedata import category

from envmgr.domain.errors import NeedsPerson, Transient
from envmgr.host.uploads.content import Content
from envmgr.host.uploads.folder import Folder

from .headers import Headers, headers_of

OWN = ".envmgr-site-"
"""How the names of envmgr's own records in a bucket begin."""
LARGEST = 5 * 1000**3
_LONGEST_NAME = 1024
_CHUNK = 256 * 1024

Stamp = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteFile:
    """One file: its name in the site (`assets/app.js`), its bytes, their SHA-256 and its headers."""

    name: str
    path: Path
    size: int
    sha256: str
    headers: Headers
    stamp: Stamp


class SiteFiles:
    """The files of a folder. `check` is asked for each piece that is read."""

    def __init__(self, folder: Folder, cache_control: Mapping[str, str], check: Callable[[], None]) -> None:
        self._folder = folder
        self._cache_control = cache_control
        self._check = check

    def read(self, refusal: Callable[[str], str]) -> list[SiteFile]:
        """All of them; `refusal` says why a name cannot be. NeedsPerson where one cannot be a site's, and where there is none."""
        found = []
        for path, name in self._folder.files():
            self._check()
            if why := _refusal(name) or refusal(name):
                raise self._unfit(path, why)
            try:
                found.append(self._read(path, name))
            except OSError as error:
                raise self._unfit(path, error.strerror or type(error).__name__) from error
        if not found:  # it would delete the whole site
            raise self._folder.empty()
        return found

    @contextmanager
    def body(self, file: SiteFile) -> Iterator[IO[bytes]]:
        """A file's bytes on their way; Transient where they are not those that were read, any more."""
        with self._folder.opened(file.path) as opened, Content(opened, file.size, self._check) as body:
            yield body
            if _stamp(opened) != file.stamp:
                raise Transient(f"{self._folder.named(file.path)} changed while it was sent.")

    def _read(self, path: Path, name: str) -> SiteFile:
        with self._folder.opened(path) as file:
            stamp = _stamp(file)
            if (size := os.fstat(file.fileno()).st_size) > LARGEST:
                raise self._unfit(path, "it is larger than 5 GB")
            digest = hashlib.sha256()
            with Content(file, size, self._check) as content:
                while piece := content.read(_CHUNK):
                    digest.update(piece)
        headers = headers_of(name, self._cache_control)
        return SiteFile(
            name=name, path=path, size=size, sha256=digest.hexdigest(), headers=headers, stamp=stamp
        )

    def _unfit(self, path: Path, why: str) -> NeedsPerson:
        return NeedsPerson(f"{self._folder.named(path)} cannot be sent: {why}.")


def _refusal(name: str) -> str:
    """Why no site can have a file by this name, empty where it can."""
    if name.startswith(OWN):
        return f"names that begin with {OWN} are envmgr's own"
    if any(category(character) == "Cc" for character in name):  # lists of a bucket are XML
        return "its name has control characters"
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    return f"its name is longer than {_LONGEST_NAME} bytes" if length > _LONGEST_NAME else ""


def _stamp(file: IO[bytes]) -> Stamp:
    """What changes with a file's bytes."""
    about = os.fstat(file.fileno())
    return about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns
