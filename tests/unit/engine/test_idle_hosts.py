"""What a host with nothing to do asks of the records that it shares: not what another host looks after, and nothing twice."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from envmgr.commands.requests import Asked, ask
from envmgr.daemon import telling_watch
from envmgr.daemon.forge_watch import ForgeWatch
from envmgr.daemon.request_watch import RequestWatch
from envmgr.daemon.telling_watch import ALL, TellingWatch
from envmgr.domain.errors import Transient
from envmgr.domain.values.asking.person import Action
from envmgr.domain.values.names import RepositoryId
from envmgr.domain.values.pipeline.image import SeenImage
from envmgr.engine.context import freezes
from envmgr.engine.context.services import Services
from envmgr.engine.forge.saying import work_out
from tests.support.in_memory.daemon import Daemon
from tests.support.in_memory.rules import SHOP, Rules
from tests.support.in_memory.world import World
from tests.support.memory_forge import MemoryForge

from .test_hosts import Two


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch, of: object, name: str) -> Iterator[list[Any]]:
    """The calls of a method, by their first argument."""
    calls, real = list[Any](), getattr(of, name)

    def noting(*given: Any, **named: Any) -> Any:
        calls.append(given[0] if given else None)
        return real(*given, **named)

    with monkeypatch.context() as patched:
        patched.setattr(of, name, noting)
        yield calls


@pytest.fixture
def worked_out(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """On which hosts it was worked out what a forge is to be told, each time."""
    hosts = list[str]()

    def noting(services: Services, *rest: Any, **named: Any) -> bool:
        hosts.append(services.owner.machine)
        return work_out(services, *rest, **named)

    monkeypatch.setattr(telling_watch, "work_out", noting)
    return hosts


def of(daemon: Daemon) -> str:
    """The host of a daemon."""
    return daemon.application.services.owner.machine


def test_what_forges_are_told_is_worked_out_anew_by_whoever_looks_after_a_repository(
    tmp_path: Path, worked_out: list[str]
) -> None:
    """By all at their start, as a new configuration may say more; by the other one once the first is silent."""
    two = Two(tmp_path, Rules(forge=MemoryForge()))
    two.serve()
    assert two.fleets[0].takes_poll(SHOP)
    two.fleets[1].beat()
    watches = [TellingWatch(each.application) for each in (two.first, two.second)]

    def tick() -> list[str]:
        worked_out.clear()
        for watch in watches:
            watch.tick()
        return worked_out[:]

    assert tick() == [of(two.first), of(two.second)]
    assert tick() == []
    two.world.forward(seconds=ALL.total_seconds() / 4)  # nobody is silent by then
    for fleet in two.fleets:
        fleet.beat()
    assert tick() == []
    for _ in range(4):
        two.world.forward(seconds=ALL.total_seconds() / 4)
        for fleet in two.fleets:
            fleet.beat()
    assert tick() == [of(two.first)]
    two.world.forward(seconds=ALL.total_seconds())
    two.fleets[1].beat()
    watches.pop(0)
    assert tick() == [of(two.second)]


def test_what_was_written_is_worked_out_by_each_that_hears_of_it(
    tmp_path: Path, worked_out: list[str]
) -> None:
    """Whoever looks after it may be about to die. What could not be worked out is, by the next tick, and with it the rest."""
    world = World(tmp_path, Rules(forge=MemoryForge()))
    services = world.daemon.application.services
    shop = services.repositories[SHOP]
    web = replace(shop, id=RepositoryId("acme", "web"))
    services = replace(services, repositories={SHOP: shop, web.id: web})
    watch = TellingWatch(replace(world.daemon.application, services=services))
    watch.tick()
    worked_out.clear()
    watch.written([web.id, SHOP], world.now)
    with pytest.MonkeyPatch.context() as away:
        away.setattr(telling_watch, "work_out", _raises)
        with pytest.raises(Transient):
            watch.tick()
    watch.tick()
    assert len(worked_out) == 2
    watch.tick()
    assert len(worked_out) == 2


def test_an_end_waits_no_longer_for_what_is_to_be_worked_out_than_it_is_given(
    tmp_path: Path, worked_out: list[str]
) -> None:
    """With many repositories that takes longer than to say it; the next process begins with all of them."""
    world = World(tmp_path, Rules(forge=MemoryForge()))
    TellingWatch(world.daemon.application).drain(0)
    assert worked_out == []


def _raises(*_: Any, **__: Any) -> bool:
    raise Transient("away")


def test_a_look_at_a_forge_that_tells_nothing_new_reads_the_environments_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To know of which pull requests there are some; and once more only where there is something to read, or to approve."""
    forge = MemoryForge()
    world = World(tmp_path, Rules(forge=forge))
    world.push("alice")
    world.turn()
    watch = ForgeWatch(world.daemon.application, lambda _: None)
    watch.look(world.daemon.application.services.repositories[SHOP])
    with counted(monkeypatch, world.store, "environments") as read:
        watch.look(world.daemon.application.services.repositories[SHOP])
    assert len(read) == 1
    watch.close()


def test_images_that_nobody_follows_are_asked_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an older configuration followed is forgotten by then."""
    world = World(tmp_path)
    images = world.store.pipeline.images
    images.note(SeenImage(repository=SHOP, variable="image", asked="r.example.com/shop:1", reference="x"))
    with counted(monkeypatch, images, "seen") as asked:
        for _ in range(3):
            world.turn(minutes=1)
    assert asked == [SHOP]
    assert images.seen(SHOP) == []


def test_freezes_are_asked_for_once_for_all_repositories_of_an_organization(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To be kept beside its states: again after a while only."""
    world = World(tmp_path)
    poller, shop = world.daemon.application.poller, world.daemon.application.services.repositories[SHOP]
    with counted(monkeypatch, freezes, "catch_up") as asked:
        for name in ("shop", "web", "api"):
            poller.poll(replace(shop, id=RepositoryId("acme", name)))
        assert len(asked) == 1
        world.forward(seconds=6)
        poller.poll(shop)
        assert len(asked) == 2


def test_what_was_asked_for_here_is_taken_up_by_the_next_tick(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written down elsewhere by one of the next: the records are not asked each second."""
    world = World(tmp_path, Rules(forge=MemoryForge()))
    watch = RequestWatch(world.daemon.application)
    with counted(monkeypatch, world.store.requests, "pending") as asked:
        for _ in range(3):
            watch.tick()
        assert len(asked) == 1
        watch.soon()
        watch.tick()
        assert len(asked) == 2
    watch.close()


def test_who_asks_for_something_rings(tmp_path: Path) -> None:
    """Where its request is new."""
    world = World(tmp_path)
    world.push("alice")
    world.turn()
    rung = list[bool]()
    runtime = world.person.application
    runtime.bell.asked = lambda: rung.append(True)
    wish = Asked(environment=world.environment("alice").id, action=Action.SUSPEND, key="one")
    first = ask(runtime, wish)
    assert ask(runtime, wish) == first
    assert rung == [True]
