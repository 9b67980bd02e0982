"""Where a path of a checkout leads to."""

import errno
from contextlib import suppress
from pathlib import Path


def followed(path: Path) -> Path:
    """The place a path leads to through all its links, whether or not anything is there.

    Raises OSError (ELOOP) for links that lead in a circle. `Path.resolve` alone would not do: up to Python 3.12 it
    raises RuntimeError there, and from 3.13 on it gives the link itself, as if that led somewhere within the checkout.
    """
    with suppress(FileNotFoundError, PermissionError, NotADirectoryError):
        path.stat()
    try:
        return path.resolve()
    except RuntimeError as error:
        raise OSError(errno.ELOOP, "Too many levels of symbolic links", str(path)) from error
