"""The heart: what to do with one environment now, and the sentence that says why.

Pure: an environment's record, the rules, the neighbours around it and the time go in, one decision comes
out. Whoever carries a decision out asks again afterwards; nothing depends on having seen an event.
Two ordered lists of guards hold the policy: the first guard that has something to say decides.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from envmgr.domain.values.backoff import LONGEST
from envmgr.domain.values.decision import Apply, Await, Close, Decision, Destroy, Rest, Stop, Wait
from envmgr.domain.values.environment import (
    Absence,
    Environment,
    Guard,
    OriginKind,
    Status,
    Suspension,
    Waits,
    WaitsFor,
)
from envmgr.domain.values.health import Condition
from envmgr.domain.values.names import counted, excluding, matches_any, ref_component
from envmgr.domain.values.policy import Neighbours, Policy

from .access.freezing import unless_frozen
from .approval.waiting import awaits_approval
from .attempt import attempt_key, was_tried
from .origins.guards import (
    gone,
    has_gone,
    moved_tag,
    named_stays,
    no_previews,
    not_as_named,
    not_promoted,
    other_history,
    preview_is_lost,
    preview_stays,
    seems_gone,
    unless_left_alone,
)
from .origins.numbers import over_the_limit, too_many_leave
from .settled import is_done, is_settled, to_be_tested, why_apply
from .unfinished import unfinished
from .warning import warning
from .way_back import way_back


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a decision depends on.

    `asked`: a person asked for this environment by name, so a back-off is not waited for; no guard
    is loosened by it.
    """

    environment: Environment
    policy: Policy
    neighbours: Neighbours
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
        retry_at = self.environment.failure.retry_at
        return not self.asked and retry_at is not None and self.now < retry_at <= self.now + LONGEST


Check = Callable[[Situation], Decision | None]


def decide(
    environment: Environment, policy: Policy, neighbours: Neighbours, now: datetime, *, asked: bool = False
) -> Decision:
    """The next step for an environment; see `Situation` for what goes in."""
    situation = Situation(environment, policy, neighbours, now, asked)
    return unless_frozen(
        unless_left_alone(environment, _in_turn(situation, _decide(situation))), policy.frozen
    )


def _decide(situation: Situation) -> Decision:
    """What to do with it, as if it were the only application of its environment."""
    environment = situation.environment
    if not environment.is_open:
        return Rest("It is destroyed.")
    if environment.refused:
        return Rest(environment.refused)
    if half_done := unfinished(environment):
        return half_done
    if environment.is_missing:
        return _first(_GONE, situation) or _destroy_gone(situation)
    return _first(_PRESENT, situation) or Apply(why_apply(environment, situation.policy))


def _in_turn(situation: Situation, decision: Decision) -> Decision:
    """What is needed comes first, and goes last."""
    awaits, needed_by = situation.neighbours.awaits, situation.neighbours.needed_by
    if isinstance(decision, Apply) and awaits is not None:
        return Wait(awaits.reason, awaits.waits) if awaits.is_stuck else Rest(awaits.reason)
    if isinstance(decision, Destroy) and needed_by:
        return Wait(
            f"{decision.reason} Waits for the end of {' and '.join(needed_by)}, made with its outputs.",
            Waits(WaitsFor.DEPENDENTS, (decision.by or "", *needed_by)),
        )
    return decision


def is_scheduled_down(environment: Environment, policy: Policy, now: datetime) -> bool:
    """Whether the schedule keeps an environment down now, or is about to bring it down."""
    situation = Situation(environment, policy, Neighbours(), now)
    return environment.is_open and not environment.refused and _scheduled_down(situation) is not None


def _first(checks: Iterable[Check], situation: Situation) -> Decision | None:
    return next((found for check in checks if (found := check(situation)) is not None), None)


def _unmatched(situation: Situation) -> Decision | None:
    environment = situation.environment
    if environment.origin.kind is OriginKind.PULL_REQUEST:
        is_asked = situation.policy.previews
        return None if is_asked else _no_longer(situation, no_previews(environment), "previews")
    if environment.origin.is_named is not situation.policy.is_named:
        return _no_longer(situation, not_as_named(environment, situation.policy), "named")
    if matches_any(environment.branch, situation.policy.branches):
        return None
    reason = f"No pattern of {environment.id.repository_id} matches {environment.followed} any more"
    by = excluding(environment.branch, situation.policy.branches)
    if by:
        reason = (
            f"`branches` of {environment.id.repository_id} exclude branch {situation.branch} now (by {by})"
        )
    return _no_longer(situation, reason, by or "")


def _no_longer(situation: Situation, reason: str, about: str) -> Decision:
    """The configuration asks for it no more: what was applied is left alone."""
    environment = situation.environment
    if environment.claim is None:
        return _unless_paused(situation, Close(f"{reason}, and nothing was applied."))
    said = f"{reason}: left alone; `envmgr destroy {environment.label}` ends it."
    return Wait(said, Waits(WaitsFor.PATTERN, (about,)))


def _left_over(situation: Situation) -> Decision | None:
    """An application that was never applied, and that the configuration lists no more."""
    if situation.policy.configured or situation.environment.claim is not None:
        return None
    return _unless_paused(situation, Close(f"{_unlisted(situation.environment)}, and nothing was applied."))


def _unconfigured(situation: Situation) -> Decision | None:
    identity = situation.environment.id
    if situation.policy.configured:
        return None
    ends = f"`envmgr destroy {identity.environment}:{identity.application}` ends it"
    said = f"{_unlisted(situation.environment)}: left alone; {ends}."
    return Wait(said, Waits(WaitsFor.APPLICATION))


def _unlisted(environment: Environment) -> str:
    identity = environment.id
    if not identity.application:
        return f"{identity.repository_id} has several applications now, and this was applied before"
    return f"Application {identity.application} is no longer in the configuration of {identity.repository_id}"


# --- the branch is gone ------------------------------------------------------------------------


def _destroyed_by_hand(situation: Situation) -> Decision | None:
    """A person's destroy that was cut off, or failed, is brought to its end: it was confirmed."""
    environment = situation.environment
    if environment.suspended_by is not Suspension.DESTROY or environment.claim is None:
        return None
    then = Status.DESTROYED if environment.is_missing else Status.SUSPENDED
    because = "" if environment.is_missing else environment.why_suspended
    destroy = Destroy(f"{environment.why_suspended} That continues.", then, because, by=Suspension.DESTROY)
    return _unless_paused(situation, destroy)


def _left_alone(situation: Situation) -> Decision | None:
    environment = situation.environment
    if environment.claim is None and environment.suspended_by is not Suspension.PERSON:
        return None
    if environment.suspended and environment.suspended_by is not Suspension.SCHEDULE:
        return Rest(f"{environment.suspended.reason} Its {environment.followed} is gone.")
    if situation.protected and not environment.origin.is_named:
        by_hand = f"`envmgr destroy {environment.label}` ends it by hand"
        said = f"Branch {situation.branch} is gone, but it is protected: {by_hand}."
        return Wait(said, Waits(WaitsFor.PROTECTED))
    return None


def _not_surely_gone(situation: Situation) -> Decision | None:
    environment, policy = situation.environment, situation.policy
    absence = environment.absence or Absence(since=situation.now)
    due = absence.since + policy.grace_period
    if absence.count < policy.confirmations:
        seen = f"{absence.count} of {counted(policy.confirmations, 'confirmation')}"
        waits = Waits(WaitsFor.CONFIRMATIONS, (str(absence.count), str(policy.confirmations)))
        return Wait(f"{seems_gone(environment)} ({seen}).", waits, until=due)
    if situation.now < due:
        until = f"{due:%Y-%m-%d %H:%M:%S}"
        said = f"{gone(environment)}; grace period until {until} UTC."
        return Wait(said, Waits(WaitsFor.GRACE_PERIOD, (until,)), until=due)
    return None


def _never_applied(situation: Situation) -> Decision | None:
    if situation.environment.claim is not None:
        return None
    return _unless_paused(situation, Close(f"{gone(situation.environment)} and nothing was applied."))


def _outside_windows(situation: Situation) -> Decision | None:
    closed = situation.policy.closed
    if closed is None:
        return None
    is_gone = situation.environment.is_missing
    went = f"{gone(situation.environment)}. " if is_gone else ""
    until = f"{closed.until:%Y-%m-%d %H:%M}" if closed.until else ""
    waits = Waits(WaitsFor.WINDOW, ("gone" if is_gone else "", until))
    return Wait(f"{went}{closed}; `--override-window` does it by hand.", waits, until=closed.until)


def _unless_paused(situation: Situation, end: Decision) -> Decision:
    """An end of it, unless just this failed, and is tried again later: other failures are none of its own."""
    environment = situation.environment
    failed = environment.failure.on == attempt_key(environment, situation.policy, end)
    if failed and situation.backs_off:
        return Rest(until=environment.failure.retry_at)
    return end


def _in_a_window(situation: Situation, end: Decision) -> Decision:
    """An end that changes the cloud: it waits for a window, and where it failed says so first."""
    decision = _unless_paused(situation, end)
    return decision if decision is not end else _outside_windows(situation) or end


def _destroy_gone(situation: Situation) -> Decision:
    absence = situation.environment.absence
    since = absence.since if absence is not None else situation.now
    went = f"{has_gone(situation.environment)} since {since:%Y-%m-%d %H:%M:%S} UTC."
    return _in_a_window(situation, Destroy(went, Status.DESTROYED))


# What a person or the configuration decided, then what the listing proves, then how often and how long it was
# seen; the limit late, as it concerns only what would otherwise go.
_GONE: tuple[Check, ...] = (
    _destroyed_by_hand,
    _unmatched,
    _left_alone,
    lambda situation: other_history(situation.environment),
    lambda situation: named_stays(situation.environment),
    lambda situation: preview_is_lost(situation.environment, situation.policy),
    _not_surely_gone,
    lambda situation: too_many_leave(
        situation.environment, situation.policy.max_at_once, situation.neighbours.leaving
    ),
    _never_applied,
)


# --- the branch is there -----------------------------------------------------------------------


def _suspended(situation: Situation) -> Decision | None:
    suspended, phase = situation.environment.suspended, situation.policy.phase
    if suspended is None:
        return None
    if suspended.by is Suspension.SCHEDULE:
        down = phase is not None and not phase.up and not situation.protected
        return Rest(suspended.reason, until=phase.until if phase else None) if down else None
    # `over` names the commit that it was said of: a push ends it.
    return Rest(suspended.reason) if suspended.over in (None, situation.environment.commit) else None


def _expired(situation: Situation) -> Decision | None:
    environment = situation.environment
    end = environment.life.expires_at
    if environment.claim is None or end is None or situation.now < end or situation.protected:
        return None
    awaits = situation.neighbours.awaits
    if _is_untried(situation) and not (awaits and awaits.is_stuck):
        return None  # a push that the end overtook still counts
    if late := warning(environment, situation.policy, situation.now):
        return late
    reason = f"Its time to live ended at {end:%Y-%m-%d %H:%M} UTC; a push or `envmgr resume` brings it back."
    destroy = Destroy(reason, Status.SUSPENDED, because=reason, by=Suspension.TTL)
    return _in_a_window(situation, destroy)


def _scheduled_down(situation: Situation) -> Decision | None:
    environment, phase = situation.environment, situation.policy.phase
    if phase is None or phase.up or situation.protected:
        return None
    # A person brought it up within this very phase: that holds until the schedule says something new.
    if environment.life.resumed_at is not None and environment.life.resumed_at >= phase.since:
        return None
    until = f"{phase.until:%Y-%m-%d %H:%M}" if phase.until else ""
    how_long = f"until {until} UTC" if until else "for good"
    reason = f"Its schedule keeps it down {how_long}; `envmgr resume {environment.label}` brings it up now."
    if environment.claim is None:
        return Wait(reason, Waits(WaitsFor.SCHEDULE, (until,)), until=phase.until)
    until_up = Destroy(reason, Status.SUSPENDED, because=reason, by=Suspension.SCHEDULE)
    return _in_a_window(situation, Stop(reason) if phase.stops else until_up)


def _ends_soon(situation: Situation) -> Decision | None:
    """A warning, unless a push is about to give it another life."""
    if situation.environment.claim is None or situation.protected or _is_untried(situation):
        return None
    return warning(situation.environment, situation.policy, situation.now)


def _is_untried(situation: Situation) -> bool:
    environment = situation.environment
    return environment.target != environment.applied.commit and not was_tried(environment, situation.policy)


def _starting(situation: Situation) -> Decision | None:
    environment, health = situation.environment, situation.environment.health
    if health is None or health.condition is not Condition.STARTING or environment.status is Status.FAILED:
        return None
    return Await() if is_done(environment, situation.policy) else None


def _settled(situation: Situation) -> Decision | None:
    return Rest() if is_settled(situation.environment, situation.policy) else None


def _drifted(situation: Situation) -> Decision | None:
    """Drift whose correction waits for a person stays shown until it is let through, or is gone."""
    environment = situation.environment
    if environment.hold.guard is not Guard.DRIFT or environment.applied.commit != environment.target:
        return None
    if environment.hold.approved is Guard.DRIFT:
        return None
    said = f"Its drift is not corrected by itself: `envmgr approve {environment.label}` corrects it."
    return Wait(said, Waits(WaitsFor.DRIFT), hold=Guard.DRIFT)


def _to_go_back(situation: Situation) -> Decision | None:
    return None if situation.asked else way_back(situation.environment, situation.policy, situation.now)


def _failed_on_this(situation: Situation) -> Decision | None:
    environment = situation.environment
    if situation.asked or environment.failure.on != attempt_key(environment, situation.policy):
        return None
    if environment.failure.retry_at is None or situation.backs_off:
        return Rest(until=environment.failure.retry_at)
    return None


# What a person or the configuration decided, then time: what is about to end is not applied once more before.
# Limits and windows come last, as they hold back nothing but an apply that is due.
_PRESENT: tuple[Check, ...] = (
    _destroyed_by_hand,
    _unmatched,
    _left_over,
    _suspended,
    _expired,
    _scheduled_down,
    _starting,
    _unconfigured,
    _ends_soon,
    lambda situation: moved_tag(situation.environment),
    lambda situation: preview_stays(situation.environment, situation.policy),
    lambda situation: awaits_approval(situation.environment, situation.policy, situation.now),
    _settled,
    lambda situation: not_promoted(situation.environment, situation.neighbours.before),
    _drifted,
    _to_go_back,
    _failed_on_this,
    lambda situation: to_be_tested(situation.environment, situation.policy),
    lambda situation: over_the_limit(
        situation.environment, situation.policy.max_environments, situation.neighbours.active
    ),
    _outside_windows,
)
