"""What was ready where is written down: all of a commit, and only once it was healthy."""

from pathlib import Path

from envmgr.domain.values.environment import Environment, Status
from tests.support.engine import code
from tests.support.in_memory.engine import MemoryEngine


def is_released(engine: MemoryEngine, commit: str, environment: Environment | None = None) -> bool:
    """Whether a promotion might rest on a commit."""
    found = engine.store.pipeline.releases.get((environment or engine.environment("alice")).id, commit)
    return found is not None and found.has_passed


def test_a_commit_that_is_ready_is_a_release_since_then(engine: MemoryEngine) -> None:
    """Also once another has followed it, and from its first time on."""
    repository = engine.repository()
    first = repository.commit("env-alice", code())
    engine.turn()
    since = engine.clock()
    second = repository.commit("env-alice", {"notes.txt": "more"})
    assert not is_released(engine, second)
    engine.clock.forward(minutes=5)
    engine.turn()
    assert is_released(engine, first)
    assert is_released(engine, second)
    repository.point(["env-alice"], first)
    engine.clock.forward(minutes=5)
    engine.turn()
    found = engine.store.pipeline.releases.get(engine.environment("alice").id, first)
    assert found is not None
    assert found.ready_at == since


def test_what_is_not_healthy_or_went_back_is_none(engine: MemoryEngine, tmp_path: Path) -> None:
    """Neither the commit that failed, nor the infrastructure of the one with the code of the other."""
    served = tmp_path / "served"
    repository = engine.repository(
        deploy=[{"name": "app", "run": f"cp app.txt {served}"}],
        health={"run": f"! grep -x bad {served}", "timeout": "1s"},
        on_unhealthy="previous",
    )
    good = repository.commit("env-alice", code({"app.txt": "good\n"}))
    engine.turn()
    bad = repository.commit("env-alice", {"app.txt": "bad\n"})
    engine.turn()
    assert engine.environment("alice").status is Status.FAILED
    assert [is_released(engine, commit) for commit in (good, bad)] == [True, False]
