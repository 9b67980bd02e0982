"""Giving way to newer commits, but not for ever."""

from envmgr.domain.values.environment import RunKind, RunStatus

from .job import Job, Superseded

# After two plans in a row for nothing, the third is applied though it is not the newest: else constant pushes
# would keep a branch from ever being applied.
_IN_A_ROW = 2
_LOOKED_AT = 20


def check_newest(job: Job, commit: str, kind: RunKind) -> None:
    """Raises Superseded where a newer commit came, unless that stopped the two runs of this kind before already.

    So a branch that is pushed without end is applied and deployed now and then. A person's work goes on.
    """
    newest = job.reload().target
    if job.mode.is_by_hand or newest == commit:
        return
    runs = job.services.store.runs(job.environment.id, limit=_LOOKED_AT)
    earlier = [run for run in runs if run.kind is kind][1 : _IN_A_ROW + 1]
    if len(earlier) < _IN_A_ROW or any(run.status is not RunStatus.SUPERSEDED for run in earlier):
        raise Superseded(f"Superseded by {newest[:10]}.")
