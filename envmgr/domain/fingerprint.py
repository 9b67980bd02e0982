"""What Terraform reads, as one short value: where it is what was applied last, nothing needs to run."""

import hashlib
import json
from collections.abc import Mapping

from .environment import Source


def fingerprint(
    source: Source,
    variables: Mapping[str, object],
    terraform_version: str,
    backend: tuple[str, Mapping[str, object]],
) -> str:
    """SHA-256 (hex) over all that decides what a plan would be, apart from the cloud itself."""
    return digest(
        {
            "source": [source.kind, source.path, source.scope, source.tree],
            "variables": variables,
            "terraform": terraform_version,
            "backend": [backend[0], backend[1]],
        }
    )


def digest(document: object) -> str:
    """SHA-256 (hex) of a JSON value, independent of the order of its keys."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), default=_plain)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)
