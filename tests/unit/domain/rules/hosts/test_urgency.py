"""Which of the environments that are due is worked on first."""

from datetime import UTC, datetime
from typing import Any

import pytest

from envmgr.domain.rules.hosts.urgency import priority
from envmgr.domain.values.decision import Apply, Close, Decision, Destroy, GoBack, Rest, Stop, Test, Warn
from envmgr.domain.values.environment import Environment, Guard, Pin, Status, Suspension
from envmgr.domain.values.hosts.priority import Priority
from envmgr.domain.values.names import EnvironmentId
from tests.support.records import recorded

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
NEW, OLD = "a" * 40, "b" * 40
SUSPENDED = {"suspended": "Down.", "status": Status.SUSPENDED}
SETTLED = {"applied_commit": NEW, "status": Status.READY}
PIN = Pin(commit=OLD, over=NEW)
GONE = Destroy("Branch is gone.", Status.DESTROYED)


def record(**columns: Any) -> Environment:
    """An environment at a commit."""
    return recorded(
        id=EnvironmentId("acme", "shop", "alice"),
        branch="env-alice",
        commit=NEW,
        created_at=NOW,
        updated_at=NOW,
        **columns,
    )


def down(by: Suspension) -> Destroy:
    """A suspension's end of what there is."""
    return Destroy("Down.", Status.SUSPENDED, because="Down.", by=by)


@pytest.mark.parametrize(
    ("environment", "decision", "expected"),
    [
        (record(), Apply("First apply."), Priority.PUSH),
        (record(applied_commit=OLD, status=Status.READY), Apply("Moved."), Priority.PUSH),
        (record(absent_since=NOW, absences=3, **SETTLED), GONE, Priority.PUSH),
        (record(absent_since=NOW, absences=3), Close("Never applied."), Priority.PUSH),
        (record(**SETTLED), Apply("Variables changed."), Priority.DRIFT),
        (record(**SETTLED), Test("Tests."), Priority.DRIFT),
        (record(**SETTLED), GoBack("Once more."), Priority.DRIFT),
        (record(**SETTLED), Rest(), Priority.DRIFT),
        (record(approved=Guard.DRIFT, **SETTLED), Apply("As approved."), Priority.PERSON),
        (record(pin=PIN, **SETTLED), Apply("Held by a rollback."), Priority.PERSON),
        (record(pin=PIN, applied_commit=OLD, status=Status.READY), Rest(), Priority.DRIFT),
        (record(**SETTLED), down(Suspension.TTL), Priority.SCHEDULE),
        (record(**SETTLED), down(Suspension.SCHEDULE), Priority.SCHEDULE),
        (record(**SETTLED), Stop("By night."), Priority.SCHEDULE),
        (record(**SETTLED), Warn("Ends soon.", NOW), Priority.SCHEDULE),
        (record(suspended_by=Suspension.SCHEDULE, **SUSPENDED), Apply("Up again."), Priority.SCHEDULE),
        (
            record(suspended_by=Suspension.DESTROY, **SUSPENDED),
            down(Suspension.DESTROY),
            Priority.PERSON,
        ),
    ],
)
def test_a_person_is_before_a_push_before_the_clock_before_what_nobody_waits_for(
    environment: Environment, decision: Decision, expected: Priority
) -> None:
    """By what is to be done, and for whose sake; whoever asks for it by name is always first."""
    assert priority(environment, decision, asked=False) is expected
    assert priority(environment, decision, asked=True) is Priority.PERSON


def test_the_order() -> None:
    """The greater is the more urgent."""
    assert sorted(Priority, reverse=True) == [
        Priority.PERSON,
        Priority.PUSH,
        Priority.SCHEDULE,
        Priority.DRIFT,
    ]
