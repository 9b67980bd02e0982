"""What verbs give, as objects that all doors share."""

from typing import TYPE_CHECKING

from envmgr.domain.values.drift import Drift
from envmgr.domain.values.environment import Environment
from envmgr.views import documents

if TYPE_CHECKING:
    from envmgr.views import objects

    from .operations import PlanShown


def planned(found: Environment, shown: "PlanShown | None") -> "objects.PlanObject":
    """What would change; `shown` is None where nothing was applied that could be destroyed."""
    plan, run = (shown.plan, shown.run) if shown is not None else (None, None)
    resources = plan.resources if plan else ()
    return {
        **documents.environment(shown.environment if shown is not None else found),
        "run": run.id if run else None,
        "planned_commit": run.commit if run else None,
        "has_changes": plan is not None,
        "changes": documents.changes(plan.changes) if plan else None,
        "warnings": list(shown.warnings) if shown is not None else [],
        "refused": (shown.refused or None) if shown is not None else None,
        "resources": [
            {"address": r.address, "actions": list(r.actions)} for r in resources if r.actions != ("no-op",)
        ],
    }


def checked(found: Environment, drift: Drift) -> "objects.CheckedObject":
    """What a look for drift came to."""
    identity = found.id
    return {
        "organization": identity.organization,
        "repository": identity.repository,
        "branch": found.branch,
        "environment": identity.name,
        "application": identity.application or None,
        "drift": documents.drift(drift),
    }
