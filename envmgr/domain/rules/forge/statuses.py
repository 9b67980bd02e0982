"""What is said of an environment by the status of its commit, as a function of its records."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from envmgr.domain.values.combined import combined, urls
from envmgr.domain.values.environment import Environment, OriginKind, Status, WaitsFor
from envmgr.domain.values.forge.report import CommitStatus, ReportState
from envmgr.domain.values.names import counted
from envmgr.domain.values.pipeline.proposal import Proposal

_GOES = frozenset(
    {
        WaitsFor.CONFIRMATIONS,
        WaitsFor.GRACE_PERIOD,
        WaitsFor.MASS_DESTROY,
        WaitsFor.HISTORY,
        WaitsFor.PROTECTED,
        WaitsFor.PATTERN,
        WaitsFor.APPLICATION,
        WaitsFor.REPOSITORY,
        WaitsFor.ORGANIZATION,
        WaitsFor.DEPENDENTS,
        WaitsFor.DRIFT,
    }
)
"""What an environment waits for that is not a step towards its commit: how the commit did stays as it was said."""
_WORST_FIRST = (ReportState.FAILURE, ReportState.PENDING, ReportState.RUNNING, ReportState.SUCCESS)


@dataclass(frozen=True, slots=True)
class Place:
    """Where statuses are: what their names begin with (`context`), and where people read on (empty: nowhere)."""

    context: str
    page: str = ""

    def status(self, name: str) -> str:
        """The name of an environment's status."""
        return f"{self.context}/{name}"

    def plan(self, name: str) -> str:
        """The name of the status of its plan."""
        return f"{self.context}/{name}/plan"

    def address(self, found: Environment) -> str:
        """Where to read on about an environment: its page, else its pull request."""
        if self.page:
            identity = found.id
            return f"{self.page}/environments/{identity.organization}/{identity.repository}/{identity.name}"
        return found.origin.url or ""


def state_of(found: Environment) -> ReportState | None:
    """How the commit that an environment is to have does there; None where what was said of it stays as it is."""
    if found.refused:
        return ReportState.FAILURE
    if found.status is Status.WAITING:
        return _waiting(found)
    if found.is_missing or found.suspended is not None or found.ending or not found.is_open:
        return None
    if found.status is Status.FAILED:
        return _failed(found)
    if found.status is Status.READY:
        return ReportState.SUCCESS if _has_its_commit(found) else ReportState.PENDING
    return {
        Status.PENDING: ReportState.PENDING,
        Status.RUNNING: ReportState.RUNNING,
        Status.DEGRADED: ReportState.FAILURE if _has_its_commit(found) else ReportState.PENDING,
    }.get(found.status)


def _waiting(found: Environment) -> ReportState | None:
    on = found.waits.on if found.waits is not None else None
    if on is WaitsFor.REJECTED and found.proposed is not None:
        return ReportState.FAILURE
    if found.is_missing or on in _GOES:
        return None
    return ReportState.PENDING


def _failed(found: Environment) -> ReportState | None:
    """A failure counts for the commit that was tried; one of an end says nothing of any commit."""
    tried, _, end = found.failure.on.partition(" ")
    if end:
        return None
    is_of_it = not tried or tried.startswith(found.target)
    return ReportState.FAILURE if is_of_it else ReportState.PENDING


def _has_its_commit(found: Environment) -> bool:
    return found.applied.commit == found.target


def state_together(records: Sequence[Environment]) -> ReportState | None:
    """The same of all applications of an environment: the worst of them."""
    states = [state_of(each) for each in records]
    known = [state for state in states if state is not None]
    return min(known, key=_WORST_FIRST.index) if known and None not in states else None


def sentence_of(records: Sequence[Environment], state: ReportState) -> str:
    """What is said with a state."""
    found = combined(records)
    if state is ReportState.PENDING and found.status is not Status.WAITING:
        return f"{found.target[:10]} waits for its turn."
    where = f"Ready at {shown[0]}." if (shown := urls(records)) else "Ready."
    begin = {ReportState.SUCCESS: where}.get(state, found.refused)
    return " ".join(filter(None, (begin, found.said))) or found.status.value.capitalize() + "."


def statuses_of(records: Sequence[Environment], place: Place) -> Iterator[CommitStatus]:
    """What is to be said of the commits of an environment: of the one that it is to have, and of one that it is held away from."""
    found, state = combined(records), state_together(records)
    context, url = place.status(found.id.name), place.address(found)
    number, branch = found.origin.number, _branch(found)
    if state is not None:
        yield CommitStatus(
            commit=found.target,
            context=context,
            state=state,
            sentence=sentence_of(records, state),
            url=url,
            number=number,
            branch=branch,
        )
    if found.is_open and found.target != found.commit:
        yield CommitStatus(
            commit=found.commit,
            context=context,
            state=ReportState.FAILURE,
            sentence=f"Held at {found.target[:10]} by a rollback or a promotion: `envmgr resume` ends that.",
            url=url,
            number=number,
            branch=branch,
        )
    yield from (replace(each, branch=branch) for each in _plans(records, place, url, number))


def _branch(found: Environment) -> str:
    return found.branch if found.origin.kind is OriginKind.BRANCH else ""


def _plans(
    records: Sequence[Environment], place: Place, url: str, number: int | None
) -> Iterator[CommitStatus]:
    """The status of the plan that waits for people; of several applications the first that still does."""
    proposed = [(e, e.proposal) for e in records if e.proposal is not None and e.is_open]
    of_target = [(e, p) for e, p in proposed if p.commit == e.target]
    if not of_target:
        return
    found, proposal = min(of_target, key=lambda each: _plan_state(each[1]) is ReportState.SUCCESS)
    yield CommitStatus(
        commit=proposal.commit,
        context=place.plan(found.id.name),
        state=_plan_state(proposal),
        sentence=_plan_sentence(found, proposal),
        url=url,
        number=number,
    )


def _plan_state(proposal: Proposal) -> ReportState:
    if proposal.rejection is not None:
        return ReportState.FAILURE
    return ReportState.PENDING if proposal.missing else ReportState.SUCCESS


def _plan_sentence(found: Environment, proposal: Proposal) -> str:
    application = f"{found.id.application}: " if found.id.application else ""
    counts = ", ".join(f"{proposal.changes.get(name, 0)} to {name}" for name in ("add", "change", "destroy"))
    if proposal.rejection is not None:
        said = f"Rejected by {proposal.rejection.by}."
    elif proposal.missing:
        said = f"Waits for {counted(proposal.missing, 'approval')}."
    else:
        said = "Approved."
    return f"{application}{counts}. {said}"
