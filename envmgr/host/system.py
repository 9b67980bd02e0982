"""The operating system's errors as sentences: what could not be done, where, why, and what to do.

Whoever opens, writes, links, renames or makes folders does it in a block of `sentences`, or by `write_private`.
"""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from envmgr.domain.errors import EnvmgrError, NeedsPerson, Transient
from envmgr.domain.names import ref_component

_PASSING = {
    errno.ENOSPC: "make room on that disk",
    errno.EDQUOT: "make room, or raise the quota",
    errno.EFBIG: "raise the limit on the size of files",
    errno.EMFILE: "raise the limit on open files",
    errno.ENFILE: "raise the system's limit on open files",
    errno.EIO: "look at the disk's health",
    errno.ESTALE: "mount the network's file system again",
    errno.EAGAIN: "wait, or raise the limit on processes",
    errno.ENOMEM: "free memory",
    errno.EINTR: "try again",
}
"""What passes by itself, or as soon as somebody does this; the next pass tries again."""

_STAYING = {
    errno.EACCES: "let envmgr's user use it",
    errno.EPERM: "let envmgr's user use it",
    errno.EROFS: "mount its file system for writing",
    errno.ENOTDIR: "move away what stands in the place of a folder",
    errno.EISDIR: "move away the folder that stands in the place of a file",
    errno.EEXIST: "move away what stands in its place",
    errno.ENOTEMPTY: "move away what stands in its place",
    errno.ELOOP: "take away the symbolic links in its path",
    errno.ENOENT: "bring back what is missing in its path",
    errno.ENAMETOOLONG: "give a shorter path",
}


def told(error: OSError, path: Path | str, what: str) -> EnvmgrError:
    """The error as one of ours: Transient where it passes, NeedsPerson where only a person helps.

    `what` begins the sentence (`The run's log cannot be written`); `path` is shown where the error names none.
    """
    place = ref_component(
        os.fsdecode(error.filename if isinstance(error.filename, str | bytes) else str(path))
    )
    reason = os.strerror(error.errno) if error.errno else str(error)
    number = error.errno or 0
    if number in _STAYING:
        return NeedsPerson(f"{what}: {place}: {reason}; {_STAYING[number]}.")
    remedy = _PASSING.get(number)
    return Transient(f"{what}: {place}: {reason}; " + (f"{remedy}." if remedy else "it will be tried again."))


@contextmanager
def sentences(path: Path | str, what: str) -> Iterator[None]:
    """Raises the operating system's errors in a block as `told` words them."""
    try:
        yield
    except OSError as error:
        raise told(error, path, what) from error


def write_private(path: Path, text: str) -> None:
    """Makes a file hold a text, whole or not at all, for its owner only; what had its name is replaced.

    The folder is there, and only we write in it. Raises as `told` says.
    """
    new = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}")
    with sentences(path, "A file cannot be written"):
        try:
            with os.fdopen(
                os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "w"
            ) as file:
                file.write(text)
            new.replace(path)
        except OSError:
            with suppress(OSError):
                new.unlink(missing_ok=True)
            raise
