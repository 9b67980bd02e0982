"""The events are the audit log: whatever changes of an environment, one says so and who caused it."""

import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import astuple
from datetime import timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from envmgr.commands import operations, steering
from envmgr.commands.rollback import roll_back
from envmgr.daemon.drift_watch import due, inspect
from envmgr.domain.errors import EnvmgrError
from envmgr.domain.values.environment import Environment, Event, RunStatus, Status
from tests.support.engine import Engine, code
from tests.support.quick_terraform import write_quick_terraform
from tests.support.records import flat

Act = Callable[[Engine], object]
MATERIAL = ("claim", "applied_commit", "suspended", "pin", "approved", "hold", "warned_at")
"""The columns that say what the cloud has, and what is to happen to it."""


def alice(engine: Engine) -> Environment:
    """Her environment."""
    return engine.environment("alice")


def push(engine: Engine) -> None:
    """Something new, in the code and beside it."""
    number = len(engine.runs())
    engine.repositories["shop"].commit("env-alice", code({"app.py": str(number)}, f"# {number % 3}\n"))


def look_for_drift(engine: Engine) -> None:
    """As the daemon does when it is due."""
    for found in due(engine.application, "acme"):
        inspect(engine.application, found.id)


ACTS: dict[str, Act] = {
    "push": push,
    "push what is wrong": lambda e: e.repositories["shop"].commit("env-alice", {".envmgr.yaml": "ttl: soon"}),
    "mend it": lambda e: e.repositories["shop"].commit("env-alice", {".envmgr.yaml": "ttl: 5d"}),
    "delete": lambda e: e.repositories["shop"].delete("env-alice"),
    "turn": lambda e: e.turn(seconds=30),
    "turn later": lambda e: e.turn(2, minutes=10),
    "turn much later": lambda e: e.turn(hours=30),
    "suspend": lambda e: steering.suspend(e.application, alice(e)),
    "resume": lambda e: steering.resume(e.application, alice(e)),
    "approve": lambda e: steering.approve(e.application, alice(e)),
    "extend": lambda e: steering.extend(e.application, [alice(e)], timedelta(days=2), sets_end=True),
    "destroy": lambda e: operations.destroy(e.application, alice(e), lambda *_: True),
    "apply": lambda e: operations.apply(e.application, alice(e), lambda *_: True),
    "roll back": lambda e: roll_back(e.application, alice(e), "previous", lambda *_: True),
    "look for drift": look_for_drift,
}


def material(engine: Engine) -> dict[str, tuple[object, ...]]:
    """What of each environment may only change with an event; a claim and the rest as text."""
    store = engine.application.services.store
    found = store.environments(destroyed=True)
    return {
        str(e.id): (e.status is Status.DESTROYED, *(repr(flat(e)[name]) for name in MATERIAL)) for e in found
    }


def events(engine: Engine) -> list[Event]:
    """All events so far."""
    return list(engine.application.services.store.events())


@settings(max_examples=8, deadline=None)
@given(st.lists(st.sampled_from(sorted(ACTS)), min_size=4, max_size=14))
def test_nothing_changes_without_an_event(acts: list[str]) -> None:
    """Whoever does what, in whatever order."""
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(
            Path(folder), ttl={"default": "3d", "warn_before": ["24h"]}, drift={"action": "correct"}
        )
        engine.settings["terraform"]["binary"] = str(write_quick_terraform(Path(folder) / "quick"))
        engine.repository()
        try:
            for act in ["push", "turn", *acts]:
                check(engine, act)
        finally:
            engine.close()


def check(engine: Engine, act: str) -> None:
    """Do one thing, and look for events of all that changed by it."""
    before, known = material(engine), len(events(engine))
    with suppress(EnvmgrError, AssertionError):  # what a test's remote or record does not have now
        ACTS[act](engine)
    after, new = material(engine), events(engine)[known:]
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    assert changed <= {str(event.environment) for event in new}, (act, before, after, new)
    assert all(event.actor and event.message for event in new)
    told = {event.run for event in events(engine)}
    ended = [
        r
        for r in engine.runs()
        if r.status is RunStatus.SUCCEEDED and r.changes and r.kind in ("apply", "destroy")
    ]
    assert {run.id for run in ended} <= told, (act, [astuple(run) for run in ended])
