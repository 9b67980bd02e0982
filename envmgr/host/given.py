"""Files that a person names on the command line, read once and never without bounds."""

import os
import stat
from pathlib import Path

from envmgr.domain.errors import UsageError


def read_given(file: Path, largest: int, what: str) -> bytes:
    """
    The content of a regular file.

    :param largest: bytes; a larger file is refused, as no such thing is that large
    :param what: what it is to be, with its article: "a state"
    :raises UsageError: it is missing, unreadable, too large, or something else than a file
    """
    try:
        # Asked of what was opened, so that nobody changes it in between; and opened without waiting, as a
        # pipe that nobody writes to would be waited for without end.
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as source:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise UsageError(f"{file} is not a regular file: write {what} into one first.")
            content = source.read(largest + 1)
    except OSError as error:
        raise UsageError(f"{file} cannot be read ({error.strerror}).") from error
    if len(content) > largest:
        raise UsageError(f"{file} has more than {largest // 2**20} MiB, which is too much for {what}.")
    return content
