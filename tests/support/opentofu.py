"""OpenTofu as far as it is played: by what is recorded of how it differs from Terraform."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_RECORDED = Path(__file__).parents[1] / "data" / "opentofu-differences.json"


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference: since which version, by which source, how envmgr meets it, what tries that, and whether the stand-in plays it."""

    what: str
    since: str
    source: str
    meets: str
    tried: str
    played: bool


def recorded() -> Sequence[Difference]:
    """All that is known."""
    return [Difference(**each) for each in _document()["differences"]]


def compared() -> tuple[Sequence[str], str]:
    """The versions of OpenTofu whose source was read, and that of Terraform which the stand-in has behind it."""
    document = _document()
    return document["opentofu"], document["terraform"]


def stand_in(version: str, terraform: str) -> str:
    """A program as a shell script: this version of OpenTofu, played by a real Terraform."""
    script = Path(__file__).with_name("opentofu_stand_in.py")
    return f'#!/bin/sh\nexec {sys.executable} -SE {script} {version} {terraform} "$@"\n'


def _document() -> Any:
    return json.loads(_RECORDED.read_text())
