"""The backend as a file beside the branch's code, and what the branch may say about backends itself.

Ours is at first no override: so Terraform, the only reader of HCL that is always right, reports every
other `backend` or `cloud` block instead of hiding one that may have a state. Only where all of those are
empty blocks of our type, made to be filled in, does ours become an override. What Terraform really
configured is compared afterwards, so that no override file of the branch gets its way either.
"""

import json
import os
import re
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.code import instead_of, is_code
from envmgr.host.leftovers import clear
from envmgr.host.strange import content
from envmgr.host.system import create_private

from .diagnostics import Diagnostic, Location

PLAIN = "envmgr_backend.tf.json"
OVERRIDE = "envmgr_backend_override.tf.json"
CONFIGURED = "terraform.tfstate"
"""In the data folder: what `init` configured as the backend (and no state)."""
CONFLICTS = (
    "Duplicate backend configuration",
    "Both a backend and cloud configuration",
    "Both a backend and a cloud configuration",
    "Duplicate HCP Terraform configurations",
    "Duplicate cloud configurations",
)

_LARGEST = 64 * 1024 * 1024
"""Bytes of a file that is read; no code that is let in is that large, and no configuration."""

Backend = tuple[str, Mapping[str, object]]

_EMPTY_BODY = r"\s*\{(?:\s|#[^\n]*\n|//[^\n]*\n|/\*.*?\*/)*\}"
_SECRETS = {
    "access_key": "ARM_ACCESS_KEY or AWS_ACCESS_KEY_ID",
    "sas_token": "ARM_SAS_TOKEN",
    "client_secret": "ARM_CLIENT_SECRET",
    "client_certificate": "ARM_CLIENT_CERTIFICATE",
    "client_certificate_password": "ARM_CLIENT_CERTIFICATE_PASSWORD",
    "oidc_token": "ARM_OIDC_TOKEN",
    "oidc_request_token": "ARM_OIDC_REQUEST_TOKEN",
    "secret_key": "AWS_SECRET_ACCESS_KEY",
    "token": "AWS_SESSION_TOKEN",
    "sse_customer_key": "AWS_SSE_CUSTOMER_KEY",
}


def render(backend: Backend) -> str:
    """The backend as Terraform JSON; raises NeedsPerson for settings that hold a credential."""
    kind, settings = backend
    for name in settings:
        if name in _SECRETS:
            raise NeedsPerson(
                f"backend.{kind}.{name} is a credential and would be written to files: "
                f"give it as {_SECRETS[name]} under environment_variables instead."
            )
    return json.dumps({"terraform": {"backend": {kind: settings}}}, sort_keys=True)


def write(root: Path, backend: Backend, *, override: bool) -> None:
    """Writes the backend's file into a root, replacing whatever has its name."""
    for name in (PLAIN, OVERRIDE):
        clear(root / name)
        clear(root / instead_of(name))
    write_new(root / (OVERRIDE if override else PLAIN), render(backend))


def write_new(path: Path, text: str) -> None:
    """Writes a private file that is not there yet, never through a symlink."""
    with os.fdopen(create_private(path), "w", encoding="utf-8") as file:
        file.write(text)


def configuration_digest(root: Path) -> str:
    """Identifies the root module's own files: while they stay, so do the branch's backend blocks."""
    digest = sha256()
    for path in sorted(root.iterdir()):
        if is_code(path.name) and path.name not in {PLAIN, OVERRIDE}:
            digest.update(f"{path.name}\0".encode(errors="surrogateescape"))
            digest.update(sha256(content(path, _LARGEST) or b"").digest())
    return digest.hexdigest()


def may_override(root: Path, kind: str, errors: Iterable[Diagnostic], folder: str = "") -> bool:
    """Whether the branch's own blocks, which Terraform's errors name, are empty and of our type.

    False where there is none; raises NeedsPerson for one that says anything.
    """
    conflicts = [error for error in errors if error.summary.startswith(CONFLICTS)]
    ours = {PLAIN, OVERRIDE}
    blocks = [place for error in conflicts for place in error.locations() if place.file not in ours]
    for place in blocks:
        _require_empty(root, kind, place, folder)
    return bool(blocks)


def _require_empty(root: Path, kind: str, place: Location, folder: str) -> None:
    source = _source(root, place)
    if re.match(rf'backend\s+"{re.escape(kind)}"{_EMPTY_BODY}', source, re.DOTALL):
        return
    named = re.match(r'backend\s+"([^"\n]*)"', source)
    what = f"backend block of its own ({named[1]})" if named else "backend or cloud block of its own"
    raise NeedsPerson(
        f"{place.within(folder)} has a {what}, but envmgr sets the backend: remove it, "
        f'or leave an empty `backend "{kind}" {{}}`.'
    )


def _source(root: Path, place: Location) -> str:
    """The file's text from a place on; empty where it is not a regular file of the root."""
    path = root / place.file
    if Path(place.file).name != place.file or path.is_symlink() or not path.is_file():
        return ""
    lines = path.read_text(errors="replace").splitlines(keepends=True)[place.line - 1 :]
    return "".join(lines)[place.column - 1 :]


def check_configured(data: Path, backend: Backend) -> None:
    """Compares what `init` configured with what it should; raises NeedsPerson where the branch changed it."""
    if not is_configured(data, backend):
        raise NeedsPerson(
            "A file of the branch (`*_override.tf`, or a cloud block) changes the backend that envmgr sets: "
            "remove its backend or cloud block."
        )


def is_configured(data: Path, backend: Backend) -> bool:
    """Whether a data folder has exactly this backend configured, and nothing besides."""
    kind, settings = backend
    try:
        configured = json.loads(content(data / CONFIGURED, _LARGEST) or b"").get("backend") or {}
    except (ValueError, AttributeError, RecursionError):
        configured = {}
    return configured.get("type") == kind and _equals(configured.get("config"), settings)


def _equals(configured: Any, wanted: object) -> bool:
    """Whether exactly what is wanted is configured; Terraform adds nulls and may write numbers as text."""
    if isinstance(wanted, Mapping):
        return isinstance(configured, Mapping) and all(
            _equals(configured.get(key), wanted.get(key)) for key in {*configured, *wanted}
        )
    if wanted is None:
        return _says_nothing(configured)
    if isinstance(wanted, list | tuple):
        return isinstance(configured, list) and list(map(_text, configured)) == list(map(_text, wanted))
    return _text(configured) == _text(wanted)


def _says_nothing(configured: object) -> bool:
    """What Terraform writes for a setting that nobody gave: null, or a block of such."""
    if isinstance(configured, Mapping):
        return all(map(_says_nothing, configured.values()))
    return configured is None or configured == []


def _text(value: object) -> str:
    return json.dumps(value) if isinstance(value, bool) or value is None else str(value)
