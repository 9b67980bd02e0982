"""What Terraform's own checks find: `validate` of what the code means, `fmt` of how it is written."""

import json
from collections.abc import Sequence
from typing import Any, Literal

from envmgr.domain.errors import NeedsOperator

from .backend import OVERRIDE, PLAIN
from .session import Session

_UNFORMATTED = 3
"""What `fmt -check` ends with where a file is not as it should be."""


def findings(session: Session, check: Literal["validate", "fmt"]) -> Sequence[str]:
    """The findings in sentences. Raises NeedsOperator where the check said nothing that can be read."""
    return _valid(session) if check == "validate" else _formatted(session)


def _valid(session: Session) -> Sequence[str]:
    outcome, text = session.document("validate")
    try:
        found = json.loads(text)
        said = [_sentence(each) for each in found["diagnostics"]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NeedsOperator("terraform validate printed nothing that can be read.") from error
    if not (found.get("valid") or said):
        said = ["The code is not valid."]
    return said if not outcome.succeeded or said else []


def _sentence(diagnostic: dict[str, Any]) -> str:
    place = diagnostic.get("range") or {}
    where = f"{place['filename']}:{place['start']['line']}: " if place else ""
    detail = " ".join(str(diagnostic.get("detail") or "").split())
    return f"{where}{diagnostic['summary']}{f': {detail}' if detail else ''}".rstrip(".") + "."


def _formatted(session: Session) -> Sequence[str]:
    outcome, text = session.document("fmt", "-check", "-recursive", json=False)
    files = [line for line in text.decode(errors="replace").splitlines() if line.strip()]
    if outcome.ended.code not in (0, _UNFORMATTED) or outcome.ended.cause is not None:
        raise NeedsOperator("terraform fmt could not look at the code: `terraform validate` says more.")
    return [
        f"{file} is not laid out as `terraform fmt` does." for file in files if file not in (PLAIN, OVERRIDE)
    ]
