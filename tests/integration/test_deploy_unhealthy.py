"""A deploy that does not become healthy, and the way back to the last one that did."""

from pathlib import Path

from envmgr.domain.values.environment import Status
from envmgr.domain.values.health import Condition
from tests.support.engine import Engine, code


class Shop:
    """A repository whose deploy copies `app.txt` to where it is served, and is well unless that says `bad`."""

    def __init__(self, engine: Engine, folder: Path, on_unhealthy: str) -> None:
        """Its branch is up, and well, with version one."""
        self.engine = engine
        self.served = folder / "served"
        deploy = [{"name": "app", "run": f'cp app.txt {self.served}; echo "$ENVMGR_COMMIT" >> {self.served}'}]
        self.repository = engine.repository(
            deploy=deploy,
            health={"run": f"! grep -x bad {self.served}", "timeout": "1s"},
            on_unhealthy=on_unhealthy,
        )
        self.first = self.repository.commit("env-alice", code({"app.txt": "one\n"}))
        engine.turn()
        alice = engine.environment("alice")
        assert alice.status is Status.READY, alice.message
        assert alice.deployment is not None
        assert alice.deployment.healthy_commit == self.first

    def push(self, text: str) -> str:
        """Push another version and work; gives the commit."""
        commit = self.repository.commit("env-alice", {"app.txt": f"{text}\n"})
        self.engine.turn()
        return commit

    def text(self) -> list[str]:
        """What is served, and the commit whose code put it there."""
        return self.served.read_text().split()


def test_the_last_healthy_commit_comes_back(engine: Engine, tmp_path: Path) -> None:
    """It stays `failed` and says so, is not tried again by itself, and a mended push ends it."""
    shop = Shop(engine, tmp_path, "previous")
    engine.calls()
    bad = shop.push("bad")
    alice = engine.environment("alice")
    assert alice.status is Status.FAILED
    assert alice.message.startswith("Not healthy within 1s: Step health failed (exit 1)")
    assert alice.message.endswith(f"The code of {shop.first[:10]} runs again.")
    assert shop.text() == ["one", shop.first]
    assert alice.applied.commit == bad
    assert alice.deployment is not None
    assert alice.deployment.commit == shop.first
    [event] = [e for e in engine.application.services.store.events(alice.id) if e.action == "went-back"]
    assert bad[:10] in event.message
    assert shop.first[:10] in event.message
    assert engine.calls() == []

    runs = len(engine.runs())
    engine.turn(3, minutes=20)
    assert len(engine.runs()) == runs
    assert engine.environment("alice").status is Status.FAILED

    good = shop.push("two")
    alice = engine.environment("alice")
    assert (alice.status, alice.message) == (Status.READY, "")
    assert shop.text() == ["two", good]
    assert alice.health is not None
    assert alice.health.condition is Condition.HEALTHY
