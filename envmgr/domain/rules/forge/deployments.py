"""What is said of an environment as a deployment, on forges that have these."""

from collections.abc import Sequence

from envmgr.domain.values.combined import combined, urls
from envmgr.domain.values.environment import Environment
from envmgr.domain.values.forge.report import DeploymentReport, ReportState

from .statuses import Place, sentence_of, state_of

_PRODUCTION = ("production", "prod", "live")
_WORST_FIRST = (ReportState.FAILURE, ReportState.PENDING, ReportState.RUNNING, ReportState.SUCCESS)


def deployment_of(records: Sequence[Environment], place: Place) -> DeploymentReport | None:
    """How the deployment of the commit that it is to have stands; None where that stays as it is, or there is none."""
    found = combined(records)
    is_over = found.suspended is not None or not found.is_open
    states = [state_of(each) for each in records]
    if None in states and not is_over:
        return None
    known = [state for state in states if state is not None]
    state = ReportState.INACTIVE if is_over else min(known, key=_WORST_FIRST.index)
    return DeploymentReport(
        environment=found.id.name,
        commit=found.target,
        ref=found.branch,
        state=state,
        sentence="" if is_over else sentence_of(records, state),
        url=next(iter(urls(records)), None) if state is ReportState.SUCCESS else None,
        log_url=place.address(found) or None,
        is_production=found.origin.is_named and found.id.name in _PRODUCTION,
        is_transient=not found.origin.is_named,
    )
