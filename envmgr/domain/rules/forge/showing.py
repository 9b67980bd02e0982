"""An environment's record as the comment of its pull request shows it."""

from collections.abc import Iterable

from envmgr.domain.values.environment import Changes, Environment, Run, Status, WaitsFor
from envmgr.domain.values.forge.shown import (
    ApprovalShown,
    EnvironmentShown,
    PlanShown,
    ResourceShown,
)
from envmgr.domain.values.pipeline.proposal import Proposal, plan_name

from .statuses import Place


def environment_shown(found: Environment, applied: Run | None, place: Place) -> EnvironmentShown:
    """A row of the table, and what is told below it; `applied` is the last run that changed anything by an apply."""
    proposal = found.proposed
    application = f":{found.id.application}" if found.id.application else ""
    return EnvironmentShown(
        label=f"{found.id.name}{application}",
        status=found.status.value,
        sentence=_sentence(found),
        url=found.applied.url or "",
        page=place.address(found) if place.page else "",
        commit=found.target,
        ends=found.life.expires_at if found.status is not Status.DESTROYING else None,
        plan=_proposed(proposal, place) if proposal is not None else _applied(found, applied, place),
        checks=proposal.checks if proposal is not None else (),
        approval=_approval(proposal) if proposal is not None and proposal.rejection is None else None,
    )


def _sentence(found: Environment) -> str:
    """Why it is so; of a plan that waits the rest is told below, and by which verbs it is let through on the host is nothing here."""
    proposal = found.proposed
    if proposal is None or found.waits is None or found.waits.on is not WaitsFor.APPROVAL:
        return found.said
    return f"The plan of {proposal.commit[:10]} waits for approval. {' '.join(proposal.reasons)}"


def _proposed(proposal: Proposal, place: Place) -> PlanShown:
    return PlanShown(
        commit=proposal.commit,
        is_applied=False,
        changes=Changes(**{name: proposal.changes.get(name, 0) for name in ("add", "change", "destroy")}),
        resources=_resources(proposal.actions),
        log=_log(proposal.run, place),
    )


def _word(actions: str) -> str:
    """One word for what Terraform calls `create`, `delete/create` and so on."""
    return "replace" if "/" in actions else actions


def _applied(found: Environment, run: Run | None, place: Place) -> PlanShown | None:
    if run is None or run.changes is None:
        return None
    return PlanShown(
        commit=run.commit,
        is_applied=True,
        changes=run.changes,
        resources=_resources(found.applied.changed),
        log=_log(run.id, place),
    )


def _resources(actions: Iterable[tuple[str, str]]) -> tuple[ResourceShown, ...]:
    return tuple(ResourceShown(address, _word(done)) for done, address in actions)


def _log(run: int | None, place: Place) -> str:
    return f"{place.page}/runs/{run}" if place.page and run is not None else ""


def _approval(proposal: Proposal) -> ApprovalShown:
    return ApprovalShown(
        by=tuple(each.by for each in proposal.approvals),
        needed=proposal.terms.needed,
        role=proposal.terms.role.value,
        until=proposal.expires_at,
        plan=plan_name(proposal.digest),
    )
