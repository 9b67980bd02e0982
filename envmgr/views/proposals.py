"""A plan that waits for approval as a JSON object, and read back from one."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from envmgr.domain.values.asking.person import Role
from envmgr.domain.values.pipeline.proposal import (
    Approval,
    Checked,
    CheckOutcome,
    Proposal,
    Rejection,
    Terms,
)

if TYPE_CHECKING:
    from . import proposal_objects


def proposal(found: Proposal) -> "proposal_objects.ProposalObject":
    """What it would do, and what was said of it."""
    rejection = found.rejection
    return {
        "commit": found.commit,
        "digest": found.digest,
        "author": found.author,
        "changes": {
            "add": found.changes.get("add", 0),
            "change": found.changes.get("change", 0),
            "destroy": found.changes.get("destroy", 0),
        },
        "resources": [
            {"address": address, "actions": actions.split("/")} for actions, address in found.actions
        ],
        "reasons": list(found.reasons),
        "requested_at": _time(found.requested_at),
        "expires_at": _time(found.expires_at),
        "needed": found.terms.needed,
        "role": found.terms.role.value,
        "approvals": [
            {"by": each.by, "role": each.role.value, "at": _time(each.at)} for each in found.approvals
        ],
        "checks": [
            {
                "name": each.name,
                "outcome": each.outcome.value,
                "findings": list(each.findings),
                "run": each.run,
            }
            for each in found.checks
        ],
        "rejected": None
        if rejection is None
        else {"by": rejection.by, "reason": rejection.reason, "at": _time(rejection.at)},
        "run": found.run,
    }


def parsed(found: Mapping[str, Any]) -> Proposal:
    """The same read back; LookupError, TypeError or ValueError where it is not one."""
    rejected, requested, expires = (
        found["rejected"],
        _moment(found["requested_at"]),
        _moment(found["expires_at"]),
    )
    return Proposal(
        on="",
        commit=str(found["commit"]),
        digest=str(found["digest"]),
        author=str(found["author"]),
        terms=Terms(needed=int(found["needed"]), role=Role(found["role"]), expires=timedelta()),
        requested_at=requested,
        expires_at=expires,
        reasons=tuple(map(str, found["reasons"])),
        changes={name: int(found["changes"][name]) for name in ("add", "change", "destroy")},
        actions=tuple(
            ("/".join(map(str, each["actions"])), str(each["address"])) for each in found["resources"]
        ),
        run=None if found["run"] is None else int(found["run"]),
        checks=tuple(
            Checked(str(each["name"]), CheckOutcome(each["outcome"]), tuple(map(str, each["findings"])))
            for each in found["checks"]
        ),
        approvals=tuple(
            Approval(by=str(each["by"]), who="", role=Role(each["role"]), at=_moment(each["at"]))
            for each in found["approvals"]
        ),
        rejection=None
        if rejected is None
        else Rejection(str(rejected["by"]), str(rejected["reason"]), _moment(rejected["at"])),
    )


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _moment(text: object) -> datetime:
    return datetime.strptime(f"{text}+0000", "%Y-%m-%dT%H:%M:%SZ%z")
