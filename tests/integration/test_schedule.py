"""Schedules, windows and warnings through the whole of envmgr, by a clock that the test moves."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from envmgr.domain.values.environment import RunKind, Status, Suspension
from tests.support.engine import Engine, code

WORK = {"up": "0 8 * * *", "down": "0 19 * * *", "timezone": "Europe/Berlin"}


def set_clock(engine: Engine, local: str) -> None:
    """Set the clock to a local time of Berlin."""
    zone = ZoneInfo("Europe/Berlin")
    engine.clock.now = datetime.fromisoformat(local).replace(tzinfo=zone).astimezone(UTC)


def test_commands_bring_it_down_in_place_of_a_destroy(engine: Engine) -> None:
    """With the outputs at hand, in its own checkout; what it has stays, and `up` applies again."""
    notes = engine.folder / "notes"
    stop = f'echo "$ENVMGR_ENVIRONMENT $ENVMGR_OUTPUT_URL $(cat app.txt)" >> {notes}'
    engine.settings["schedule"] = {**WORK, "down_run": [{"name": "stop", "run": stop}]}
    set_clock(engine, "2026-11-18 10:00")
    engine.repository().commit("env-alice", code({"app.txt": "version 1"}))
    engine.turn()
    set_clock(engine, "2026-11-18 19:00")
    engine.turn(2)
    alice = engine.environment("alice")
    assert (alice.status, alice.suspended_by) == (Status.SUSPENDED, Suspension.SCHEDULE), alice.message
    assert alice.applied.resources
    assert notes.read_text() == "alice http://alice.example.com version 1\n"
    assert [run.kind for run in engine.runs()] == [RunKind.APPLY, RunKind.DEPLOY]

    set_clock(engine, "2026-11-19 08:00")
    engine.turn(2)

    assert engine.environment("alice").status is Status.READY
    assert [run.kind for run in engine.runs()][2:] == [RunKind.APPLY]
