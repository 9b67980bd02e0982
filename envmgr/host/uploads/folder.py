"""The regular files of a folder of a checkout; nothing from outside of it comes in."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from envmgr.domain.errors import NeedsPerson
from envmgr.host.children.run_log import printable
from envmgr.host.links import followed

_LEFT_OUT = ".git"
_MOST = 100_000
_DEEPEST = 250


class Folder:
    """Links are followed as long as they stay in the checkout; `.git` is left out."""

    def __init__(self, checkout: Path, path: Path) -> None:
        self.path = path
        self._checkout = checkout
        self._root = checkout.resolve()

    def files(self) -> Iterator[tuple[Path, str]]:
        """Each file with its name in the folder (`assets/app.js`), in an order that depends on names alone.

        NeedsPerson where the folder is missing, too large or too deep, and where a link leads out of the checkout,
        into `.git` or in a circle.
        """
        self._within(self.path)
        if not self.path.is_dir():
            raise NeedsPerson(f"there is no folder {self.named(self.path)}; does a step before make it?")
        return self._files()

    @contextmanager
    def opened(self, path: Path) -> Iterator[IO[bytes]]:
        """A regular file to be read; OSError, NeedsPerson where it is none.

        What was opened is what is checked, since what a step left running may change links meanwhile.
        """
        # Not blocking: a pipe by that name would hang.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            self._check(Path(f"/proc/self/fd/{file.fileno()}").readlink(), path)
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise NeedsPerson(f"{self.named(path)} is not a regular file and cannot be sent.")
            yield file

    def empty(self) -> NeedsPerson:
        """The refusal of a folder without files."""
        return NeedsPerson(f"the folder {self.named(self.path)} holds no files: there is nothing to send.")

    def named(self, path: Path) -> str:
        """A path of the checkout for a sentence."""
        return printable(str(path.relative_to(self._checkout)))

    def _files(self) -> Iterator[tuple[Path, str]]:
        """Folders count too: a few with links to each other, and no file, are millions."""
        for count, (path, name) in enumerate(self._walk(self.path, "", ()), start=1):
            if count > _MOST:
                raise self._unfit(f"holds more than {_MOST:,} files and folders")
            if not name.endswith("/"):
                yield path, name

    def _walk(self, folder: Path, name: str, above: tuple[Path, ...]) -> Iterator[tuple[Path, str]]:
        """All that is below a folder; names of folders end with a slash."""
        real = self._within(folder)
        if real in above:
            raise NeedsPerson(f"the link {self.named(folder)} leads back to a folder it lies in.")
        if len(above) > _DEEPEST:
            raise self._unfit(f"is deeper than {_DEEPEST} folders")
        for path in sorted(folder.iterdir()):
            if path.name == _LEFT_OUT:
                continue
            if path.is_dir():
                yield path, f"{name}{path.name}/"
                yield from self._walk(path, f"{name}{path.name}/", (*above, real))
            else:
                yield path, f"{name}{path.name}"

    def _within(self, path: Path) -> Path:
        """Where a path leads to."""
        try:
            real = followed(path)
        except OSError as error:
            raise NeedsPerson(f"{self.named(path)} is a link that leads in a circle.") from error
        self._check(real, path)
        return real

    def _check(self, real: Path, path: Path) -> None:
        """Whether what a path leads to may be sent."""
        if not real.is_relative_to(self._root):
            raise NeedsPerson(f"{self.named(path)} is a link that leads out of the checkout: it is not sent.")
        if _LEFT_OUT in real.relative_to(self._root).parts:
            raise NeedsPerson(f"{self.named(path)} leads into {_LEFT_OUT}: it is not sent.")

    def _unfit(self, why: str) -> NeedsPerson:
        return NeedsPerson(
            f"the folder {self.named(self.path)} {why}, the most that can be sent: send a smaller one."
        )
