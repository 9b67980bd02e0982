"""Input variables that a build gives: lines of a file that code of a branch wrote, and so may say anything."""

import re
from collections.abc import Collection, Iterator

VARIABLE_PATTERN = r"[A-Za-z_][A-Za-z0-9_-]*"
"""What Terraform takes as the name of an input variable."""

RESERVED = ("environment", "project", "organization", "branch", "tags", "application")
"""The input variables that envmgr itself gives to Terraform."""

LARGEST = 64 * 1024
"""How many bytes such a file may have."""

_MOST = 100
_LONGEST = 8 * 1024
_SHOWN = 40


class NotUnderstood(ValueError):
    """The end of a sentence about such a file: what is wrong with it, and where."""


def parse_variables(content: bytes, known: Collection[str] = ()) -> dict[str, str]:
    """The variables of lines `NAME=VALUE`; NotUnderstood for anything else.

    A value is all that follows the first `=`, as it is: quotes are part of it. Empty lines are passed over. `known` are
    variables that were given before, which nothing gives a second time.
    """
    if len(content) > LARGEST:
        raise NotUnderstood(f"it has more than {LARGEST // 1024} KiB")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise NotUnderstood("it is not UTF-8") from None
    found: dict[str, str] = {}
    for number, name, value in _lines(text):
        if name in found or name in known:
            raise NotUnderstood(f"line {number} gives {name} a second time")
        found[name] = value
        if len(found) > _MOST:
            raise NotUnderstood(f"it gives more than {_MOST} variables")
    return found


def _lines(text: str) -> Iterator[tuple[int, str, str]]:
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.removesuffix("\r")
        if not line.strip():
            continue
        name, equals, value = line.partition("=")
        if not equals:
            raise NotUnderstood(f"line {number} is not NAME=VALUE: {line[:_SHOWN]!a}")
        if wrong := _wrong(name, value):
            raise NotUnderstood(f"line {number} {wrong}")
        yield number, name, value


def _wrong(name: str, value: str) -> str:
    if not re.fullmatch(VARIABLE_PATTERN, name):
        return f"names {name[:_SHOWN]!a}, which is no name of a Terraform variable (letters, digits, `_` and `-`)"
    if name in RESERVED:
        return f"gives {name}, which envmgr sets itself"
    if len(value) > _LONGEST:
        return f"gives {name} more than {_LONGEST} characters"
    if not value.replace("\t", " ").isprintable():
        return f"gives {name} characters that cannot be printed"
    return ""
