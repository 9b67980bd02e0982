"""Files of ours that lie where code of a branch may write, and so may be anything by now: a link, a pipe, a huge file."""

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def plain(path: Path) -> Iterator[io.FileIO]:
    """
    A file that is one, open to be read: no link is followed, and nothing that is not there yet is waited for.

    :raises OSError: it is missing, unreadable, or something else than a file
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        # Asked of what was opened, so that nobody changes it in between.
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"{path} is no plain file.")
        yield file


def content(path: Path, largest: int) -> bytes | None:
    """What such a file holds; None where there is none, or a larger one."""
    try:
        with plain(path) as file:
            found = b""
            while len(found) <= largest and (chunk := file.read(largest + 1 - len(found))):
                found += chunk
    except OSError:
        return None
    return found if len(found) <= largest else None
