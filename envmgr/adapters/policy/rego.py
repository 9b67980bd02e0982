"""Policies in Rego as the port asks for them."""

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from envmgr.domain.errors import NeedsOperator
from envmgr.ports.policy import Findings

from . import evaluation, opa
from .narrowing import narrowed
from .source import BadPolicy, Module, check, keys_read, parsed

_LARGEST = 1024 * 1024
"""Bytes of one policy file."""
_FILES = 200
_MANY, _LONG = 100, 500
"""How many findings are taken of a rule, and how long each may be."""


class RegoPolicies:
    """Evaluates Rego in a child process without environment, that may use little; whatever goes wrong is an error.

    By the package regopy; where that is not to be had, by the program `opa`.
    """

    def __init__(self, seconds: float = 30, *, narrows: bool = True) -> None:
        """An evaluation may take so long; it `narrows` the plan for policies that read by name."""
        self._seconds, self._narrows = seconds, narrows

    def evaluate(self, policy: Path, document: Mapping[str, Any]) -> Findings:
        """See the port."""
        try:
            modules = [parsed(name, text) for name, text in _files(policy)]
            check(modules)
            found = narrowed(document, modules) if self._narrows else document
            answer = self._answer(modules, found)
            return Findings(deny=_findings(answer["deny"]), warn=_findings(answer["warn"]))
        except BadPolicy as error:
            raise NeedsOperator(
                f"The policy {policy} cannot be relied on, so nothing is applied: {error}."
            ) from error

    def _answer(self, modules: Sequence[Module], document: Mapping[str, Any]) -> Mapping[str, Any]:
        keys = keys_read(modules)
        found = document if keys is None else {key: each for key, each in document.items() if key in keys}
        if not _has_engine():
            return opa.evaluated(_program(), modules, found, self._seconds)
        asked = {
            "modules": [{"name": m.name, "package": m.package, "text": m.text} for m in modules],
            "calls": _foreign_calls(modules),
            "input": dict(found),
        }
        try:
            done = subprocess.run(
                # Isolated: nobody's settings, and no module from the working folder.
                [sys.executable, "-I", evaluation.__file__],
                input=json.dumps(asked).encode(),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={},
                cwd="/",
                timeout=self._seconds,
                check=True,
            )
            answer: Mapping[str, Any] = json.loads(done.stdout)
            if "error" in answer:
                raise BadPolicy(answer["error"])
        except subprocess.TimeoutExpired as error:
            raise BadPolicy(f"it took longer than {self._seconds:g} s") from error
        except (subprocess.CalledProcessError, ValueError) as error:
            raise BadPolicy("its evaluation came to no end, or used too much memory") from error
        return answer


def _has_engine() -> bool:
    return importlib.util.find_spec("regopy") is not None


def _program() -> str:
    """Where `opa` is. Raises BadPolicy, saying what to install, where it is not."""
    found = shutil.which("opa")
    if found is None:
        raise BadPolicy(
            "nothing here evaluates it: install the program `opa` (https://www.openpolicyagent.org) in the PATH of the "
            "daemon, since the package regopy, which else does it, is there for Linux on x86-64 only"
        )
    return found


def _files(policy: Path) -> list[tuple[str, str]]:
    """The names and texts of the policy's files; tests of policies are none."""
    try:
        files = sorted(policy.rglob("*.rego")) if policy.is_dir() else [policy]
        files = [file for file in files if not file.name.endswith("_test.rego")]
        if not files:
            raise BadPolicy("there is no file *.rego in it")
        if len(files) > _FILES or any(file.stat().st_size > _LARGEST for file in files):
            raise BadPolicy(f"it has more than {_FILES} files, or one above {_LARGEST // 1024} KiB")
        return [(file.name, file.read_text(encoding="utf-8")) for file in files]
    except UnicodeDecodeError as error:
        raise BadPolicy("one of its files is no text in UTF-8") from error
    except OSError as error:
        raise BadPolicy(f"it cannot be read ({error.strerror})") from error


def _foreign_calls(modules: Sequence[Module]) -> dict[str, str]:
    """The functions that no file defines, each with where it is called."""
    known = {name for module in modules for name in module.defines}
    return {
        call: f"{module.name}:{line}"
        for module in modules
        for call, line in module.calls.items()
        if call.partition(".")[0] not in known | {"data"}
    }


def _findings(values: Sequence[object]) -> tuple[str, ...]:
    """What a rule came to as sentences; of null and false there is none."""
    found = sorted(_text(value) for value in values if value not in (None, False))
    if len(found) > _MANY:
        found = [*found[:_MANY], f"and {len(found) - _MANY} more"]
    return tuple(found)


def _text(value: object) -> str:
    if value is True:
        return "A policy denies it without a reason."
    if isinstance(value, dict) and isinstance(value.get("msg"), str):
        value = value["msg"]
    text = value if isinstance(value, str) else json.dumps(value)
    said = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return said if len(said) <= _LONG else f"{said[: _LONG - 1]}…"
