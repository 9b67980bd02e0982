"""A second layer beside a cage's namespaces: Landlock, where the kernel has it (Linux 6.12).

It takes away signals to, and abstract sockets of, all that is outside, from what is started here on. No rule about files:
with one, bubblewrap could mount nothing, and what would set it later, inside, would cost each child a start of Python.
"""

import ctypes
import errno
import os
import shutil
import stat
import struct
from collections.abc import Callable
from functools import lru_cache
from threading import Thread
from typing import TypeVar

from envmgr.domain.errors import NeedsPerson

_CREATE, _RESTRICT = 444, 446  # the same on all machines
_VERSION_FLAG = 1
_NO_NEW_PRIVILEGES = 38
SCOPES = 6
"""The version from which on signals and abstract sockets can be kept inside."""
_ABSTRACT_SOCKETS, _SIGNALS = 1, 2

Made = TypeVar("Made")


@lru_cache(maxsize=1)
def version() -> int:
    """Of the kernel's Landlock; 0 where there is none, or the service may not ask for it."""
    return max(_call(_CREATE, None, ctypes.c_size_t(0), _VERSION_FLAG), 0)


def is_there(program: str = "bwrap") -> bool:
    """Whether a cage can have it: with a bubblewrap that is setuid it could not, as that gains rights at its start."""
    found = shutil.which(program)
    return version() >= SCOPES and found is not None and not os.stat(found).st_mode & stat.S_ISUID  # noqa: PTH116


def scoped(start: Callable[[], Made]) -> Made:
    """Starts something that reaches no process outside by signals or abstract sockets, nor does what it starts.

    In a thread of its own: whoever asks is not restricted. Raises NeedsPerson where the kernel refuses, and whatever
    `start` raises.
    """
    made: list[Made] = []
    raised: list[BaseException] = []

    def begin() -> None:
        try:
            _restrict()
            made.append(start())
        except BaseException as error:  # noqa: BLE001  # raised again by who asked
            raised.append(error)

    thread = Thread(target=begin, name="landlock")
    thread.start()
    thread.join()
    if raised:
        raise raised[0]
    return made[0]


def _restrict() -> None:
    rules = struct.pack("=QQQ", 0, 0, _ABSTRACT_SOCKETS | _SIGNALS)
    made = _call(_CREATE, rules, ctypes.c_size_t(len(rules)), 0)
    try:
        if (
            made < 0
            or _library().prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0
            or _call(_RESTRICT, made, 0) != 0
        ):
            code = ctypes.get_errno()
            raise NeedsPerson(
                f"Landlock refused to confine a cage ({os.strerror(code) if code else errno.errorcode.get(code, 'unknown')}): "
                "see the host's kernel log, or set `cage: {kind: none}`."
            )
    finally:
        if made >= 0:
            os.close(made)


def _call(number: int, *arguments: object) -> int:
    return int(_library().syscall(ctypes.c_long(number), *arguments))


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
