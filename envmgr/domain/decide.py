"""The heart: what to do with one environment now, and the sentence that says why.

Pure: an environment's record, the rules, the crowd around it and the time go in, one decision comes
out. Whoever carries a decision out asks again afterwards; nothing depends on having seen an event.
Two ordered lists of guards hold the policy: the first guard that has something to say decides.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from .backoff import LONGEST
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


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a decision depends on.

    `asked`: a person asked for this environment by name, so a back-off is not waited for; no guard
    is loosened by it.
    """

    environment: Environment
    policy: Policy
    crowd: Crowd
    now: datetime
    asked: bool = False

    @property
    def branch(self) -> str:
        """The branch as it is shown."""
        return ref_component(self.environment.branch)

    @property
    def protected(self) -> bool:
        """Whether the branch is one that is only ever destroyed by hand."""
        return matches_any(self.environment.branch, self.policy.protected)

    @property
    def backs_off(self) -> bool:
        """Whether a failure's pause is not over yet; one longer than any pause is a clock's that was set back."""
        retry_at = self.environment.retry_at
        return not self.asked and retry_at is not None and self.now < retry_at <= self.now + LONGEST


Check = Callable[[Situation], Decision | None]


def decide(
    environment: Environment, policy: Policy, crowd: Crowd, now: datetime, *, asked: bool = False
) -> Decision:
    """The next step for an environment; see `Situation` for what goes in."""
    situation = Situation(environment, policy, crowd, now, asked)
    if not environment.is_open:
        return Rest("It is destroyed.")
    if environment.refused:
        return Rest(environment.refused)
    if environment.is_missing:
        return _first(_GONE, situation) or _destroy_gone(situation)
    return _first(_PRESENT, situation) or Apply(_why_apply(environment, policy))


def leaving(environments: Iterable[Environment]) -> int:
    """How many of a repository's environments are on their way out because their branch went away."""
    return sum(1 for e in environments if e.is_open and e.is_missing and not e.refused)


def active(environments: Iterable[Environment]) -> int:
    """How many of an organization's environments have, or are about to get, resources."""
    return sum(1 for e in environments if e.is_open and (e.claim is not None or e.status is Status.RUNNING))


def attempt_key(environment: Environment, policy: Policy) -> str:
    """What a failed attempt was made on: while it stays the same, only time or a person helps."""
    return f"{environment.commit}:{policy.inputs}"


def is_settled(environment: Environment, policy: Policy) -> bool:
    """Whether the cloud has what the branch and the configuration say."""
    return (
        environment.applied_commit == environment.commit
        and environment.applied_inputs == policy.inputs
        and environment.status is Status.READY
    )


def _first(checks: Iterable[Check], situation: Situation) -> Decision | None:
    return next((found for check in checks if (found := check(situation)) is not None), None)


def _unmatched(situation: Situation) -> Decision | None:
    environment = situation.environment
    if matches_any(environment.branch, situation.policy.branches):
        return None
    reason = f"No pattern of {environment.id.repository_id} matches branch {situation.branch} any more"
    if environment.claim is None:
        return Close(f"{reason}, and nothing was applied.")
    return Wait(f"{reason}: left alone; `envmgr destroy {environment.label}` ends it.")


# --- the branch is gone ------------------------------------------------------------------------


def _left_alone(situation: Situation) -> Decision | None:
    environment = situation.environment
    if environment.claim is None:
        return None
    if environment.suspended:
        return Rest(f"{environment.suspended} Its branch {situation.branch} is gone.")
    if situation.protected:
        by_hand = f"`envmgr destroy {environment.label}` ends it by hand"
        return Wait(f"Branch {situation.branch} is gone, but it is protected: {by_hand}.")
    return None


def _not_surely_gone(situation: Situation) -> Decision | None:
    environment, policy = situation.environment, situation.policy
    due = (environment.absent_since or situation.now) + policy.grace_period
    if environment.absences < policy.confirmations:
        seen = f"{environment.absences} of {policy.confirmations} confirmations"
        return Wait(f"Branch {situation.branch} seems gone ({seen}).", until=due)
    if situation.now < due:
        until = f"{due:%Y-%m-%d %H:%M:%S} UTC"
        return Wait(f"Branch {situation.branch} is gone; grace period until {until}.", until=due)
    return None


def _never_applied(situation: Situation) -> Decision | None:
    if situation.environment.claim is None:
        return Close(f"Branch {situation.branch} is gone and nothing was applied.")
    return None


def _too_many_leave(situation: Situation) -> Decision | None:
    environment, limit = situation.environment, situation.policy.max_at_once
    if environment.approved is Guard.MASS_DESTROY:
        return None
    if environment.hold is not Guard.MASS_DESTROY and situation.crowd.leaving <= limit:
        return None
    return Wait(
        f"Branches of {environment.id.repository_id} went away together, more than destroy.max_at_once "
        f"({limit}): `envmgr approve {environment.label}` destroys it, or restore the branch.",
        hold=Guard.MASS_DESTROY,
    )


def _backing_off(situation: Situation) -> Decision | None:
    if situation.backs_off:
        return Rest(situation.environment.message, until=situation.environment.retry_at)
    return None


def _destroy_gone(situation: Situation) -> Decision:
    since = situation.environment.absent_since or situation.now
    return Destroy(
        f"Branch {situation.branch} is gone since {since:%Y-%m-%d %H:%M:%S} UTC.", Status.DESTROYED
    )


_GONE: tuple[Check, ...] = (
    _unmatched,
    _left_alone,
    _not_surely_gone,
    _too_many_leave,
    _never_applied,
    _backing_off,
)


# --- the branch is there -----------------------------------------------------------------------


def _suspended(situation: Situation) -> Decision | None:
    environment = situation.environment
    if environment.suspended and environment.suspended_commit in (None, environment.commit):
        return Rest(environment.suspended)
    return None


def _expired(situation: Situation) -> Decision | None:
    environment = situation.environment
    end = environment.expires_at
    if environment.claim is None or end is None or situation.now < end or situation.protected:
        return None
    if _is_untried(situation):  # a push that the end overtook still counts
        return None
    reason = f"Its time to live ended at {end:%Y-%m-%d %H:%M} UTC; a push or `envmgr resume` brings it back."
    return _backing_off(situation) or Destroy(reason, Status.SUSPENDED, because=reason)


def _is_untried(situation: Situation) -> bool:
    environment = situation.environment
    tried = environment.failed_on == attempt_key(environment, situation.policy)
    return environment.commit != environment.applied_commit and not tried


def _settled(situation: Situation) -> Decision | None:
    return Rest("") if is_settled(situation.environment, situation.policy) else None


def _failed_on_this(situation: Situation) -> Decision | None:
    environment = situation.environment
    if situation.asked or environment.failed_on != attempt_key(environment, situation.policy):
        return None
    if environment.retry_at is None or situation.backs_off:
        return Rest(environment.message, until=environment.retry_at)
    return None


def _over_the_limit(situation: Situation) -> Decision | None:
    environment, limit = situation.environment, situation.policy.max_environments
    if environment.claim is not None or environment.approved is Guard.LIMIT:
        return None
    if situation.crowd.active < limit:
        return None
    return Wait(
        f"{environment.id.organization} has {situation.crowd.active} environments, its limits.environments is "
        f"{limit}: delete a branch, raise the limit, or `envmgr approve {environment.label}`.",
        hold=Guard.LIMIT,
    )


_PRESENT: tuple[Check, ...] = (_unmatched, _suspended, _expired, _settled, _failed_on_this, _over_the_limit)


def _why_apply(environment: Environment, policy: Policy) -> str:
    commit = environment.commit[:10]
    if environment.applied_commit is None:
        return f"First apply of {commit}."
    if environment.applied_commit != environment.commit:
        return f"Branch moved from {environment.applied_commit[:10]} to {commit}."
    if environment.applied_inputs != policy.inputs:
        return "Variables, module, backend or Terraform version changed."
    return f"Not as {commit} wants it: {environment.status}."
