"""Root without its power over files: permissions then hold for it as for anybody."""

import ctypes
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager

_DAC_OVERRIDE, _DAC_READ_SEARCH, _FOWNER = 1, 2, 3
_VERSION_3 = 0x20080522
_LIBC = ctypes.CDLL(None, use_errno=True)


@contextmanager
def as_ordinary_user() -> Iterator[None]:
    """Within the block (and in the threads begun there) no permission is overridden; processes are as ever."""
    if os.geteuid() != 0:
        yield
        return
    effective, permitted, inheritable, *upper = before = _get()
    for capability in (_DAC_OVERRIDE, _DAC_READ_SEARCH, _FOWNER):
        effective &= ~(1 << capability)
    _set((effective, permitted, inheritable, *upper))
    try:
        yield
    finally:
        _set(before)


def _get() -> tuple[int, ...]:
    data = ctypes.create_string_buffer(24)
    _call(_LIBC.capget, data)
    return struct.unpack("6I", data.raw)


def _set(values: tuple[int, ...]) -> None:
    _call(_LIBC.capset, ctypes.create_string_buffer(struct.pack("6I", *values), 24))


def _call(function: object, data: object) -> None:
    header = ctypes.create_string_buffer(struct.pack("Ii", _VERSION_3, 0), 8)
    if function(header, data) != 0:  # type: ignore[operator]
        raise OSError(ctypes.get_errno(), "capabilities")
