"""What began and did not end, and what arrives while a long run is under way: none of it is lost, or taken for done."""

from pathlib import Path

import pytest

from envmgr.domain.values.environment import Status
from tests.support.engine import Engine, code


@pytest.fixture
def served(engine: Engine, tmp_path: Path) -> Path:
    """What is served, by a step that copies where a web file changed, and one that refuses what is broken."""
    folder = tmp_path / "served"
    copy = {"name": "copy", "run": f"cp web.txt {folder}", "when": {"paths": ["web.txt"]}}
    engine.repository(deploy=[copy, {"name": "check", "run": "! grep -q broken web.txt", "when": "code"}])
    return folder


def test_a_revert_of_a_deploy_that_failed_half_way_copies_again(engine: Engine, served: Path) -> None:
    """Though just that commit's files are deployed by the record of the last success; by a force-push, too."""
    shop = engine.repositories["shop"]
    good = shop.commit("env-alice", code({"web.txt": "good"}))
    engine.turn()
    assert served.read_text() == "good"
    shop.commit("env-alice", {"web.txt": "broken"})
    engine.turn()
    assert (engine.environment("alice").status, served.read_text()) == (Status.FAILED, "broken")
    deployment = engine.environment("alice").deployment
    assert deployment is not None
    assert deployment.known_commit is None

    shop.commit("env-alice", {"web.txt": "good"})
    engine.turn()
    assert (engine.environment("alice").status, served.read_text()) == (Status.READY, "good")

    shop.commit("env-alice", {"web.txt": "broken again"})
    engine.turn()
    shop.point(["env-alice"], good)
    engine.turn()
    alice = engine.environment("alice")
    assert (alice.status, served.read_text()) == (Status.READY, "good")
    assert alice.deployment is not None
    assert (alice.deployment.commit, alice.deployment.begun) == (good, ())
