"""What each step on an environment makes durable, write by write, so that a test may cut it off anywhere."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from envmgr.domain.rules.attempt import attempt_key
from envmgr.domain.rules.transitions import Change, applies, deploys, ends, work
from envmgr.domain.rules.transitions.ends import End
from envmgr.domain.rules.transitions.standing import stands
from envmgr.domain.values.decision import Apply, Close, Decision, Destroy, Stop, Wait, Warn
from envmgr.domain.values.environment import Environment, Status, Suspended, Suspension
from envmgr.domain.values.policy import Policy
from tests.support.store import CLAIM

TTL = timedelta(hours=2)
HALF = "half"
NOTHING = ""


@dataclass(frozen=True, slots=True)
class Write:
    """A change of an environment's record, or what the cloud has of it: a commit, `HALF` of something, `NOTHING`."""

    change: Change | None = None
    cloud: str | None = None


def writes(environment: Environment, decision: Decision, policy: Policy, now: datetime) -> Sequence[Write]:
    """All that carrying a decision out writes, where it succeeds, in the order of the daemon's steps."""
    match decision:
        case Apply():
            return _apply(environment, policy, now)
        case Destroy():
            return _destroy(environment, decision, now)
        case Close():
            return [Write(lambda e: ends.closed(e, End(then=Status.DESTROYED, message="")))]
        case _:
            return [Write(change) for change in _said(environment, decision, now)]


def _said(environment: Environment, decision: Decision, now: datetime) -> Sequence[Change]:
    """What is written where Terraform has nothing to do."""
    match decision:
        case Wait(reason=reason, hold=hold, waits=waits):
            return [lambda e: work.waiting(e, reason, waits, hold)]
        case Stop(reason=reason):
            return [applies.unknown, lambda e: ends.brought_down(e, reason, environment, now)]
        case Warn(at=at, ends=moved):
            return [lambda e: work.warned(e, at, moved)]
        case _:
            return [_stand(Status.SUSPENDED)] if environment.suspended else []


def failure(environment: Environment, policy: Policy, now: datetime, *, for_good: bool) -> Write:
    """What a step that failed leaves: tried again after a while, or only once something changes."""
    key = attempt_key(environment, policy)
    return Write(lambda e: work.failed(e, "x", key, now, needs_person=for_good, again=not for_good))


def end_of_life(environment: Environment, now: datetime) -> datetime | None:
    """When it ends: `a` and `b` live for two hours from their last push or resume, never shorter than was said before."""
    end = environment.life.since + TTL
    return max(end, environment.life.expires_at or end) if environment.id.name in "ab" else None


def _apply(environment: Environment, policy: Policy, now: datetime) -> Sequence[Write]:
    claim, before = replace(CLAIM, commit=environment.target), environment.suspended

    def settled(record: Environment) -> Environment:
        record = applies.applied(record, claim, policy.inputs)
        record = applies.living(record, end_of_life(environment, now), record.schedule)
        return deploys.nothing_to_deploy(applies.unsuspended(record, before), "")

    return [
        Write(_stand(Status.RUNNING)),
        Write(lambda e: applies.claimed(e, claim)),
        Write(applies.unknown),
        Write(cloud=HALF),
        Write(cloud=claim.commit),
        Write(settled),
    ]


def _destroy(environment: Environment, decision: Destroy, now: datetime) -> Sequence[Write]:
    over = environment.commit if decision.by is Suspension.TTL else None
    because = Suspended(decision.because, decision.by, over, at=now) if decision.because else None
    end = End(then=decision.then, message=decision.because, suspended=because)
    return [
        Write(_stand(Status.DESTROYING)),
        Write(ends.began),
        Write(cloud=HALF),
        Write(cloud=NOTHING),
        Write(ends.emptied),
        Write(lambda e: ends.closed(e, end)),
    ]


def _stand(status: Status) -> Change:
    return lambda e: stands(e, status, e.message)
