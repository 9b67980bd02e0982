"""A proposal as JSON text, exactly and both ways."""

import json
from datetime import datetime, timedelta
from typing import Any

from envmgr.domain.values.asking.person import Role
from envmgr.domain.values.pipeline.proposal import (
    Approval,
    Checked,
    CheckOutcome,
    Proposal,
    Rejection,
    Terms,
)

_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
_PLAIN = ("on", "commit", "digest", "author", "text", "run")


def dump_proposal(found: Proposal) -> str:
    """A proposal as a JSON object."""
    terms, rejection = found.terms, found.rejection
    return _encode(
        {
            **{name: getattr(found, name) for name in _PLAIN},
            "terms": [
                terms.needed,
                terms.role,
                terms.expires.total_seconds(),
                terms.allows_author,
                terms.frees_rollback,
            ],
            "requested_at": found.requested_at.isoformat(),
            "expires_at": found.expires_at.isoformat(),
            "reasons": found.reasons,
            "changes": dict(found.changes),
            "actions": found.actions,
            "checks": [[each.name, each.outcome, each.findings, each.run] for each in found.checks],
            "approvals": [
                [each.by, each.who, each.role, each.at.isoformat(), each.identity] for each in found.approvals
            ],
            "rejection": rejection and [rejection.by, rejection.reason, rejection.at.isoformat()],
        }
    )


def load_proposal(text: str) -> Proposal:
    """What `dump_proposal` wrote."""
    found: dict[str, Any] = json.loads(text)
    needed, role, expires, *more = found["terms"]
    rejection = found["rejection"]
    return Proposal(
        **{name: found[name] for name in _PLAIN},
        terms=Terms(
            needed=needed,
            role=Role(role),
            expires=timedelta(seconds=expires),
            allows_author=more[0],
            frees_rollback=more[1],
        ),
        requested_at=datetime.fromisoformat(found["requested_at"]),
        expires_at=datetime.fromisoformat(found["expires_at"]),
        reasons=tuple(found["reasons"]),
        changes=found["changes"],
        actions=tuple((action, address) for action, address in found["actions"]),
        checks=tuple(
            Checked(name, CheckOutcome(outcome), tuple(findings), run)
            for name, outcome, findings, run in found["checks"]
        ),
        approvals=tuple(
            # Before there were forges nothing stood for them.
            Approval(by, who, Role(role), datetime.fromisoformat(at), *identity)
            for by, who, role, at, *identity in found["approvals"]
        ),
        rejection=rejection and Rejection(rejection[0], rejection[1], datetime.fromisoformat(rejection[2])),
    )
