"""Waiting until what was deployed is healthy, and asking again and again whether it still is."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from envmgr.daemon.health_watch import HealthWatch
from envmgr.domain.values.environment import Environment, Status
from envmgr.domain.values.health import Condition
from tests.support.engine import code
from tests.support.in_memory.engine import MemoryEngine
from tests.support.in_memory.probe import Answer, MemoryProbe, given
from tests.support.store import having

if TYPE_CHECKING:
    from tests.support.in_memory.git import MemoryRepository
WELL, ILL = (200, ""), (503, "")


class Server:
    """What answers at `http://served`, by its paths."""

    def __init__(self, probe: MemoryProbe) -> None:
        """Nothing answers yet."""
        self.probe = probe

    def url(self, path: str) -> str:
        """Where a path is."""
        return f"http://served{path}"

    def answer(self, path: str, how: Answer) -> None:
        """Have a path answer."""
        self.probe.answers[self.url(path)] = how


class Shop:
    """A repository whose environments say that they are at a server's paths `/NAME`."""

    def __init__(self, engine: MemoryEngine) -> None:
        """Without an environment yet."""
        self.engine = engine
        self.server = Server(engine.probe)
        self._watch: HealthWatch | None = None
        self.repository: MemoryRepository | None = None

    @property
    def watch(self) -> HealthWatch:
        """By the organization file as it was when the engine was last started."""
        if self._watch is None:
            self._watch = HealthWatch(self.engine.application)
        self._watch.reconfigure(self.engine.application)
        return self._watch

    @property
    def module(self) -> str:
        """Terraform code, with a secret output too."""
        return f"""
        variable "environment" {{ type = string }}
        resource "terraform_data" "app" {{ input = var.environment }}
        output "url" {{ value = "{self.server.url("")}/${{var.environment}}" }}
        output "key" {{
          value     = "hush-hush-key"
          sensitive = true
        }}
        """

    def start(self, *names: str, **health: Any) -> None:
        """Push `env-NAME` for each name and bring them up; `health` is the check."""
        check = {} if "run" in health else {"url": "{outputs.url}"}
        settings = health.pop("repository", {})
        self.repository = self.engine.repository(health={**check, **health}, **settings)
        for name in names or ("alice",):
            self.push(name)
        self.engine.turn()

    def push(self, name: str = "alice", version: str = "one", **files: str) -> str:
        """Push to `env-NAME`; gives the commit."""
        assert self.repository is not None
        return self.repository.commit(f"env-{name}", code({"app.txt": version, **files}, self.module))

    def look(self, times: int = 1) -> None:
        """Ask all that are watched, so many times; one that was not asked yet is, at the second."""
        for _ in range(times):
            self.engine.clock.forward(seconds=40)
            self.watch.tick()
            assert self.watch.wait(60)

    def asked(self) -> list[str]:
        """The paths that were asked for since the last call of this."""
        paths = [url.removeprefix(self.server.url("")) for url in self.engine.probe.asked]
        self.engine.probe.asked.clear()
        return paths

    def alice(self) -> Environment:
        """Her environment."""
        return self.engine.environment("alice")

    def condition(self) -> Condition:
        """How hers answers, by the record."""
        health = self.alice().health
        assert health is not None
        return health.condition


@pytest.fixture
def shop(engine: MemoryEngine) -> Iterator[Shop]:
    """A shop on an engine, with a server that answers well at `/alice`."""
    found = Shop(engine)
    found.server.answer("/alice", WELL)
    yield found
    found.watch.close()


def in_turn(*answers: Answer) -> Answer:
    """These answers, one after the other; the last one for ever."""
    left = list(answers)
    return lambda: given(left.pop(0) if len(left) > 1 else left[0])


def test_who_never_answers_has_failed_until_it_does(shop: Shop) -> None:
    """With what it said last; it is not deployed again for that, but looked at, and may recover."""
    shop.server.answer("/alice", ILL)
    shop.start(timeout="1s")
    alice = shop.alice()
    said = f"Not healthy within 1s: GET {shop.server.url('/alice')} answered 503, wanted 200."
    assert (alice.status, alice.message, shop.condition()) == (Status.FAILED, said, Condition.UNHEALTHY)
    assert alice.failure.retry_at is None
    assert alice.deployment is not None
    assert alice.deployment.healthy_commit is None
    assert shop.engine.actions("alice")[-1] == "unhealthy"
    runs = len(shop.engine.runs())
    shop.engine.turn(2, hours=2)
    assert len(shop.engine.runs()) == runs

    shop.server.answer("/alice", (500, ""))
    shop.look(2)
    assert shop.alice().message == said.replace("503", "500")
    assert shop.alice().status is Status.FAILED
    shop.server.answer("/alice", WELL)
    shop.look()
    alice = shop.alice()
    assert (alice.status, alice.message, alice.failure.on) == (Status.READY, "", "")
    assert alice.deployment is not None
    assert alice.deployment.healthy_commit == alice.commit
    assert shop.engine.actions("alice")[-2:] == ["unhealthy", "recovered"]
    shop.engine.turn()
    assert len(shop.engine.runs()) == runs


@pytest.mark.parametrize("what", ["gone", "ends"])
def test_nobody_waits_for_what_is_gone_or_when_envmgr_ends(shop: Shop, what: str) -> None:
    """Neither is a failure; what was begun goes on later."""

    def happens() -> tuple[int, str]:
        if what == "ends":
            shop.engine.application.stop_terraform()
        elif (repository := shop.repository) is not None and repository.head("env-alice"):
            repository.delete("env-alice")
            assert shop.engine.poll() == []
        return ILL

    shop.server.answer("/alice", in_turn(ILL, happens))
    shop.start(timeout="1h")
    assert shop.alice().status is Status.WAITING
    if what == "ends":
        shop.engine.restart()
    else:
        assert "seems gone" in shop.alice().message
        shop.push(version="one")
    assert shop.condition() is Condition.STARTING
    shop.server.answer("/alice", WELL)
    shop.engine.turn()
    assert (shop.alice().status, shop.condition()) == (Status.READY, Condition.HEALTHY)


def test_an_output_that_is_not_there_is_said_at_once(shop: Shop) -> None:
    """Waiting would not make it."""
    shop.start(url="{outputs.address}/ok", timeout="1h")
    alice = shop.alice()
    assert alice.status is Status.FAILED
    assert "There is no Terraform output 'address'" in alice.message
    shop.look(2)
    assert shop.asked() == []


def test_the_code_before_comes_back_where_that_is_asked_for(shop: Shop) -> None:
    """And its answers do not make the newer commit a good one."""
    step = {"name": "app", "run": "true"}
    shop.start(timeout="1s", repository={"on_unhealthy": "previous", "deploy": [step]})
    healthy = shop.alice().commit
    shop.server.answer("/alice", ILL)
    broken = shop.push(version="two")
    shop.engine.turn()
    alice = shop.alice()
    assert alice.deployment is not None
    assert (alice.status, alice.deployment.commit, alice.commit) == (Status.FAILED, healthy, broken)
    assert alice.message.startswith("Not healthy within 1s: ")
    assert f"The code of {healthy[:10]} runs again." in alice.message
    shop.server.answer("/alice", WELL)
    shop.look(2)
    shop.engine.turn()
    assert shop.alice().status is Status.FAILED


def test_one_bad_answer_alarms_nobody_and_two_do(shop: Shop) -> None:
    """It is degraded until it answers well again; Terraform has no part in that."""
    shop.start()
    before, runs = shop.alice(), len(shop.engine.runs())
    shop.look(3)
    shop.server.answer("/alice", in_turn(ILL, WELL, ILL, WELL))
    shop.look(4)
    assert shop.alice() == before, "nothing is written while nothing changes"
    assert len(shop.asked()) == 1 + 2 + 4

    shop.server.answer("/alice", ILL)
    shop.look(2)
    alice = shop.alice()
    said = f"GET {shop.server.url('/alice')} answered 503, wanted 200."
    assert (alice.status, alice.message, shop.condition()) == (Status.DEGRADED, said, Condition.UNHEALTHY)
    assert shop.engine.actions("alice")[-1] == "degraded"
    shop.engine.turn()
    shop.look()
    assert shop.alice() == alice
    shop.server.answer("/alice", WELL)
    shop.look()
    alice = shop.alice()
    assert (alice.status, alice.message, shop.condition()) == (Status.READY, "", Condition.HEALTHY)
    assert shop.engine.actions("alice")[-2:] == ["degraded", "recovered"]
    assert len(shop.engine.runs()) == runs


def test_a_degraded_one_is_deployed_to(shop: Shop) -> None:
    """A push is how it is mended."""
    shop.start()
    shop.server.answer("/alice", ILL)
    shop.look(3)
    assert shop.alice().status is Status.DEGRADED
    shop.server.answer("/alice", WELL)
    newer = shop.push(version="two")
    shop.engine.turn()
    alice = shop.alice()
    assert alice.deployment is not None
    assert (alice.status, alice.deployment.commit) == (Status.READY, newer)


def test_only_who_is_up_is_asked(shop: Shop) -> None:
    """Not who is suspended, nor whose branch is gone, nor who failed otherwise."""
    for name in ("bob", "carol", "dave"):
        shop.server.answer(f"/{name}", WELL)
    shop.start("alice", "bob", "carol", "dave")
    shop.look(2)
    assert sorted(set(shop.asked())) == ["/alice", "/bob", "/carol", "/dave"]
    store, identity = shop.engine.application.services.store, shop.alice().id
    now = shop.engine.clock()
    bob, carol, dave = (shop.engine.environment(name).id for name in ("bob", "carol", "dave"))
    store.update(bob, None, now, having(suspended="By me.", status=Status.SUSPENDED))
    store.update(carol, None, now, having(absent_since=now))
    store.update(dave, None, now, having(status=Status.FAILED, message="Terraform broke."))
    shop.look(2)
    assert set(shop.asked()) == {"/alice"}
    store.update(identity, None, shop.engine.clock(), having(status=Status.RUNNING))
    shop.look(2)
    assert shop.asked() == []


def test_a_held_environment_is_recorded_the_next_time(shop: Shop) -> None:
    """Whoever works on it has the say meanwhile."""
    shop.start()
    shop.server.answer("/alice", ILL)
    with shop.engine.application.services.leases.hold(shop.alice().id, "test"):
        shop.look(4)
        assert shop.alice().status is Status.READY
    shop.look()
    assert shop.alice().status is Status.DEGRADED


def test_what_was_deployed_meanwhile_is_not_blamed(shop: Shop) -> None:
    """An answer counts for what was asked only."""
    shop.start()
    shop.look()
    asked, store, clock = shop.alice(), shop.engine.application.services.store, shop.engine.clock
    assert asked.health is not None
    health = asked.health

    def meanwhile() -> tuple[int, str]:
        store.update(asked.id, None, clock(), having(health=replace(health, since=clock())))
        return ILL

    shop.server.answer("/alice", in_turn(ILL, meanwhile, ILL))
    shop.look(3)
    assert shop.alice().status is Status.READY
    shop.look()
    assert shop.alice().status is Status.DEGRADED


def test_a_secret_output_in_the_address_is_used_and_hidden(shop: Shop) -> None:
    """It is read from the state, where it is."""
    shop.server.answer("/hush-hush-key", in_turn(WELL, ILL))
    shop.start(url=shop.server.url("/{outputs.key}"))
    assert shop.alice().status is Status.READY
    assert "/hush-hush-key" in shop.asked()
    shop.look(4)
    alice = shop.alice()
    assert alice.status is Status.DEGRADED
    assert "answered 503" in alice.message
    assert "hush" not in repr(alice) + repr(shop.engine.application.services.store.events(alice.id))
