"""Waiting until what was deployed is healthy, and asking again and again whether it still is."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from envmgr.daemon.health_watch import HealthWatch
from envmgr.domain.values.environment import Environment, Status
from envmgr.domain.values.health import Condition, HealthCheck
from tests.support.engine import Engine, code
from tests.support.store import having
from tests.support.web_server import WebServer, dripping, page

if TYPE_CHECKING:
    from tests.support.git_repository import GitRepository

WELL, ILL = page(), page(503)


class Shop:
    """A repository whose environments say that they are at a server's paths `/NAME`."""

    def __init__(self, engine: Engine, server: WebServer) -> None:
        """Without an environment yet."""
        self.engine = engine
        self.server = server
        self.watch = HealthWatch(lambda: engine.application)
        self.repository: GitRepository | None = None

    @property
    def module(self) -> str:
        """Terraform code, with a secret output too."""
        return f"""
        variable "environment" {{ type = string }}
        resource "terraform_data" "app" {{ input = var.environment }}
        output "url" {{ value = "{self.server.url("")}/${{var.environment}}" }}
        output "key" {{
          value     = join("-", ["hush", "hush", "key"])
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
        paths = [path for path, _ in self.server.requests]
        self.server.requests.clear()
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
def shop(engine: Engine) -> Iterator[Shop]:
    """A shop on an engine, with a server that answers well at `/alice`."""
    with WebServer() as server:
        server.answer("/alice", WELL)
        found = Shop(engine, server)
        yield found
        found.watch.close()


def in_turn(*answers: Callable[[Any], None]) -> Callable[[Any], None]:
    """These answers, one after the other; the last one for ever."""
    left = list(answers)

    def answer(request: Any) -> None:
        (left.pop(0) if len(left) > 1 else left[0])(request)

    return answer


def deployed(shop: Shop) -> str | None:
    """The commit that runs for alice."""
    deployment = shop.alice().deployment
    return deployment.commit if deployment else None


def until(holds: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    over = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < over
        time.sleep(0.02)


# --- after a deploy ---------------------------------------------------------------------------


def test_ready_is_who_answers(shop: Shop) -> None:
    """After it was asked for as long as it took."""
    shop.server.answer("/alice", in_turn(ILL, ILL, WELL))
    shop.start()
    alice = shop.alice()
    assert (alice.status, alice.message, shop.condition()) == (Status.READY, "", Condition.HEALTHY)
    assert alice.deployment is not None
    assert alice.deployment.healthy_commit == alice.commit
    assert len(shop.asked()) == 3
    assert shop.engine.actions("alice")[-1] == "healthy"
    shop.engine.turn(2)
    assert shop.asked() == []


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

    shop.server.answer("/alice", page(500))
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


def test_nobody_waits_for_what_a_newer_push_replaces(shop: Shop) -> None:
    """The newer one is deployed at once, though the time for the older one is long."""
    shop.server.answer("/alice", ILL)
    working = threading.Thread(target=shop.start, kwargs={"timeout": "1h"})
    working.start()
    until(lambda: len(shop.server.requests) > 1)
    newer = shop.push(version="two")
    assert shop.engine.poll() == []
    until(lambda: deployed(shop) == newer)
    shop.server.answer("/alice", WELL)
    working.join(60)
    shop.engine.turn()
    alice = shop.alice()
    assert alice.deployment is not None
    assert (alice.status, alice.deployment.healthy_commit) == (Status.READY, newer)


@pytest.mark.parametrize("what", ["gone", "ends"])
def test_nobody_waits_for_what_is_gone_or_when_envmgr_ends(shop: Shop, what: str) -> None:
    """Neither is a failure; what was begun goes on later."""
    shop.server.answer("/alice", ILL)
    working = threading.Thread(target=shop.start, kwargs={"timeout": "1h"})
    working.start()
    until(lambda: len(shop.server.requests) > 1)
    if what == "ends":
        shop.engine.application.stop_terraform()
        working.join(60)
        assert shop.alice().status is Status.WAITING
        shop.engine.restart()
    else:
        assert shop.repository is not None
        shop.repository.delete("env-alice")
        assert shop.engine.poll() == []
        working.join(60)
        assert shop.alice().status is Status.WAITING
        assert "seems gone" in shop.alice().message
        shop.push(version="one")
    assert not working.is_alive()
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


# --- while it is up ---------------------------------------------------------------------------


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
    shop.server.answers |= {f"/{name}": WELL for name in ("bob", "carol", "dave")}
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

    def meanwhile(request: Any) -> None:
        store.update(asked.id, None, clock(), having(health=replace(health, since=clock())))
        ILL(request)

    shop.server.answer("/alice", in_turn(ILL, meanwhile, ILL))
    shop.look(3)
    assert shop.alice().status is Status.READY
    shop.look()
    assert shop.alice().status is Status.DEGRADED


def test_a_slow_one_and_a_broken_one_delay_no_other(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is asked by a thread of its own, and what one raises is its own matter."""
    shop.server.answers |= {"/bob": WELL, "/carol": WELL}
    shop.start("alice", "bob", "carol")
    shop.look(2)
    probe, ask = shop.engine.application.services.probe, shop.engine.application.services.probe.ask

    def fragile(check: HealthCheck, url: str, networks: tuple[str, ...]) -> str:
        if url.endswith("/alice"):
            raise RuntimeError("broken")
        return ask(check, url, networks)

    monkeypatch.setattr(probe, "ask", fragile)
    shop.server.answer("/bob", dripping(b"", b""))
    shop.server.answer("/carol", ILL)
    for _ in range(3):
        shop.asked()
        shop.engine.clock.forward(seconds=40)
        shop.watch.tick()
        until(lambda: any(path == "/carol" for path, _ in shop.server.requests))
        until(lambda: not any(look.under_way and not look.under_way.done() for look in carols(shop)))
    assert not shop.watch.wait(0), "bob still drips"
    assert shop.engine.environment("carol").status is Status.DEGRADED
    assert shop.alice().status is Status.READY


def carols(shop: Shop) -> list[Any]:
    """The looks at carol's."""
    return [look for identity, look in shop.watch._looks.items() if identity.name == "carol"]


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


# --- by a command -----------------------------------------------------------------------------


def test_a_command_says_whether_it_is_well(shop: Shop) -> None:
    """In a checkout of what is deployed, with the outputs; its output is in a file, and no run is made of it."""
    flag = shop.engine.folder / "ill"
    command = f'echo "$ENVMGR_OUTPUT_URL $(cat app.txt)"; if test -e {flag}; then echo error: ill; exit 3; fi'
    shop.start(run=command)
    assert shop.alice().status is Status.READY
    runs = len(shop.engine.runs())
    log = shop.engine.application.services.layout.steps(shop.alice().id) / "health.log"
    assert f"{shop.server.url('/alice')} one" in log.read_text()
    flag.touch()
    shop.look(3)
    alice = shop.alice()
    assert (alice.status, alice.message) == (Status.DEGRADED, "Step health failed (exit 3): error: ill.")
    assert len(log.read_text().splitlines()) < 6, "made anew each time"
    flag.unlink()
    shop.look()
    assert shop.alice().status is Status.READY
    assert len(shop.engine.runs()) == runs


def test_a_command_gives_way_to_a_push(shop: Shop) -> None:
    """And does not count as a failed answer then."""
    slow = shop.engine.folder / "slow"
    shop.start(run=f"if test -e {slow}; then touch {slow}.began; exec sleep 300; fi")
    shop.look()
    slow.touch()
    shop.engine.clock.forward(seconds=40)
    shop.watch.tick()
    until(lambda: slow.with_name("slow.began").exists())
    slow.unlink()
    newer = shop.push(version="two")
    shop.engine.poll()
    assert shop.watch.wait(60)
    shop.engine.turn()
    alice = shop.alice()
    assert alice.deployment is not None
    assert (alice.status, alice.deployment.commit) == (Status.READY, newer)
    assert "degraded" not in shop.engine.actions("alice")


def test_the_end_of_the_watch_ends_a_command(shop: Shop) -> None:
    """Nobody waits a minute for it."""
    slow = shop.engine.folder / "slow"
    shop.start(run=f"if test -e {slow}; then touch {slow}.began; exec sleep 300; fi")
    shop.look()
    slow.touch()
    shop.engine.clock.forward(seconds=40)
    shop.watch.tick()
    until(lambda: slow.with_name("slow.began").exists())
    shop.watch.close()
    assert shop.watch.wait(30)
    shop.engine.clock.forward(seconds=40)
    shop.watch.tick()
    assert shop.watch.wait(0)


def test_a_branch_has_nobody_within_asked(shop: Shop) -> None:
    """By its own file, or by an output that the organization file names."""
    shop.engine.settings["limits"] = {}
    shop.start(timeout="1s")
    assert "leads to a private, loopback or link-local address" in shop.alice().message
    assert shop.server.requests == []
