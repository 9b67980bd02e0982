"""The lines Terraform prints with `-json`: one message each, and what a command said in all of them."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from envmgr.domain.values.environment import Changes, Output
from envmgr.ports import Progress, Redact

from .diagnostics import Diagnostic

_KEPT = 100
_ERROR = "Error: "
_CRASH = re.compile(
    r"(?:\S+: )?(panic|fatal error): |SIG[A-Z]+: |runtime: (out of memory|failed to)|runtime/cgo: "
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One line of output. `type` is Terraform's, empty for a line that is no message.

    `applied`: it is the last word of an apply that ended with success, after its state was written. `is_error`: an error
    in words alone, as OpenTofu's `init` has some.
    """

    text: str
    type: str = ""
    address: str = ""
    action: str = ""
    elapsed: float | None = None
    diagnostic: Diagnostic | None = None
    changes: Changes | None = None
    applied: bool = False
    outputs: Mapping[str, Output] | None = None
    is_error: bool = False

    def progress(self, redact: Redact, folder: str) -> Progress:
        """The message as a step, redacted; `folder` is the root's path in the branch."""
        return Progress(
            phase=self.type,
            text=redact(self.text),
            address=self.address,
            action=self.action,
            elapsed=self.elapsed,
            failing_check=redact(self.diagnostic.failing_check(folder)) if self.diagnostic else "",
        )


def parse(line: str) -> Message:
    """Reads a line: JSON of Terraform's, or anything else as it is."""
    if not line.startswith("{"):
        return Message(text=line)
    try:
        document = json.loads(line)
        return _message(document)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Message(text=line)


def _message(document: Mapping[str, Any]) -> Message:
    hook = document.get("hook") or document.get("change") or {}
    resource = hook.get("resource") or {}
    diagnostic = Diagnostic.from_json(document["diagnostic"]) if "diagnostic" in document else None
    outputs = _outputs(document.get("outputs") or {})
    text = str(diagnostic) if diagnostic else str(document["@message"])
    return Message(
        text=text + "".join(f"\n  {name} = {_shown(value)}" for name, value in (outputs or {}).items()),
        type=str(document.get("type", "")),
        address=str(resource.get("addr", "")),
        action=str(hook.get("action", "")),
        elapsed=hook.get("elapsed_seconds"),
        diagnostic=diagnostic,
        changes=_changes(document.get("changes")),
        applied=(document.get("changes") or {}).get("operation") in ("apply", "destroy"),
        outputs=outputs,
        is_error="type" not in document and document.get("@level") == "error",
    )


def _changes(document: Mapping[str, Any] | None) -> Changes | None:
    if document is None:
        return None
    return Changes(add=int(document["add"]), change=int(document["change"]), destroy=int(document["remove"]))


def _outputs(document: Mapping[str, Any]) -> Mapping[str, Output] | None:
    """The outputs of an apply; a plan's have no type yet and tell nothing."""
    if not any("type" in output for output in document.values()):
        return None
    return {name: _output(output) for name, output in document.items()}


def _output(document: Mapping[str, Any]) -> Output:
    sensitive = bool(document.get("sensitive"))
    return Output(None if sensitive else document.get("value"), sensitive)


def _shown(output: Output) -> str:
    return "(sensitive)" if output.sensitive else json.dumps(output.value, ensure_ascii=False)


@dataclass(slots=True)
class Transcript:
    """What a command said, as far as its result needs it; bounded however much it prints.

    `crash` is the line by which a program in Go says why it crashed; a stack of any length comes after it.
    """

    errors: list[Diagnostic] = field(default_factory=list)
    changes: Changes = field(default_factory=Changes)
    applied: bool = False
    outputs: Mapping[str, Output] = field(default_factory=dict)
    plain: list[str] = field(default_factory=list)
    crash: str = ""

    def add(self, message: Message) -> None:
        """Takes in one message."""
        if message.diagnostic and message.diagnostic.is_error and len(self.errors) < _KEPT:
            self.errors.append(message.diagnostic)
        if message.changes:
            self.changes = message.changes
            self.applied = message.applied
        if message.outputs is not None:
            self.outputs = message.outputs
        if not message.type and message.text.strip():
            said = f"{_ERROR}{message.text}" if message.is_error else message.text
            self.plain = [*self.plain[-_KEPT:], said]
            if not self.crash and _CRASH.match(message.text.strip(" │╷╵")):
                self.crash = message.text

    def has(self, *summaries: str) -> bool:
        """Whether an error has one of these summaries."""
        return any(error.summary.startswith(summaries) for error in self.errors)

    def error(self) -> Diagnostic | None:
        """The first error that names a place, else the first; else what it printed for people."""
        located = next((error for error in self.errors if error.location), None)
        return located or (self.errors[0] if self.errors else _plain_error(self.plain))


def _plain_error(lines: list[str]) -> Diagnostic | None:
    """Reads the first `Error: …` that a command without `-json` drew with its frame."""
    stripped = [line.lstrip("╷│╵ ").rstrip() for line in lines]
    for index, line in enumerate(stripped):
        if line.startswith(_ERROR):
            detail = "\n".join(stripped[index + 1 :])
            return Diagnostic(severity="error", summary=line.removeprefix(_ERROR), detail=detail)
    return None
