"""A deploy that does not become healthy, and the way back to the last one that did."""

from pathlib import Path

from envmgr.domain.values.environment import RunKind, RunStatus, Status
from envmgr.engine.change.health import is_watched
from tests.support.engine import code
from tests.support.in_memory.engine import MemoryEngine


class Shop:
    """A repository whose deploy copies `app.txt` to where it is served, and is well unless that says `bad`."""

    def __init__(self, engine: MemoryEngine, folder: Path, on_unhealthy: str) -> None:
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


def test_without_that_it_stays(engine: MemoryEngine, tmp_path: Path) -> None:
    """The newest code runs on, for somebody to look at."""
    shop = Shop(engine, tmp_path, "keep")
    bad = shop.push("bad")
    alice = engine.environment("alice")
    assert alice.status is Status.FAILED
    assert shop.text() == ["bad", bad]
    assert "went-back" not in engine.actions("alice")


def test_what_was_never_healthy_has_no_way_back(engine: MemoryEngine, tmp_path: Path) -> None:
    """The first commit's failure is all there is to say."""
    served = tmp_path / "served"
    repository = engine.repository(
        deploy=[{"name": "app", "run": f"cp app.txt {served}"}],
        health={"run": f"! grep -x bad {served}", "timeout": "1s"},
        on_unhealthy="previous",
    )
    repository.commit("env-alice", code({"app.txt": "bad"}))
    engine.turn()
    alice = engine.environment("alice")
    assert alice.status is Status.FAILED
    assert alice.message == "Not healthy within 1s: Step health failed (exit 1): bad."
    assert [run.status for run in engine.runs(RunKind.DEPLOY)] == [RunStatus.SUCCEEDED]


def test_a_way_back_that_fails_is_said_and_tried_again(engine: MemoryEngine, tmp_path: Path) -> None:
    """With growing pauses, until it succeeds; meanwhile its health is asked for as before."""
    shop, allowed = Shop(engine, tmp_path, "previous"), tmp_path / "allowed"
    shop.served.unlink()
    shop.served.mkdir()
    shop.repository.commit("env-alice", {"app.txt": "bad\n"})
    engine.repository_settings["shop"]["deploy"] = [
        {"name": "app", "run": f"test -e {allowed} || grep -x bad app.txt; cp app.txt {shop.served}/app"}
    ]
    engine.repository_settings["shop"]["health"]["run"] = f"! grep -x bad {shop.served}/app"
    engine.restart()
    engine.turn()
    alice = engine.environment("alice")
    assert alice.status is Status.FAILED
    assert "Not healthy within 1s" in alice.message
    assert "The last healthy commit could not be brought back: Step app failed" in alice.said
    assert is_watched(alice)
    runs = len(engine.runs())
    engine.turn(seconds=20)
    assert len(engine.runs()) == runs
    engine.turn(seconds=11)
    engine.turn(seconds=31)
    assert len(engine.runs()) == runs + 1
    alice = engine.environment("alice")
    assert alice.deployment is not None
    assert alice.deployment.back is not None
    assert (alice.deployment.back.failures, alice.retry_at) == (2, alice.deployment.back.retry_at)
    assert is_watched(alice)

    allowed.touch()
    engine.turn(minutes=5)
    alice = engine.environment("alice")
    assert alice.deployment is not None
    assert (alice.deployment.commit, alice.deployment.back, alice.retry_at) == (shop.first, None, None)
    assert alice.said.endswith(f"The code of {shop.first[:10]} runs again.")
    runs = len(engine.runs())
    engine.turn(2, minutes=20)
    assert len(engine.runs()) == runs
