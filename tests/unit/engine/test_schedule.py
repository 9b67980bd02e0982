"""Schedules, windows and warnings through the whole of envmgr, by a clock that the test moves."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from envmgr.commands import operations, steering
from envmgr.domain.values.environment import RunKind, Status, Suspension
from envmgr.engine.work.job import NothingDone
from tests.support.engine import code, push
from tests.support.in_memory.engine import MemoryEngine

WORK = {"up": "0 8 * * *", "down": "0 19 * * *", "timezone": "Europe/Berlin"}
OFFICE = {"allow": [{"start": "0 9 * * *", "duration": "8h"}], "timezone": "Europe/Berlin"}


def set_clock(engine: MemoryEngine, local: str) -> None:
    """Set the clock to a local time of Berlin."""
    zone = ZoneInfo("Europe/Berlin")
    engine.clock.now = datetime.fromisoformat(local).replace(tzinfo=zone).astimezone(UTC)


@pytest.fixture
def office(engine: MemoryEngine) -> MemoryEngine:
    """One environment that is up in the day, made at ten in the morning; and a protected one."""
    engine.settings["schedule"] = WORK
    push(engine.repository(protected=["env-prod"]), ["alice", "prod"])
    set_clock(engine, "2026-11-18 10:00")
    engine.turn()
    assert engine.statuses() == {"alice": "ready", "prod": "ready"}
    engine.calls()
    return engine


def test_it_goes_down_in_the_evening_and_comes_up_in_the_morning(office: MemoryEngine) -> None:
    """At the same commit, though somebody pushed at night; the protected one stays."""
    set_clock(office, "2026-11-18 19:00")
    office.turn()
    alice = office.environment("alice")
    assert (alice.status, alice.suspended_by, alice.claim) == (Status.SUSPENDED, Suspension.SCHEDULE, None)
    assert "until 2026-11-19 07:00 UTC" in alice.message
    assert not office.state("alice").exists()
    assert office.environment("prod").status is Status.READY
    office.calls()
    set_clock(office, "2026-11-19 07:59")
    office.turn()
    assert office.calls() == []

    set_clock(office, "2026-11-19 08:00")
    office.turn()

    alice = office.environment("alice")
    assert (alice.status, alice.applied.commit) == (Status.READY, alice.commit)
    assert alice.suspended_by is None
    [event] = [e for e in office.application.services.store.events(alice.id) if e.action == "applied"][-1:]
    assert event.actor == "schedule"


def test_a_tick_that_was_missed_is_caught_up_once(office: MemoryEngine) -> None:
    """The host was off over two evenings: one destroy, and up again by day."""
    set_clock(office, "2026-11-20 03:00")
    office.restart()
    office.turn(2)
    assert office.environment("alice").status is Status.SUSPENDED
    assert len(office.runs(RunKind.DESTROY)) == 1
    set_clock(office, "2026-11-21 12:00")
    office.restart()
    office.turn(2)
    assert office.environment("alice").status is Status.READY
    assert len(office.runs(RunKind.DESTROY)) == 1


def test_a_resume_by_hand_holds_until_the_next_evening(office: MemoryEngine) -> None:
    """Not only for a moment."""
    set_clock(office, "2026-11-18 20:00")
    office.turn()
    steering.resume(office.application, office.environment("alice"))
    office.turn()
    assert office.environment("alice").status is Status.READY
    set_clock(office, "2026-11-19 18:00")
    office.turn()
    assert office.environment("alice").status is Status.READY

    set_clock(office, "2026-11-19 19:00")
    office.turn()

    assert office.environment("alice").status is Status.SUSPENDED


def test_an_apply_by_hand_holds_as_well(office: MemoryEngine) -> None:
    """Who applied it wants it up."""
    set_clock(office, "2026-11-18 20:00")
    office.turn()
    operations.apply(office.application, office.environment("alice"), lambda *_: True)
    office.turn(2, seconds=30)
    assert office.environment("alice").status is Status.READY


def test_a_branch_that_goes_away_at_night_is_over(office: MemoryEngine) -> None:
    """Nothing is left, so nothing waits for the morning."""
    set_clock(office, "2026-11-18 20:00")
    office.turn()
    office.repositories["shop"].delete("env-alice")
    office.turn(3, minutes=10)
    assert office.statuses()["alice"] == "destroyed"


def test_a_branch_made_at_night_waits_for_the_morning(office: MemoryEngine) -> None:
    """And says how to have it now."""
    set_clock(office, "2026-11-18 20:00")
    push(office.repositories["shop"], ["bob"])
    office.turn()
    bob = office.environment("bob")
    assert (bob.status, bob.claim) == (Status.WAITING, None)
    assert "envmgr resume" in bob.message
    set_clock(office, "2026-11-19 08:00")
    office.turn()
    assert office.environment("bob").status is Status.READY


def test_a_branch_has_a_schedule_of_its_own(engine: MemoryEngine) -> None:
    """In its branch file."""
    own = '{up: "0 8 * * *", down: "0 19 * * *", timezone: Europe/Berlin}'
    set_clock(engine, "2026-11-18 10:00")
    engine.repository().commit("env-alice", code({".envmgr.yaml": f"schedule: {own}"}))
    engine.turn()
    assert engine.environment("alice").status is Status.READY
    set_clock(engine, "2026-11-18 19:30")
    engine.turn()
    assert engine.environment("alice").status is Status.SUSPENDED


@pytest.mark.parametrize(
    ("evening", "morning", "utc"),
    [
        ("2026-03-28 19:00", "2026-03-29 08:00", "06:00"),  # an hour is skipped in that night
        ("2026-10-24 19:00", "2026-10-25 08:00", "07:00"),  # and one comes twice in that one
    ],
)
def test_eight_oclock_is_eight_oclock_after_the_clocks_change(
    engine: MemoryEngine, evening: str, morning: str, utc: str
) -> None:
    """By the wall clock of its zone."""
    engine.settings["schedule"] = WORK
    set_clock(engine, evening.replace("19:00", "12:00"))
    push(engine.repository(), ["alice"])
    engine.turn()
    set_clock(engine, evening)
    engine.turn()
    alice = engine.environment("alice")
    assert alice.status is Status.SUSPENDED
    assert f"{utc} UTC" in alice.message
    set_clock(engine, morning)
    engine.turn()
    assert engine.environment("alice").status is Status.READY


def test_a_command_that_cannot_bring_it_down_is_a_failure_with_its_last_words(engine: MemoryEngine) -> None:
    """Tried again with growing pauses; a branch that goes away meanwhile is destroyed all the same."""
    engine.settings["schedule"] = {
        **WORK,
        "down_run": [{"name": "stop", "run": "echo no such app; exit 3"}],
    }
    set_clock(engine, "2026-11-18 10:00")
    shop = engine.repository()
    push(shop, ["alice"])
    engine.turn()
    set_clock(engine, "2026-11-18 19:00")
    engine.turn(2)
    alice = engine.environment("alice")
    assert alice.status is Status.FAILED
    assert "Step stop failed (exit 3): no such app" in alice.message
    engine.turn(minutes=30)
    assert len(engine.runs(RunKind.DEPLOY)) == 2
    shop.delete("env-alice")
    engine.turn(4, minutes=10)
    assert engine.statuses()["alice"] == "destroyed"


def test_outside_its_windows_changes_wait(engine: MemoryEngine) -> None:
    """Applies and destroys, until when is said; by hand it can be overridden, which leaves an event."""
    engine.settings["windows"] = OFFICE
    set_clock(engine, "2026-11-18 20:00")
    shop = engine.repository()
    push(shop, ["alice"])
    engine.turn()
    alice = engine.environment("alice")
    assert (alice.status, alice.claim) == (Status.WAITING, None)
    assert "until 2026-11-19 08:00 UTC" in alice.message
    with pytest.raises(NothingDone, match="--override-window"):
        operations.apply(engine.application, alice, lambda *_: True)
    with pytest.raises(NothingDone):
        operations.apply(engine.application, alice, lambda *_: False, override_window=True)
    assert "window-overridden" not in engine.actions("alice")
    operations.apply(engine.application, alice, lambda *_: True, override_window=True)
    assert engine.environment("alice").status is Status.READY
    assert "window-overridden" in engine.actions("alice")

    shop.delete("env-alice")
    engine.turn(3, minutes=10)
    assert "No window" in engine.environment("alice").message
    assert engine.state("alice").exists()
    with pytest.raises(NothingDone, match="--override-window"):
        operations.destroy(engine.application, engine.environment("alice"), lambda *_: True)
    set_clock(engine, "2026-11-19 09:00")
    engine.turn()

    assert engine.statuses()["alice"] == "destroyed"


def test_the_end_of_a_life_is_announced(engine: MemoryEngine) -> None:
    """Once for each warning time, by the newest that has come; an extension is announced anew."""
    engine.settings["ttl"] = {"default": "3d", "warn_before": ["24h", "1h"]}
    shop = engine.repository()
    push(shop, ["alice"])
    engine.turn()

    def warnings() -> int:
        return engine.actions("alice").count("expires-soon")

    engine.turn(2, hours=12)
    assert warnings() == 0
    engine.turn(2, hours=13)
    assert warnings() == 1
    engine.turn(hours=21.5)
    assert warnings() == 2
    assert engine.environment("alice").status is Status.READY
