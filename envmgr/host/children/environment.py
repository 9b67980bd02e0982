"""What a process can be given as environment variables."""

import os
from collections.abc import Mapping

from envmgr.domain.errors import NeedsPerson

_LONGEST = 32 * os.sysconf("SC_PAGESIZE") - 1
"""The kernel's limit of one `NAME=value`: 128 KiB nearly everywhere."""
_ALL = os.sysconf("SC_ARG_MAX") // 2
"""Half of what a process is given in all: the other half is for its arguments and for what else it needs."""


def fitting(variables: Mapping[str, str], beside: Mapping[str, str] | None = None) -> dict[str, str]:
    """Those that a process can be given beside others; of too many together the shortest."""
    fit: dict[str, str] = {}
    room = _ALL - sum(_size(name, value) for name, value in (beside or {}).items())
    for name, value in sorted(variables.items(), key=lambda item: (len(item[1]), item[0])):
        size = _size(name, value)
        if size <= min(_LONGEST, room) and "\0" not in value:
            fit[name] = value
            room -= size
    return fit


def check_lengths(variables: Mapping[str, str]) -> None:
    """Raises NeedsPerson, naming it, for a variable that is longer than the kernel lets one be."""
    for name, value in variables.items():
        if _size(name, value) > _LONGEST:
            raise NeedsPerson(
                f"The environment variable {name} is longer than the {_LONGEST + 1 >> 10} KiB that a process can be "
                "given: put it into a file, and give that file's path."
            )


def _size(name: str, value: str) -> int:
    """The bytes that it takes, its end and its place in the list with them."""
    return len(f"{name}={value}".encode("utf-8", "surrogatepass")) + 1 + 8
