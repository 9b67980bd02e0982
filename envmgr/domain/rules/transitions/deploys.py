"""What bringing code to run, and asking how it answers, write of an environment."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from envmgr.domain.values.deployment import Deployment, WayBack
from envmgr.domain.values.environment import Environment, Failure, Status
from envmgr.domain.values.health import Condition, Health, HealthCheck
from envmgr.domain.values.step import Step

from .standing import stands
from .tests import up


@dataclass(frozen=True, slots=True)
class Rules:
    """What identifies how code is deployed, and what it is tested by; empty where it is not."""

    deploy: str
    tests: str = ""


def nothing_to_deploy(before: Environment, remark: str, tests: str = "") -> Environment:
    """Its infrastructure is all there is to it; `tests` is what it is tested by, if anything."""
    return replace(up(before, tests, remark), deployment=None, health=None)


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
    before: Environment,
    commit: str,
    rules: Rules,
    check: HealthCheck | None,
    now: datetime,
    remark: str = "",
) -> Environment:
    """A commit's code runs; where nothing is asked for its health, it counts as healthy."""
    found = _deployment(before)
    runs = replace(
        found, commit=commit, rules=rules.deploy, after=found.apply, ended=False, begun=(), back=None
    )
    if check is None:
        after = up(before, rules.tests, remark)
        healthy = commit if after.status is Status.READY else runs.healthy_commit
        return replace(after, deployment=replace(runs, healthy_commit=healthy), health=None)
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


def healthy(
    before: Environment, check: HealthCheck, now: datetime, tests: str = "", remark: str = ""
) -> Environment:
    """What runs answers as it should; `tests` is what it is tested by, if anything."""
    found = before.deployment
    # Where a way back began and did not end, what answers may be the code that was to come back.
    commit = (found.known_commit or found.healthy_commit) if found else None
    after = up(before, tests, remark)
    if found and after.status is not Status.READY:
        commit = found.healthy_commit
    return replace(
        after,
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
