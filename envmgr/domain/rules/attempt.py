"""What an attempt is known by: one that failed is paused by that, and holds back no other."""

from datetime import datetime

from envmgr.domain.values.backoff import LONGEST
from envmgr.domain.values.decision import Close, Decision, Destroy, Stop
from envmgr.domain.values.environment import Environment, Status
from envmgr.domain.values.policy import Policy

_AND = " "
"""Between what was to be applied and the end that was attempted; neither has a blank in it."""


def attempt_key(environment: Environment, policy: Policy, decision: Decision | None = None) -> str:
    """What a failed attempt was made on: while it stays the same, only time or a person helps.

    A branch that is gone, an end of life, a schedule are facts of their own: the failure of an apply, or of the end
    that another of them asked for, is none of theirs.
    """
    wanted = ":".join(filter(None, (environment.target, policy.inputs, policy.deploy, policy.tests)))
    return _AND.join(filter(None, (wanted, _end(decision))))


def was_tried(environment: Environment, policy: Policy) -> bool:
    """Whether the last failure came with just what is to be applied now, whatever was attempted with it."""
    return environment.failure.on.split(_AND)[0] == attempt_key(environment, policy)


def is_put_off(environment: Environment, now: datetime) -> bool:
    """Whether what is in the way of its work is waited for: nothing is wrong, and it is looked at again soon."""
    again = environment.failure.retry_at if environment.status is Status.WAITING else None
    return again is not None and now < again <= now + LONGEST


def is_end(decision: Decision) -> bool:
    """Whether a decision brings an environment, or its record, to an end: nothing else would come back to it."""
    return isinstance(decision, Destroy | Stop | Close)


def _end(decision: Decision | None) -> str:
    match decision:
        case Destroy(by=by):
            return f"destroy-{by or 'gone'}"
        case Stop():
            return "stop"
        case Close():
            return "close"
        case _:
            return ""
