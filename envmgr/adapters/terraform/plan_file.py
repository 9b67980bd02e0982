"""Saved plans: taken out of reach of what made them, and known again by their digest.

Terraform writes a plan where the branch's own processes may write too. So it is copied out once it is there, and only
that copy is read, shown and applied: each time from memory that nobody can change any more, after its digest was found
to be the one it was copied out with.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from envmgr.domain.errors import NeedsPerson, StalePlan
from envmgr.host.strange import plain
from envmgr.host.system import create_private, told
from envmgr.ports import PlanFile

_CHUNK = 1024 * 1024
_LARGEST = 256 * 1024 * 1024
_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


def copied_out(made: Path, copy: Path) -> PlanFile:
    """Copies a plan to where only we look for it, as a private file that must not be there yet."""
    try:
        with plain(made) as content, os.fdopen(create_private(copy, rights=0o400), "wb") as file:
            return PlanFile(path=copy, digest=_copied(content.fileno(), file.fileno()))
    except OSError as error:
        raise told(error, "The plan that Terraform made cannot be read", made) from error


@contextmanager
def unchangeable(plan: PlanFile) -> Iterator[tuple[str, int]]:
    """The very plan with this digest, in memory: the path by which a child opens it, and the descriptor it inherits.

    Raises StalePlan where the file is another by now, or gone.
    """
    memory = os.memfd_create("plan", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        with plan.path.open("rb") as file:
            found = _copied(file.fileno(), memory)
        if found != plan.digest:
            raise StalePlan(
                "The saved plan was changed after it had been checked: nothing of it was applied."
            )
        fcntl.fcntl(memory, fcntl.F_ADD_SEALS, _SEALS)
        yield f"/proc/self/fd/{memory}", memory
    except FileNotFoundError as error:
        raise StalePlan("The saved plan is gone: nothing of it was applied.") from error
    finally:
        os.close(memory)


def _copied(source: int, target: int) -> str:
    """Copies all of a file; gives its SHA-256."""
    digest, size = sha256(), 0
    while chunk := os.read(source, _CHUNK):
        size += len(chunk)
        if size > _LARGEST:
            raise NeedsPerson(f"The plan is larger than {_LARGEST // 1024**2} MiB: split the code up.")
        digest.update(chunk)
        while chunk:
            chunk = chunk[os.write(target, chunk) :]
    return digest.hexdigest()
