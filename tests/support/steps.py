"""What each step on an environment makes durable, write by write, so that a test may cut it off anywhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from envmgr.domain.rules.attempt import attempt_key
from envmgr.domain.values.backoff import delay
from envmgr.domain.values.decision import Apply, Close, Decision, Destroy, Stop, Wait, Warn
from envmgr.domain.values.environment import Environment, Status, Suspension
from envmgr.domain.values.policy import Policy
from tests.support.store import CLAIM

TTL = timedelta(hours=2)
HALF = "half"
NOTHING = ""
_NO_FAILURE: Mapping[str, Any] = {"failures": 0, "failed_on": "", "retry_at": None}
_NO_GUARD: Mapping[str, Any] = {"hold": None, "approved": None}


@dataclass(frozen=True, slots=True)
class Write:
    """Fields of an environment's record, or what the cloud has of it: a commit, `HALF` of something, `NOTHING`."""

    record: Mapping[str, Any] = field(default_factory=dict)
    cloud: str | None = None


def writes(environment: Environment, decision: Decision, policy: Policy, now: datetime) -> Sequence[Write]:
    """All that carrying a decision out writes, where it succeeds, in the order of the daemon's steps."""
    match decision:
        case Apply():
            return _apply(environment, policy, now)
        case Destroy(then=then, because=because, by=by):
            return _destroy(environment, then, because, by)
        case Close():
            return [Write(_closed(environment, Status.DESTROYED, ""))]
        case _:
            return [Write(record) for record in _said(environment, decision)]


def _said(environment: Environment, decision: Decision) -> Sequence[Mapping[str, Any]]:
    """What is written where Terraform has nothing to do."""
    match decision:
        case Wait(reason=reason, hold=hold, waits=waits):
            return [
                {
                    "status": Status.WAITING,
                    "message": reason,
                    "waits": waits,
                    "hold": hold or environment.hold.guard,
                }
            ]
        case Stop(reason=reason):
            down = {"suspended": reason, "suspended_by": Suspension.SCHEDULE, "status": Status.SUSPENDED}
            return [{"applied_fingerprint": None}, down]
        case Warn(at=at):
            return [{"warned_at": at}]
        case _:
            return [{"status": Status.SUSPENDED}] if environment.suspended else []


def failure(environment: Environment, policy: Policy, now: datetime, *, for_good: bool) -> Write:
    """What a step that failed leaves: tried again after a while, or only once something changes."""
    key = attempt_key(environment, policy)
    failures = environment.failure.count + 1 if environment.failure.on == key else 1
    retry_at = None if for_good else now + delay(failures)
    return Write(
        {
            "status": Status.FAILED,
            "failures": failures,
            "failed_on": key,
            "retry_at": retry_at,
            "message": "x",
        }
    )


def end_of_life(environment: Environment, now: datetime) -> datetime | None:
    """When it ends: `a` and `b` live for two hours from their last push or resume, never shorter than was said before."""
    end = environment.life.since + TTL
    return max(end, environment.life.expires_at or end) if environment.id.name in "ab" else None


def _apply(environment: Environment, policy: Policy, now: datetime) -> Sequence[Write]:
    commit = environment.target
    ready = {
        "status": Status.READY,
        "message": "",
        "applied_commit": commit,
        "applied_inputs": policy.inputs,
        "suspended": "",
        "suspended_by": None,
        "suspended_commit": None,
        "expires_at": end_of_life(environment, now),
    }
    return [
        Write({"status": Status.RUNNING}),
        Write({"claim": replace(CLAIM, commit=commit)}),
        Write(cloud=HALF),
        Write(cloud=commit),
        Write({**ready, **_NO_FAILURE, **_NO_GUARD}),
    ]


def _destroy(environment: Environment, then: Status, because: str, by: Suspension | None) -> Sequence[Write]:
    return [
        Write({"status": Status.DESTROYING}),
        Write({"applied_fingerprint": None}),
        Write(cloud=HALF),
        Write(cloud=NOTHING),
        Write({"resources": ()}),
        Write(_closed(environment, then, because, by)),
    ]


def _closed(
    environment: Environment, then: Status, because: str, by: Suspension | None = None
) -> Mapping[str, Any]:
    return {
        "status": then,
        "message": because,
        "claim": None,
        "applied_commit": None,
        "applied_fingerprint": None,
        "applied_inputs": None,
        "resources": (),
        "suspended": because,
        "suspended_by": by if because else None,
        "suspended_commit": environment.commit if by is Suspension.TTL else None,
        "expires_at": environment.life.expires_at if by is Suspension.SCHEDULE else None,
        **_NO_FAILURE,
        **_NO_GUARD,
    }
