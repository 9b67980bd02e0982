"""Waiting until what was deployed is healthy, and asking again and again whether it still is."""

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from envmgr.daemon.health_watch import HealthWatch
from envmgr.domain.values.environment import Environment, Status
from envmgr.domain.values.health import Condition, HealthCheck
from tests.support.engine import Engine, code
from tests.support.waiting import wait_for
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
        self._watch: HealthWatch | None = None
        self.repository: GitRepository | None = None

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


def test_nobody_waits_for_what_a_newer_push_replaces(shop: Shop) -> None:
    """The newer one is deployed at once, though the time for the older one is long."""
    shop.server.answer("/alice", ILL)
    working = threading.Thread(target=shop.start, kwargs={"timeout": "1h"})
    working.start()
    wait_for(lambda: len(shop.server.requests) > 1)
    newer = shop.push(version="two")
    assert shop.engine.poll() == []
    wait_for(lambda: deployed(shop) == newer)
    shop.server.answer("/alice", WELL)
    working.join(60)
    shop.engine.turn()
    alice = shop.alice()
    assert alice.deployment is not None
    assert (alice.status, alice.deployment.healthy_commit) == (Status.READY, newer)


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
        wait_for(lambda: any(path == "/carol" for path, _ in shop.server.requests))
        wait_for(lambda: not any(look.under_way and not look.under_way.done() for look in carols(shop)))
    assert not shop.watch.wait(0), "bob still drips"
    assert shop.engine.environment("carol").status is Status.DEGRADED
    assert shop.alice().status is Status.READY


def carols(shop: Shop) -> list[Any]:
    """The looks at carol's."""
    return [look for identity, look in shop.watch._looks.items() if identity.name == "carol"]


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
    wait_for(lambda: slow.with_name("slow.began").exists())
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
    wait_for(lambda: slow.with_name("slow.began").exists())
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
