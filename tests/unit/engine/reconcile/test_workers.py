"""Which environment a thread works on: the next of the queue, its host's own or that of all hosts."""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from envmgr.domain.values.environment import ProcessId, Status
from envmgr.domain.values.hosts.priority import Priority
from envmgr.domain.values.hosts.terms import LOOK
from envmgr.domain.values.names import EnvironmentId
from envmgr.engine.reconcile.queue import ThreadQueue
from envmgr.engine.reconcile.reconciler import Reconciler
from envmgr.engine.reconcile.workers import Workers
from tests.support.in_memory.rules import SHOP
from tests.support.in_memory.world import World
from tests.support.waiting import wait_for

OTHER = ProcessId("other", "boot-2", 1, 1, "machine-2")
ALICE, BOB = EnvironmentId("acme", "shop", "alice"), EnvironmentId("acme", "shop", "bob")


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Two branches were pushed and seen, and nothing was done yet; the process is a daemon."""
    world = World(tmp_path)
    services = world.daemon.application.services
    services.fleet.configure({"acme": "d"})
    services.fleet.serve()
    services.fleet.beat()
    for name in ("alice", "bob"):
        world.push(name)
        world.daemon.application.poller.poll(services.repositories[SHOP])
    return world


@pytest.fixture
def made(world: World) -> Iterator[Callable[[ThreadQueue | None], Workers]]:
    """Makes the workers of another process, with its own queue or a shared one."""
    services, opened = world.daemon.application.services, []

    def workers(shared: ThreadQueue | None = None) -> Workers:
        opened.append(Workers(services, Reconciler(services), None if shared is None else lambda: shared))
        return opened[-1]

    yield workers
    for each in opened:
        each.close()
        assert each.wait(20)
        assert each.busy == []


def in_order(world: World) -> list[str]:
    """Whose runs there were, the first one first."""
    return [run.environment.name for run in sorted(world.store.runs(), key=lambda run: run.id)]


Made = Callable[..., Workers]


def test_who_was_asked_for_is_worked_on_first(world: World, made: Made) -> None:
    """Though the other waits for longer."""
    repository = world.daemon.application.services.repositories[SHOP]
    made().run_until_settled([repository], frozenset({BOB}))
    assert in_order(world) == ["bob", "alice"]
    assert [world.status(name) for name in ("alice", "bob")] == [Status.READY] * 2


def test_what_another_host_put_is_taken_up_by_a_free_place(world: World, made: Made) -> None:
    """This one has not looked at it; and it looks for such ones only every few seconds."""
    queue = ThreadQueue()
    workers = made(queue)
    queue.put({ALICE: Priority.PUSH})
    workers.help()
    while queue.waiting(["acme"]):
        pass
    assert workers.wait(20)
    assert world.status("alice") is Status.READY
    queue.put({BOB: Priority.PUSH})
    workers.help()
    assert queue.waiting(["acme"]) == {"acme": 1}


def test_a_thread_works_on_what_is_more_urgent_than_what_it_was_handed_out_for(
    world: World, made: Made
) -> None:
    """What it was handed out for is looked at again, so that it is never only believed to wait."""
    repository, queue = world.daemon.application.services.repositories[SHOP], ThreadQueue()
    workers, over = made(queue), []

    def finished(identity: EnvironmentId) -> None:
        over.append(identity.name)
        workers.look(repository)

    workers.finished = finished
    queue.put({BOB: Priority.PERSON})
    workers.look(repository)
    while workers.busy:
        assert workers.wait(20)
    assert in_order(world) == ["bob", "alice"]
    assert [world.status(name) for name in ("alice", "bob")] == [Status.READY] * 2
    assert over[0] == "bob"
    assert queue.take("acme") is None


def test_what_another_host_has_taken_is_left_alone_for_a_while(world: World, made: Made) -> None:
    """And tried again after that: the other one may have died with it before it began."""
    repository, queue = world.daemon.application.services.repositories[SHOP], _Taken()
    workers = made(queue)
    world.forward(seconds=1)
    assert workers.look(repository) == 2
    assert workers.wait(20)
    assert in_order(world) == [], "the other host has both"
    assert workers.look(repository) == 0
    assert workers.due_again() == []

    queue.lost = False
    world.forward(seconds=LOOK.total_seconds() + 1)
    assert workers.due_again() == [SHOP]
    assert workers.look(repository) == 2
    while workers.busy:
        assert workers.wait(20)
        workers.look(repository)
    assert in_order(world) == ["alice", "bob"]


def test_what_another_host_works_on_is_not_tried(world: World, made: Made) -> None:
    """It would be found busy. It is looked at again after a while, and at once where somebody asks for it."""
    repository, workers = world.daemon.application.services.repositories[SHOP], made()
    world.store.acquire(ALICE, OTHER, "apply", world.clock(), timedelta(hours=1), lambda _: False)
    assert workers.look(repository) == 1
    assert workers.wait(20)
    assert in_order(world) == ["bob"]
    assert workers.look(repository) == 0
    assert workers.due_again() == []
    world.forward(seconds=LOOK.total_seconds())
    assert workers.due_again() == [SHOP]
    assert workers.look(repository, asked=frozenset({ALICE})) == 1
    assert workers.wait(20)


def test_who_is_found_busy_is_no_reason_to_look_at_all_of_them(world: World, made: Made) -> None:
    """Nothing was changed by it; after a while they are looked at all the same."""
    repository, workers = world.daemon.application.services.repositories[SHOP], made()
    over: list[EnvironmentId] = []
    workers.finished = over.append
    world.store.acquire(ALICE, OTHER, "apply", world.clock(), timedelta(hours=1), lambda _: False)
    assert workers.look(repository, asked=frozenset({ALICE})) == 2
    wait_for(lambda: BOB in over)
    assert over == [BOB], "and alice was asked for, so that her turn was before"
    world.forward(seconds=LOOK.total_seconds())
    assert workers.due_again() == [SHOP]


def test_what_another_host_did_meanwhile_waits_no_more(
    world: World, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To look at each of them again would take up places; one that is still to be done goes on waiting."""
    repository, workers = world.daemon.application.services.repositories[SHOP], made()
    with monkeypatch.context() as patch:
        patch.setattr(workers, "_run", lambda *_: None)  # all threads are busy
        assert workers.look(repository) == 2
    made().run_until_settled([repository], frozenset({BOB}), only=True)
    assert workers.busy == [ALICE, BOB]
    workers.look(repository)
    assert workers.busy == [ALICE]
    assert workers._own.waiting(["acme"]) == {"acme": 1}
    world.daemon.work()
    workers.look(repository)
    assert workers.busy == []
    assert workers._own.take("acme") is None


def test_what_cannot_be_put_is_not_taken_for_waiting(world: World, made: Made) -> None:
    """The next look puts it. Nobody is told that it is over: who looked because of that would fail to put it again, for ever."""
    repository, queue = world.daemon.application.services.repositories[SHOP], _Broken()
    workers, over = made(queue), list[EnvironmentId]()
    workers.finished = over.append
    with pytest.raises(OSError, match="away"):
        workers.look(repository)
    assert workers.busy == []
    assert over == []
    assert in_order(world) == []
    queue.broken = False
    assert workers.look(repository) == 2


class _Taken(ThreadQueue):
    """Of which another host is always faster, for as long as it does not lose what it takes."""

    lost = True

    def put(self, wanted: Mapping[EnvironmentId, Priority]) -> None:
        """All are taken at once."""
        super().put(wanted)
        while self.lost and super().take("acme") is not None:
            pass


class _Broken(ThreadQueue):
    """In a database that is away."""

    broken = True

    def put(self, wanted: Mapping[EnvironmentId, Priority]) -> None:
        """They cannot be put."""
        if self.broken:
            raise OSError("The database is away.")
        super().put(wanted)
