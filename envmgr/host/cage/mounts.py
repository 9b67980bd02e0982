"""What a cage shows of this host, as bubblewrap's arguments: an allow-list, the rest is not there."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.cage import Cage, Reach

_SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
"""Part of /usr nearly everywhere, and links to it there."""
_SETTINGS = (
    *(
        "ssl/certs",
        "ssl/openssl.cnf",
        "ssl/cert.pem",
        "pki/tls/certs",
        "pki/tls/cert.pem",
        "pki/ca-trust/extracted",
    ),
    *("ca-certificates", "crypto-policies", "alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d"),
    *("localtime", "timezone", "services", "protocols", "mime.types", "terminfo"),
)
"""Of /etc: what programs need anywhere, and no secret."""
_NAMES = ("resolv.conf", "hosts", "host.conf", "gai.conf")
"""How names are looked up, where there is a network to ask."""
_IPC = "/proc/sysvipc"
ROOM = 1024**3
"""Bytes of each temporary folder, which is memory."""


def mounts(cage: Cage) -> list[str]:
    """In this order: a later mount lies over an earlier one."""
    return [
        *("--ro-bind", "/usr", "/usr"),
        *(part for path in _SYSTEM for part in _system(path)),
        # Root may by its name alone change what is the kernel's own, also where it has no rights.
        *("--proc", "/proc", "--remount-ro", "/proc", "--dev", "/dev"),
        *("--size", str(ROOM), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"),  # noqa: S108
        *("--size", str(ROOM), "--tmpfs", "/tmp"),  # noqa: S108  # its own
        *("--dir", "/run", "--size", str(ROOM), "--tmpfs", "/var/tmp"),  # noqa: S108
        *(part for path in _settings(cage) for part in ("--ro-bind-try", path, path)),
        *(part for option, path in _given(cage) for part in (option, path, path)),
    ]


def hidden_ipc() -> Sequence[str]:
    """Over the list of the host's shared memory and queues, for a cage without such of its own; after `mounts`."""
    if not Path(_IPC).is_dir():  # a kernel without any
        return ()
    return ("--size", "4096", "--tmpfs", _IPC, "--remount-ro", _IPC)


def _system(path: str) -> Sequence[str]:
    if os.path.islink(path):  # noqa: PTH114  # a bare string all the way
        return ("--symlink", os.readlink(path), path)  # noqa: PTH115
    return ("--ro-bind-try", path, path)


def _settings(cage: Cage) -> Iterator[str]:
    yield from (f"/etc/{name}" for name in _SETTINGS)
    if cage.network.reach is Reach.HOST:
        yield from (f"/etc/{name}" for name in _NAMES)


def _given(cage: Cage) -> list[tuple[str, str]]:
    """Folders before what is in them. A path that leads over links is there by both its names."""
    found = {name: "--ro-bind" for path in cage.sees for name in _names(path)}
    found |= {name: "--bind" for path in map(_own, cage.writes) for name in _names(path)}
    return [(option, path) for path, option in sorted(found.items(), key=lambda item: Path(item[0]).parts)]


def _own(path: str) -> str:
    """What may be written to is no link: an earlier run may have put one there, and it would lead out."""
    if os.path.islink(path):  # noqa: PTH114  # a bare string all the way
        raise NeedsPerson(
            f"The cage cannot be made: {path} is a link, and what may be written to is none. Look where it leads, and "
            "remove it."
        )
    return path


def _names(path: str) -> tuple[str, ...]:
    absolute = os.path.abspath(path)  # noqa: PTH100  # links stay
    return tuple(dict.fromkeys((absolute, os.path.realpath(path))))
