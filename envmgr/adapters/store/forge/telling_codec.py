"""What a forge is told, as JSON text and back."""

import json
from dataclasses import asdict

from envmgr.domain.values.forge.report import CommitStatus, DeploymentReport, ReportState
from envmgr.domain.values.forge.telling import CommentText, Document

_KINDS = {"status": CommitStatus, "deployment": DeploymentReport, "comment": CommentText}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def dump_document(document: Document) -> str:
    """A document with its kind."""
    return json.dumps({"kind": _NAMES[type(document)], **asdict(document)}, separators=(",", ":"))


def load_document(text: str) -> Document:
    """What `dump_document` wrote."""
    fields = json.loads(text)
    kind = _KINDS[fields.pop("kind")]
    if "state" in fields:
        fields["state"] = ReportState(fields["state"])
    made: Document = kind(**fields)
    return made
