"""Going back to an earlier commit, and looking for drift, by hand."""

from collections.abc import Callable
from dataclasses import replace

from envmgr.domain.drift import Drift
from envmgr.domain.environment import Environment, Pin
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.plan import Plan

from .application import Application
from .apply import apply
from .drift import can_check, check
from .operations import check_branch, check_window, manual, render
from .planned import Planned
from .steering import earlier_commit


def roll_back(
    application: Application,
    environment: Environment,
    revision: str,
    confirm: Callable[[str, Plan | None], bool],
    *,
    until_push: bool = False,
    override_window: bool = False,
) -> Environment:
    """Plans an earlier commit's code, has it confirmed, applies it, and holds there.

    The hold ends by `resume`, and with `until_push` also when the branch moves. It is durable before anything
    is applied, so that nobody brings the newer commit back meanwhile.
    """
    with manual(application, environment, "rollback") as job:
        check_window(job, override=override_window)
        check_branch(job)
        commit = earlier_commit(application, job.environment, revision)
        pin = Pin(commit, job.environment.commit if until_push else None)
        services, label = job.services, job.environment.label

        def confirmed(planned: Planned) -> bool:
            if not confirm(render(job, planned), planned.plan):
                return False
            until = f"`envmgr resume {label}`" + (" or the next push" if until_push else "")
            message = f"Rolled back to {commit[:10]}, held there until {until}."
            job.update(services.event(job.environment.id, "rolled-back", message, commit=commit), pin=pin)
            return True

        job.environment = replace(job.environment, pin=pin)
        job.confirm = confirmed
        apply(job, f"Rollback to {commit[:10]} by {services.actor}.")
        return job.environment


def look_for_drift(application: Application, environment: Environment) -> Drift:
    """Compares an environment with its code now, and corrects nothing."""
    with manual(application, environment, "drift") as job:
        if not can_check(job.environment, job.policy):
            raise NeedsPerson(
                f"{job.environment.label} is {job.environment.status}, so it has no settled code to be compared "
                f"with: bring it to its branch first (`envmgr apply {job.environment.label}`)."
            )
        return check(job)
