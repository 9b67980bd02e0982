"""Terraform's input variables: as a file in memory, which wins over all others, and as environment variables.

A branch's own `*.tfvars` would beat environment variables, which also have no types: Terraform takes them for text
or for an expression, as the variable is declared. So what counts is the file, given by `-var-file`; it is never on
a disk, because some values are secret. The environment is for what else reads it, and for ephemeral variables.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from envmgr.domain.errors import NeedsPerson
from envmgr.host.children.environment import fitting

FOLDER = "/proc/self/fd/"
"""Where Terraform finds the file; nothing of a branch is there."""
_NAME = re.compile(r"[^\W\d][\w-]*")
_ESCAPED = re.compile(r'[\x00-\x1f\x7f"\\]')
_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\"}


@dataclass(frozen=True, slots=True)
class VariablesFile:
    """A file in memory with values of variables, and how a child that inherits the descriptor finds it."""

    descriptor: int

    @property
    def path(self) -> str:
        """Its path, for a child to which the descriptor is passed."""
        return f"{FOLDER}{self.descriptor}"


@contextmanager
def variables_file(variables: Mapping[str, object]) -> Iterator[VariablesFile]:
    """The values as a file for `-var-file`, within the block.

    Raises NeedsPerson for a name that is none of a variable.
    """
    descriptor = os.memfd_create("variables")
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write("".join(f"{_checked(n)} = {expression(v)}\n" for n, v in variables.items()).encode())
        yield VariablesFile(descriptor)
    finally:
        os.close(descriptor)


def without_null(variables: Mapping[str, object]) -> dict[str, object]:
    """The variables that have a value."""
    return {name: value for name, value in variables.items() if value is not None}


def variables_environment(variables: Mapping[str, object]) -> dict[str, str]:
    """Input variables as `TF_VAR_…`, without null and without what no process can be given.

    Raises NeedsPerson for a name that is none of a variable.
    """
    return fitting(
        {
            f"TF_VAR_{_checked(name)}": value if isinstance(value, str) else expression(value)
            for name, value in without_null(variables).items()
        }
    )


def expression(value: object) -> str:
    """A JSON value as an HCL expression that evaluates to exactly it: nothing in it is a template."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_quoted(str(key))} = {expression(v)}" for key, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(expression, value)) + "]"
    if isinstance(value, str):
        return _quoted(value)
    return json.dumps(value)


def _quoted(text: str) -> str:
    """HCL knows fewer escapes than JSON, and has templates; all else may stand as it is.

    A branch's name may have bytes that are no text: U+FFFD stands for each.
    """
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    quoted = _ESCAPED.sub(lambda match: _ESCAPES.get(match[0], f"\\u{ord(match[0]):04x}"), whole)
    return '"' + quoted.replace("${", "\\u0024{").replace("%{", "\\u0025{") + '"'


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise NeedsPerson(f"{name!r} is not a name for a Terraform variable: rename it under `variables`.")
    return name
