"""The operating system's errors as sentences: what could not be done, where, why, and what to do.

Hundreds of places open, write, link, rename, make folders and start programs. What one of them meets and does not word
itself becomes a sentence where work begins: a look, a step of an environment, a round of housekeeping, a verb. It is
never permanent for us: whoever mends the host need not tell us.
"""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from envmgr.domain.errors import Transient
from envmgr.domain.values.names import ref_component

_REMEDIES = {
    errno.E2BIG: "give the program fewer or smaller variables",
    errno.EACCES: "let envmgr's user use it",
    errno.EAGAIN: "raise the limit on processes, or wait",
    errno.EDQUOT: "make room, or raise the quota",
    errno.EEXIST: "move away what stands in its place",
    errno.EFBIG: "raise the limit on the size of files",
    errno.EIO: "check that disk for faults",
    errno.EISDIR: "move away the folder that stands in the place of a file",
    errno.ELOOP: "take the symbolic links out of its path",
    errno.EMFILE: "raise the limit on open files",
    errno.ENAMETOOLONG: "choose a shorter path",
    errno.ENFILE: "raise the system's limit on open files",
    errno.ENOENT: "bring back what is missing in its path",
    errno.ENOEXEC: "put a program for this host there",
    errno.ENOMEM: "free memory",
    errno.ENOSPC: "make room on that disk",
    errno.ENOTDIR: "move away what stands in the place of a folder",
    errno.ENOTEMPTY: "move away what stands in its place",
    errno.EPERM: "let envmgr's user change it (`lsattr` shows what is immutable)",
    errno.EROFS: "mount that file system for writing",
    errno.ESTALE: "mount the network's file system again",
    errno.ETXTBSY: "wait until nobody writes to that program",
}
"""What mends an error that is of a file, a folder or a program."""


REFUSED = "The operating system refuses"
"""How a sentence begins where nobody knows better."""


def told(error: OSError, what: str = REFUSED, place: Path | None = None) -> Transient:
    """The error as a sentence that begins with `what`; `place` is where it was, if the error names no file itself."""
    reason = error.strerror or str(error) or type(error).__name__
    remedy = _REMEDIES.get(error.errno or 0)
    if remedy is None:
        return Transient(f"{what}: {reason}; it will be tried again.")
    named = named_by(error, place)
    where = f"{named}: " if named is not None else ""
    return Transient(f"{what}: {where}{reason}. To fix that, {remedy}.")


def named_by(error: OSError, place: Path | None) -> str | None:
    """The file that an error is about, or `place` where it names none: of a file that is open already it has a number."""
    found = error.filename if isinstance(error.filename, str | bytes | os.PathLike) else place
    return None if found is None else ref_component(os.fsdecode(found))


@contextmanager
def sentences(what: str = REFUSED, place: Path | None = None) -> Iterator[None]:
    """Raises the operating system's errors in a block as `told` words them; a closed pipe's reader needs no sentence."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise told(error, what, place) from error


def create_private(path: Path, access: int = os.O_WRONLY, rights: int = 0o600) -> int:
    """Opens a file of ours for its owner only, never one that is there already, nor through a link; gives its descriptor.

    Raises FileExistsError where something has its name.
    """
    return os.open(path, access | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, rights)


def write_private(
    path: Path,
    content: str | bytes,
    what: str = "A file cannot be written",
    *,
    durable: bool = False,
    owned_as: Path | None = None,
) -> None:
    """Makes a file hold a content, whole or not at all, for its owner only; what had its name is replaced.

    Only we write in its folder. `durable` content outlives the host's sudden end; written by root it belongs to whom
    the folder `owned_as` belongs. Raises Transient, which begins with `what`.
    """
    new = path.with_name(f".{secrets.token_hex(8)}.new")
    try:
        with os.fdopen(create_private(new), "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode(errors="surrogateescape"))
            if durable:
                file.flush()
                os.fsync(file.fileno())
            if owned_as is not None and os.geteuid() == 0:
                about = owned_as.stat()
                os.fchown(file.fileno(), about.st_uid, about.st_gid)
        new.replace(path)
        if durable:
            sync(path.parent)
    except OSError as error:
        with suppress(OSError):
            new.unlink(missing_ok=True)
        # Said of the file that was to be written: nobody knows the name it would have come from.
        raise told(OSError(error.errno, error.strerror, str(path)), what) from error


def sync(place: Path) -> None:
    """Puts on disk what a file holds, or which names a folder does: until then a power cut may take these away.

    Raises OSError.
    """
    descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
