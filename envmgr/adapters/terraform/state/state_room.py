"""What a full disk asks for: room for a state that Terraform must write, and a state it could not write to its end."""

import ctypes
import json
import os
from collections.abc import Mapping
from pathlib import Path

from envmgr.adapters.terraform.backend import Backend
from envmgr.domain.documents.state import LARGEST
from envmgr.domain.values.backend import beside
from envmgr.host.leftovers import make_plain
from envmgr.host.strange import content
from envmgr.host.system import create_private

_ROOM = 8 * 1024 * 1024
_KEEP_SIZE = 0x01
_LOCAL = "local"


def set_room_aside(path: Path) -> None:
    """Makes an empty file that has the room a state needs; the file must not be there yet."""
    descriptor = create_private(path)
    try:
        if _fallocate is not None:  # where the file system cannot, the file is only empty
            _fallocate(descriptor, _KEEP_SIZE, ctypes.c_int64(0), ctypes.c_int64(_ROOM))
    finally:
        os.close(descriptor)


def set_aside_torn(backend: Backend) -> None:
    """Renames a local state that was cut off while it was written: Terraform cannot read it, nor replace it.

    To be called only where the whole state, which the same apply left, is about to be pushed.
    """
    kind, settings = backend
    path = Path(str(settings.get("path")))
    if kind == _LOCAL and holds_something(path) and not _is_document(path):
        path.replace(path.with_name(beside(path.name).torn))


def make_fit_beside(backend: Backend) -> None:
    """Clears what code of the branch left in the place of the files beside a local state; Terraform would write through it.

    Or wait for it without end, as for a pipe that nobody reads from.
    """
    kind, settings = backend
    path = Path(str(settings.get("path")))
    for name in beside(path.name) if kind == _LOCAL else ():
        make_plain(path.with_name(name))


def holds_something(path: Path) -> bool:
    """Whether it is a plain file that is not empty."""
    return path.is_file() and not path.is_symlink() and path.stat().st_size > 0


def _is_document(path: Path) -> bool:
    try:
        return isinstance(json.loads(content(path, LARGEST) or b""), Mapping)
    except ValueError:
        return False


_fallocate = getattr(ctypes.CDLL(None), "fallocate", None)
