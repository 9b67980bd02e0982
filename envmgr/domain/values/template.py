"""Terraform outputs in the texts of a configuration."""

import json
import re
from collections.abc import Mapping

from envmgr.domain.errors import NeedsPerson

from .environment import Output

_PLACE = re.compile(r"\{outputs\.([A-Za-z_][A-Za-z0-9_-]*)\}")


def named(text: str) -> frozenset[str]:
    """The outputs that a text asks for."""
    return frozenset(_PLACE.findall(text))


def fill(text: str, outputs: Mapping[str, Output]) -> str:
    """The text with each `{outputs.NAME}` replaced; NeedsPerson, naming the outputs, where there is no such one."""

    def value(found: re.Match[str]) -> str:
        output = outputs.get(found[1])
        if output is None:
            known = ", ".join(sorted(outputs)) or "none"
            raise NeedsPerson(
                f"There is no Terraform output {found[1]!r} for {text!r}; the outputs are: {known}."
            )
        return output.value if isinstance(output.value, str) else json.dumps(output.value)

    return _PLACE.sub(value, text)
