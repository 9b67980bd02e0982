"""What bringing code to run, and asking how it answers, write of an environment."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from envmgr.domain.values.deployment import Deployment, WayBack
from envmgr.domain.values.environment import Environment, Failure, Status
from envmgr.domain.values.health import Condition, Health, HealthCheck
from envmgr.domain.values.step import Step

from .standing import stands
from .work import succeeded


def nothing_to_deploy(before: Environment, remark: str) -> Environment:
    """Its infrastructure is all there is to it."""
    return replace(succeeded(before, remark), deployment=None, health=None)


def to_be_deployed(before: Environment, commit: str, run: int | None) -> Environment:
    """Its infrastructure is there, by the run of the apply or by none; its code is next."""
    found = _deployment(before)
    return replace(
        stands(before, Status.RUNNING, f"Deploys {commit[:10]}."),
        deployment=found if run is None else replace(found, apply=run),
    )


def began(before: Environment, steps: Iterable[Step]) -> Environment:
    """Steps are about to run, to deploy or to end what is deployed: until they are over, nobody knows what runs."""
    return replace(before, deployment=_deployment(before).beginning(steps))


def deployed(
    before: Environment, commit: str, rules: str, check: HealthCheck | None, now: datetime, remark: str = ""
) -> Environment:
    """A commit's code runs; where nothing is asked for its health, it counts as healthy."""
    found = _deployment(before)
    runs = replace(found, commit=commit, rules=rules, after=found.apply, ended=False, begun=(), back=None)
    if check is None:
        return replace(
            succeeded(before, remark), deployment=replace(runs, healthy_commit=commit), health=None
        )
    return replace(
        stands(before, Status.RUNNING, f"{commit[:10]} is deployed; waits until it is healthy."),
        deployment=runs,
        health=Health(check=check, condition=Condition.STARTING, since=now),
    )


def ended(before: Environment) -> Environment:
    """The steps before a destroy were run: nothing of its code runs any more."""
    return replace(before, deployment=replace(_deployment(before), ended=True, begun=(), back=None))


def went_back(before: Environment, commit: str) -> Environment:
    """The code of an earlier commit runs again in the same infrastructure."""
    return replace(before, deployment=replace(_deployment(before), commit=commit, begun=(), back=None))


# --- health ----------------------------------------------------------------------------------------


def healthy(before: Environment, check: HealthCheck, now: datetime) -> Environment:
    """What runs answers as it should."""
    found = before.deployment
    # Where a way back began and did not end, what answers may be the code that was to come back.
    commit = (found.known_commit or found.healthy_commit) if found else None
    return replace(
        succeeded(before),
        health=Health(check=check, condition=Condition.HEALTHY, since=now),
        deployment=found and replace(found, healthy_commit=commit, back=None),
    )


def answered(before: Environment, status: Status, message: str, health: Health) -> Environment:
    """How a watched environment answers otherwise than before."""
    return replace(stands(before, status, message), health=health)


def not_healthy(
    before: Environment, message: str, health: Health, attempt: str, back: WayBack | None = None
) -> Environment:
    """What was deployed did not become healthy: only a change or a person helps, or a way `back` that failed until now.

    No run failed, so none counts: by that it is known that nothing but its health is why it failed.
    """
    found = before.deployment
    return replace(
        stands(before, Status.FAILED, message),
        health=health,
        failure=Failure(on=attempt),
        deployment=found and replace(found, back=back),
    )


def _deployment(found: Environment) -> Deployment:
    return found.deployment or Deployment()
