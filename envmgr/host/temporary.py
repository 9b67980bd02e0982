"""Temporary folders of Terraform: what a killed one and its providers leave goes with the next command, not never."""

import os
import re
import secrets
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from envmgr.domain.errors import NeedsPerson

from .leftovers import clear, private, sweep

_LONGEST = 80
"""Bytes of the folder's path: providers listen on a socket in it, and a socket's whole path may have 107."""
_ELSEWHERE = re.compile(r"envmgr-[0-9a-f]{16}")


class Temporary:
    """The private temporary folder of one workspace, at its place in the data folder.

    Where that path is too long for a socket, the place is a link to a folder with a name that nobody can guess in the
    system's temporary folder: so it is found again, whoever was killed meanwhile.
    """

    def __init__(self, place: Path) -> None:
        """Nothing is made yet."""
        self._place = place

    def ready(self) -> Path:
        """Makes it where it is not there; raises NeedsPerson where it cannot be had."""
        self._place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if len(os.fsencode(self._place)) <= _LONGEST:
            private(self._place)
            return self._place
        elsewhere = self._elsewhere()
        if elsewhere is not None:
            # Somebody else may have taken its name after a reboot had cleared the folder around it.
            with suppress(NeedsPerson):
                private(elsewhere)
                return elsewhere
        elsewhere = self._linked()
        private(elsewhere)
        return elsewhere

    def clear(self) -> None:
        """Removes it with all in it; what does not go is the next one's to clear."""
        elsewhere = self._elsewhere()
        sweep(*([elsewhere] if elsewhere else []), self._place)

    def tidy(self) -> None:
        """Removes the sockets of processes that have ended, and an empty folder: other files may still be read."""
        folder = self._elsewhere() or self._place
        if folder.is_symlink():
            return
        with suppress(OSError):  # it is not there, or the branch's code closed it
            sweep(*filter(_is_socket, folder.iterdir()))
            if not any(folder.iterdir()):
                self.clear()

    def _linked(self) -> Path:
        """The link goes down before the folder is made, so that none is ever without one."""
        clear(self._place)
        elsewhere = _short() / f"envmgr-{secrets.token_hex(8)}"
        self._place.symlink_to(elsewhere)
        return elsewhere

    def _elsewhere(self) -> Path | None:
        """Where the place leads, if to a folder as we make them."""
        with suppress(OSError):
            path = self._place.readlink()
            return path if path.is_absolute() and _ELSEWHERE.fullmatch(path.name) else None
        return None


def _short() -> Path:
    configured = Path(tempfile.gettempdir())
    # 24 bytes for `/envmgr-` and its 16 digits.
    return configured if len(os.fsencode(configured)) <= _LONGEST - 24 else Path("/tmp")  # noqa: S108


def _is_socket(path: Path) -> bool:
    with suppress(OSError):
        return stat.S_ISSOCK(path.lstat().st_mode)
    return False
