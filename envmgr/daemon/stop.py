"""Bringing an environment down by its schedule's own commands, with all it has left in place."""

from dataclasses import replace

from envmgr.domain.deployment import Deployment
from envmgr.domain.environment import RunKind, Status, Suspension

from .job import Job
from .steps import run_steps


def bring_down(job: Job, reason: str) -> None:
    """Runs the schedule's `down_run` in the code that is applied; `up` then applies again, whatever it finds."""
    environment = job.environment
    claim, schedule = environment.claim, environment.schedule or job.project.schedule
    if claim is None or schedule is None:
        return
    with job.run(RunKind.DEPLOY, claim.commit, Status.RUNNING, reason) as active:
        job.update(applied_fingerprint=None)  # from here on nobody may take it for applied
        run_steps(job, active, schedule.down_run, claim.commit)
        active.message = f"Brought down by {len(schedule.down_run)} steps; its resources stay."
    job.update(
        job.services.event(
            environment.id, "suspended", reason, commit=claim.commit, run=active.run.id, actor="schedule"
        ),
        status=Status.SUSPENDED,
        message=reason,
        suspended=reason,
        suspended_by=Suspension.SCHEDULE,
        suspended_commit=None,
        deployment=replace(environment.deployment or Deployment(), ended=True),
        failures=0,
        failed_on="",
        retry_at=None,
    )
