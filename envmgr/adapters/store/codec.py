"""Domain values as JSON text, exactly and both ways.

The text is ASCII (everything else is escaped), so lone surrogates and NUL, which neither database
takes in text, come back as they went in.
"""

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from envmgr.domain.claim_document import claim_document, parse_claim
from envmgr.domain.environment import Changes, Claim, Output, ProcessId

_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
_decode = json.JSONDecoder().raw_decode  # without the second pass for blanks: these are the hot paths
_CLAIM_FIELDS = tuple(field.name for field in fields(Claim))


def dump_claim(claim: Claim) -> str:
    """A claim as a JSON object."""
    return _encode(claim_document(claim))


class _KeptClaim(Claim):
    """A claim that is parsed when a field is first asked for: most who read environments ask for none."""

    __slots__ = ("_text",)

    _text: str

    def __getattr__(self, name: str) -> Any:
        if name not in _CLAIM_FIELDS:
            raise AttributeError(name)
        claim = parse_claim(_decode(self._text)[0])
        for field in _CLAIM_FIELDS:
            object.__setattr__(self, field, getattr(claim, field))
        return getattr(claim, name)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Claim):
            return NotImplemented
        return all(getattr(self, field) == getattr(other, field) for field in _CLAIM_FIELDS)

    __hash__ = None  # type: ignore[assignment]  # as a claim's: its mappings have none


def load_claim(text: str) -> Claim:
    """What `dump_claim` wrote; members of a later release are left out."""
    claim = _KeptClaim.__new__(_KeptClaim)
    object.__setattr__(claim, "_text", text)
    return claim


def dump_outputs(outputs: Mapping[str, Output]) -> str:
    """Outputs as `{name: [value, sensitive]}`; a sensitive value is never written, whoever gives it."""
    return _encode({n: [None if o.sensitive else o.value, o.sensitive] for n, o in outputs.items()})


def load_outputs(text: str) -> dict[str, Output]:
    """What `dump_outputs` wrote."""
    if text == "{}":
        return {}
    return {name: Output(value, sensitive) for name, (value, sensitive) in _decode(text)[0].items()}


def dump_resources(resources: tuple[str, ...]) -> str:
    """Resource addresses as a JSON array."""
    return _encode(resources)


def load_resources(text: str) -> tuple[str, ...]:
    """What `dump_resources` wrote."""
    return () if text == "[]" else tuple(_decode(text)[0])


def dump_process(process: ProcessId) -> str:
    """A process as a JSON array; equal processes give equal text."""
    return _encode([process.host, process.boot, process.pid, process.started])


def load_process(text: str) -> ProcessId:
    """What `dump_process` wrote."""
    return ProcessId(*_decode(text)[0])


def dump_changes(changes: Changes) -> str:
    """Plan counts as a JSON array."""
    return _encode([changes.add, changes.change, changes.destroy])


def load_changes(text: str) -> Changes:
    """What `dump_changes` wrote."""
    return Changes(*_decode(text)[0])
