"""Which of the environments that are due is worked on first."""

from envmgr.domain.values.decision import Decision, Destroy, Stop, Warn
from envmgr.domain.values.environment import Environment, Suspension
from envmgr.domain.values.hosts.priority import Priority

_BY_HAND = (Suspension.PERSON, Suspension.DESTROY, Suspension.CANCEL)
_BY_TIME = (Suspension.SCHEDULE, Suspension.TTL)


def priority(environment: Environment, decision: Decision, *, asked: bool) -> Priority:
    """For whose sake something is done: a person's before a push's, that before the clock's, and last what nobody waits for.

    `asked`: somebody asked for this one by name.
    """
    if asked or _is_by_hand(environment):
        return Priority.PERSON
    if _is_by_time(environment, decision):
        return Priority.SCHEDULE
    has_changed = environment.target != environment.applied.commit or environment.is_missing
    return Priority.PUSH if has_changed or environment.ending else Priority.DRIFT


def _is_by_hand(environment: Environment) -> bool:
    """Whether a person let it through, suspended it, or holds it at a commit that it has not yet."""
    is_pinned = environment.pinned_commit not in (None, environment.applied.commit)
    return environment.hold.approved is not None or environment.suspended_by in _BY_HAND or is_pinned


def _is_by_time(environment: Environment, decision: Decision) -> bool:
    """Whether its schedule or its time to live brings it down, or its schedule up again."""
    if isinstance(decision, Destroy) and decision.by is not None:
        return decision.by in _BY_TIME
    return isinstance(decision, Stop | Warn) or environment.suspended_by in _BY_TIME
