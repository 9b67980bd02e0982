"""By what this host is known for good: a name may be another's, too, and a boot ends."""

import hashlib
import os
import secrets
from contextlib import suppress
from pathlib import Path

from .system import sync, told, write_private

MACHINE_ID = Path("/etc/machine-id")
MOUNTS = Path("/proc/self/mountinfo")


def host_id(file: Path, machine_id: Path = MACHINE_ID, mounts: Path = MOUNTS) -> str:
    """The ID of the host whose data folder holds `file`, which is made where it is not there yet.

    It is made of the machine's ID, the file, and, in a container whose data folder is part of its image, of what is this
    container's alone: of two copies of an image each has its own. Raises Transient where the file cannot be written.
    """
    if not file.exists():
        _make(file)
    parts = (_text(machine_id), _text(file), _layer(file, mounts))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _make(file: Path) -> None:
    """Of several processes that begin together the first makes it, and what it made stays."""
    said, new = "By what this host is known cannot be kept", file.with_name(f".{secrets.token_hex(8)}.id")
    try:
        write_private(new, secrets.token_hex(16), said, durable=True, owned_as=file.parent)
        with suppress(FileExistsError):
            os.link(new, file)
        sync(file.parent)
    except OSError as error:
        raise told(error, said) from error
    finally:
        new.unlink(missing_ok=True)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _layer(file: Path, mounts: Path) -> str:
    """Where an image's container keeps what it writes, if the file is there; a volume of its own has none."""
    place, found, deepest = str(file.absolute()), "", -1
    for line in _text(mounts).splitlines():
        before, _, after = line.partition(" - ")
        point, kind = before.split(" ")[4], after.split(" ")
        is_above = point in ("/", place) or place.startswith(f"{point}/")
        if is_above and len(point) >= deepest:
            deepest = len(point)
            options = kind[2].split(",") if kind[0] == "overlay" and len(kind) > 2 else []
            found = next((option for option in options if option.startswith("upperdir=")), "")
    return found
