"""One data folder for each organization: another one on the same states is refused, until it is told to take over."""

import shutil
from pathlib import Path

import pytest

from envmgr.commands import operations, steering
from envmgr.composition.compose import Start, compose
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.environment import Status
from envmgr.engine.work.mode import ApplyByHand
from tests.support.engine import Engine, push


@pytest.fixture
def shop(engine: Engine) -> Engine:
    """Alice's environment is there, and suspended."""
    push(engine.repository(), ["alice"])
    engine.turn()
    steering.suspend(engine.application, engine.environment("alice"))
    engine.turn()
    assert engine.environment("alice").status is Status.SUSPENDED
    return engine


def elsewhere(engine: Engine, *, takes_over: bool = False) -> None:
    """Starts the application on another data folder, as another host would."""
    engine.close()
    engine.data = engine.folder / "another"
    engine.write()
    start = Start(
        config=engine.config,
        data_dir=engine.data,
        actor="user bob",
        environ=engine.environ,
        clock=engine.clock,
        takes_over=takes_over,
    )
    engine._application = compose(start)


def mark(engine: Engine) -> Path:
    """Where it says whose the organization is."""
    return engine.folder / "state" / "acme" / "envmgr-owner.json"


def test_another_data_folder_does_nothing(shop: Engine) -> None:
    """It knows nothing of what was suspended; it says who works there, and since when."""
    first, since = shop.data, shop.clock()
    shop.calls()
    elsewhere(shop)
    push(shop.repositories["shop"], ["alice", "bob"], "# another\n")
    [error] = shop.turn(2, seconds=30)
    assert f"acme belongs to the data folder {first} on " in error
    assert f"(daemon, since {since:%Y-%m-%d}" in error
    assert "--take-over" in error
    assert shop.statuses() == {}
    assert shop.calls() == []

    shop.close()
    shop.data = first
    shop.restart()
    assert shop.turn(1, seconds=30) == []
    assert shop.statuses()["bob"] != "pending"


def test_a_person_takes_it_over(shop: Engine) -> None:
    """Then the other one does nothing any more, and finds out by itself."""
    first = shop.data
    elsewhere(shop, takes_over=True)
    assert shop.turn(2, seconds=90) == []
    assert "alice" in shop.statuses()
    taken = [e for e in shop.application.services.store.events() if e.action == "taken-over"]
    assert [(e.actor, str(shop.data) in e.message) for e in taken] == [("user bob", True)]

    shop.close()
    shop.data = first
    shop.restart()
    [error] = shop.turn(1, seconds=90)
    assert f"belongs to the data folder {shop.folder / 'another'}" in error
    with (
        pytest.raises(NeedsPerson, match="belongs to the data folder"),
        operations.manual(shop.application, shop.environment("alice"), ApplyByHand()),
    ):
        pass


def test_a_folder_that_was_lost_goes_on_in_its_place(shop: Engine) -> None:
    """What it held before is nowhere any more, its key neither: what was suspended waits for a person."""
    shop.close()
    shutil.rmtree(shop.data)
    shop.restart()
    assert shop.turn(2, seconds=30) == []
    assert shop.environment("alice").status is Status.SUSPENDED
    steering.resume(shop.application, shop.environment("alice"))
    assert shop.turn(2, seconds=30) == []
    assert shop.environment("alice").claim is not None


def test_several_folders_may_share_a_database(engine: Engine, postgres_database: str) -> None:
    """As several hosts do, and as each run in CI: the records count, not the folder."""
    (engine.folder / "daemon.yaml").write_text(f"daemon: {{database: '{postgres_database}'}}\n")
    push(engine.repository(), ["alice"])
    engine.turn()
    elsewhere(engine)
    assert engine.turn(1, seconds=30) == []
    assert engine.environment("alice").status is Status.READY


def test_what_is_no_mark_stops_all_but_reading(shop: Engine) -> None:
    """Nobody knows whose it is; a store that cannot be reached says nothing against looking."""
    mark(shop).write_text("{}")
    shop.restart()
    [error] = shop.turn(1, seconds=90)
    assert "acme/envmgr-owner.json does not say whose the organization is" in error
    assert shop.environment("alice").status is Status.SUSPENDED
