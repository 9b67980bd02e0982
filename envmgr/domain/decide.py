"""The heart: what to do with one environment now, and the sentence that says why.

Pure: an environment's record, the rules, the crowd around it and the time go in, one decision comes
out. Whoever carries a decision out asks again afterwards; nothing depends on having seen an event.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from .environment import Environment, Guard, Status
from .names import matches_any, ref_component
from .policy import Crowd, Policy


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to do. `until` is when to look again although nothing happened, if ever."""

    reason: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Held back: by the guard `hold` until a person approves, or by time `until`."""

    reason: str
    until: datetime | None = None
    hold: Guard | None = None


@dataclass(frozen=True, slots=True)
class Apply:
    """Bring the cloud to the branch's newest commit."""

    reason: str


@dataclass(frozen=True, slots=True)
class Destroy:
    """Destroy all it has, verify, and leave it as `then` with the reason `because`."""

    reason: str
    then: Status
    because: str = ""


@dataclass(frozen=True, slots=True)
class Close:
    """Nothing was ever applied and the branch is surely gone: only the record is closed."""

    reason: str


Decision = Rest | Wait | Apply | Destroy | Close


def decide(
    environment: Environment,
    policy: Policy,
    crowd: Crowd,
    now: datetime,
    *,
    asked: bool = False,
) -> Decision:
    """The next step for an environment.

    `asked`: a person asked for this environment by name, so a back-off is not waited for; no guard
    is loosened by it.
    """
    if not environment.is_open:
        return Rest("It is destroyed.")
    if environment.refused:
        return Rest(environment.refused)
    if environment.absences:
        return _decide_gone(environment, policy, crowd, now, asked)
    return _decide_present(environment, policy, crowd, now, asked)


def leaving(environments: Iterable[Environment]) -> int:
    """How many of a repository's environments are on their way out because their branch went away."""
    return sum(1 for e in environments if e.is_open and e.absences and not e.refused)


def active(environments: Iterable[Environment]) -> int:
    """How many of an organization's environments have, or may have, resources."""
    return sum(1 for e in environments if e.is_open and e.claim is not None)


def _decide_gone(
    environment: Environment, policy: Policy, crowd: Crowd, now: datetime, asked: bool
) -> Decision:
    branch = ref_component(environment.branch)
    since = environment.absent_since or now
    due = since + policy.grace_period
    if environment.claim is not None:
        if environment.suspended:
            return Rest(f"Suspended ({environment.suspended}), although branch {branch} is gone.")
        if matches_any(environment.branch, policy.protected):
            return Wait(f"Branch {branch} is gone, but it is protected: `envmgr destroy` ends it by hand.")
    if environment.absences < policy.confirmations:
        seen = f"{environment.absences} of {policy.confirmations} confirmations"
        return Wait(f"Branch {branch} seems gone ({seen}).", until=due)
    if now < due:
        return Wait(f"Branch {branch} is gone; grace period until {due:%Y-%m-%d %H:%M:%S} UTC.", until=due)
    if environment.claim is None:
        return Close(f"Branch {branch} is gone and nothing was applied.")
    if environment.approved is not Guard.MASS_DESTROY:
        if environment.hold is Guard.MASS_DESTROY or crowd.leaving > policy.max_at_once:
            return Wait(_mass_destroy(environment, policy, crowd), hold=Guard.MASS_DESTROY)
    if not asked and _backs_off(environment, now):
        return Rest(environment.message, until=environment.retry_at)
    return Destroy(f"Branch {branch} is gone since {since:%Y-%m-%d %H:%M:%S} UTC.", Status.DESTROYED)


def _mass_destroy(environment: Environment, policy: Policy, crowd: Crowd) -> str:
    number = max(crowd.leaving, policy.max_at_once + 1)
    return (
        f"{number} branches of {environment.id.repository_id} went away together, more than "
        f"destroy.max_at_once ({policy.max_at_once}): `envmgr approve {environment.label}` destroys it, "
        "or restore the branch."
    )


def _decide_present(
    environment: Environment, policy: Policy, crowd: Crowd, now: datetime, asked: bool
) -> Decision:
    if environment.suspended and environment.suspended_commit in (None, environment.commit):
        return Rest(environment.suspended)
    if _is_expired(environment, policy, now):
        if not asked and _backs_off(environment, now):
            return Rest(environment.message, until=environment.retry_at)
        end = f"{environment.expires_at:%Y-%m-%d %H:%M} UTC"
        reason = f"Its time to live ended at {end}; a push or `envmgr resume` brings it back."
        return Destroy(reason, Status.SUSPENDED, because=reason)
    if is_settled(environment, policy):
        return Rest("")
    if environment.failed_on == attempt_key(environment, policy) and not asked:
        if environment.retry_at is None or now < environment.retry_at:
            return Rest(environment.message, until=environment.retry_at)
    if environment.claim is None and crowd.active >= policy.max_environments:
        if environment.approved is not Guard.LIMIT:
            return Wait(_limit(environment, policy, crowd), hold=Guard.LIMIT)
    return Apply(_why_apply(environment, policy))


def is_settled(environment: Environment, policy: Policy) -> bool:
    """Whether the cloud has what the branch and the configuration say."""
    return (
        environment.applied_commit == environment.commit
        and environment.applied_inputs == policy.inputs
        and environment.status in (Status.READY, Status.RUNNING)
    )


def attempt_key(environment: Environment, policy: Policy) -> str:
    """What a failed attempt was made on: while it stays the same, only time or a person helps."""
    return f"{environment.commit}:{policy.inputs}"


def _is_expired(environment: Environment, policy: Policy, now: datetime) -> bool:
    if environment.expires_at is None or environment.claim is None:
        return False
    return now >= environment.expires_at and not matches_any(environment.branch, policy.protected)


def _backs_off(environment: Environment, now: datetime) -> bool:
    return environment.failures > 0 and environment.retry_at is not None and now < environment.retry_at


def _limit(environment: Environment, policy: Policy, crowd: Crowd) -> str:
    return (
        f"{environment.id.organization} has {crowd.active} environments, its limits.environments is "
        f"{policy.max_environments}: delete a branch, raise the limit, or `envmgr approve {environment.label}`."
    )


def _why_apply(environment: Environment, policy: Policy) -> str:
    commit = environment.commit[:10]
    if environment.applied_commit is None:
        return f"First apply of {commit}."
    if environment.applied_commit != environment.commit:
        return f"Branch moved from {environment.applied_commit[:10]} to {commit}."
    if environment.applied_inputs != policy.inputs:
        return "Variables, module, backend or Terraform version changed."
    return f"Not as {commit} wants it: {environment.status}."
