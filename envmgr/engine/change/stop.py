"""Bringing an environment down by its schedule's own commands, with all it has left in place."""

from envmgr.domain.rules.transitions.applies import unknown
from envmgr.domain.rules.transitions.ends import brought_down
from envmgr.domain.values.cage import Purpose
from envmgr.domain.values.environment import RunKind, Status
from envmgr.domain.values.names import counted
from envmgr.engine.source.steps import run_steps
from envmgr.engine.work.job import Job


def bring_down(job: Job, reason: str) -> None:
    """Runs the schedule's `down_run` in the code that is applied; `up` then applies again, whatever it finds."""
    environment = job.environment
    claim, schedule = environment.claim, environment.schedule or job.repository.schedule
    if claim is None or schedule is None:
        return
    with job.run(RunKind.DEPLOY, claim.commit, Status.RUNNING, reason) as active:
        # Before the first command: half-way down is neither up nor down, and `up` must then apply whatever
        # the record says.
        job.update(unknown)
        run_steps(job, active, schedule.down_run, claim.commit, Purpose.DOWN)
        active.message = f"Brought down by {counted(len(schedule.down_run), 'step')}; its resources stay."
        event = job.services.event(
            environment.id, "suspended", reason, commit=claim.commit, run=active.run.id, actor="schedule"
        )
        active.settle(lambda e: brought_down(e, reason, job.began, job.services.clock()), event)
