"""Policies evaluated by the program `opa`, where the package that else does it is not to be had."""

import json
import resource
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from .source import BadPolicy, Module

_MEMORY = 2 * 1024**3
_REACHING = ("http.", "net.", "opa.runtime")
"""Functions that reach beyond the input."""
_QUERY = '{"deny": [found | found := data.envmgr.deny], "warn": [found | found := data.envmgr.warn]}'
_TEXT = 500


def evaluated(
    program: str, modules: Sequence[Module], document: Mapping[str, Any], seconds: float
) -> Mapping[str, Sequence[Any]]:
    """What the rules `deny` and `warn` come to. Raises BadPolicy where that is not sure, or takes too long or too much memory."""
    for module in modules:
        for call, line in module.calls.items():
            if call.startswith(_REACHING):
                raise BadPolicy(f"{module.name}:{line}: there is no function `{call}`")
    with tempfile.TemporaryDirectory(prefix="envmgr-policy-") as folder:
        files = [_written(Path(folder), number, module) for number, module in enumerate(modules)]
        given = [word for file in files for word in ("--data", str(file))]
        command = [program, "eval", "--format", "json", "--strict-builtin-errors", "--stdin-input", *given]
        said = _output([*command, _QUERY], json.dumps(document).encode(), folder, seconds)
    try:
        answer = json.loads(said)
        if errors := answer.get("errors"):
            raise BadPolicy(" ".join(str(errors[0]["message"]).split())[:_TEXT])
        value = answer["result"][0]["expressions"][0]["value"]
        return {rule: [each for found in value[rule] for each in _each(found)] for rule in ("deny", "warn")}
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise BadPolicy("its evaluation came to no end, or used too much memory") from error


def _each(found: object) -> Sequence[object]:
    """What a rule gives one by one; a set comes as a list."""
    return found if isinstance(found, list) else [found]


def _written(folder: Path, number: int, module: Module) -> Path:
    """The very text that was looked at, in a file by a name that means nothing to the program."""
    file = folder / f"{number}.rego"
    file.write_text(module.text, encoding="utf-8")
    return file


def _output(command: Sequence[str], given: bytes, folder: str, seconds: float) -> bytes:
    """What the program prints, errors of policies too; it has no environment, and may use only so much."""
    child = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # Go clears up once it has so much, well before the limit that would end it.
        env={"GOMEMLIMIT": str(_MEMORY // 2)},
        cwd=folder,
    )
    with child:
        try:
            # It may have ended already: what it said is read all the same.
            with suppress(ProcessLookupError):
                resource.prlimit(child.pid, resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
                resource.prlimit(child.pid, resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 1))
            return child.communicate(given, timeout=seconds)[0]
        except subprocess.TimeoutExpired as error:
            raise BadPolicy(f"it took longer than {seconds:g} s") from error
        finally:
            child.kill()
