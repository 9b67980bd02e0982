"""Terraform's input variables as environment variables."""

import json
import re
from collections.abc import Mapping

from envmgr.domain.errors import NeedsPerson

_NAME = re.compile(r"[^\W\d][\w-]*")
_ESCAPED = re.compile(r'[\x00-\x1f\x7f"\\]')
_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\"}
_LONGEST = 128 * 1024 - 1  # the kernel's limit of one environment string


def variables_environment(variables: Mapping[str, object]) -> dict[str, str]:
    """Input variables as `TF_VAR_…`; None leaves a variable at its default.

    Raises NeedsPerson for a name or value that no environment variable can carry.
    """
    return {
        f"TF_VAR_{name}": _checked(name, value if isinstance(value, str) else expression(value))
        for name, value in variables.items()
        if value is not None
    }


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
    """HCL knows fewer escapes than JSON, and has templates; all else may stand as it is."""
    quoted = _ESCAPED.sub(lambda match: _ESCAPES.get(match[0], f"\\u{ord(match[0]):04x}"), text)
    return '"' + quoted.replace("${", "\\u0024{").replace("%{", "\\u0025{") + '"'


def _checked(name: str, text: str) -> str:
    if not _NAME.fullmatch(name):
        raise NeedsPerson(f"{name!r} is no name of a Terraform variable: rename it under `variables`.")
    if "\0" in text:
        raise NeedsPerson(f"The variable {name} holds a NUL character, which Terraform cannot be given.")
    if len(f"TF_VAR_{name}={text}".encode(errors="surrogateescape")) > _LONGEST:
        raise NeedsPerson(
            f"The variable {name} is longer than 128 KiB: give a shorter one, or a file in the branch."
        )
    return text
