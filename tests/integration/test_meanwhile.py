"""What began and did not end, and what arrives while a long run is under way: none of it is lost, or taken for done."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from envmgr.commands import steering
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.environment import Environment, RunKind, RunStatus, Status
from tests.support.engine import Engine, code, push


@contextmanager
def held(engine: Engine, folder: Path, command: str) -> Iterator[None]:
    """All that is due is worked on beside the block, while Terraform waits in front of a command till the block ends."""
    reached, go = folder / "reached", folder / "go"
    wait = f"touch {reached}; for i in $(seq 600); do test -e {go} && break; sleep 0.05; done"
    engine.use_terraform(f'if [ "$1" = {command} ]; then {wait}; fi; exec "$real" "$@"')
    application = engine.application
    worker = threading.Thread(
        target=lambda: application.workers.run_until_settled(
            application.services.projects.values(), frozenset()
        )
    )
    worker.start()
    try:
        for _ in range(600):
            if reached.exists():
                break
            worker.join(0.05)
        assert reached.exists(), f"no {command} came"
        yield
    finally:
        go.touch()
        worker.join()
        engine.use_terraform()


def last(engine: Engine, kind: RunKind) -> RunStatus:
    """How the newest run of a kind ended."""
    return engine.runs(kind)[-1].status


# --- what began and did not end ------------------------------------------------------------------


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


def test_steps_before_a_destroy_that_failed_half_way_are_made_up_for(engine: Engine, tmp_path: Path) -> None:
    """The branch comes back after they took the site down: it is deployed again."""
    served, refuses = tmp_path / "served", tmp_path / "refuses"
    refuses.touch()
    shop = engine.repository(
        deploy=[{"name": "copy", "run": f"cp web.txt {served}", "when": "code"}],
        on_destroy=[{"name": "bye", "run": f"rm -f {served}; ! test -e {refuses}"}],
    )
    shop.commit("env-alice", code({"web.txt": "good"}))
    engine.turn()
    at = engine.environment("alice").commit
    shop.delete("env-alice")
    engine.turn(3, minutes=6)
    assert not served.exists()
    assert engine.environment("alice").status is Status.FAILED
    shop.point(["env-alice"], at)
    engine.turn(seconds=5)
    assert (engine.environment("alice").status, served.read_text()) == (Status.READY, "good")


# --- what arrives meanwhile ----------------------------------------------------------------------


@pytest.fixture
def over(engine: Engine) -> Environment:
    """A branch whose time to live is over."""
    engine.settings["ttl"] = {"default": "2h"}
    push(engine.repository(), ["alice"])
    engine.turn()
    engine.clock.forward(hours=2)
    return engine.environment("alice")


def test_a_push_while_the_end_of_its_life_deletes_is_taken_up_after_it(
    engine: Engine, over: Environment, tmp_path: Path
) -> None:
    """It comes back at the pushed commit."""
    with held(engine, tmp_path, "apply"):
        commit = engine.repositories["shop"].commit("env-alice", {"app.py": "new"})
        engine.poll()
        with pytest.raises(NeedsPerson, match="is being deleted already"):
            steering.suspend(engine.application, engine.environment("alice"))
    assert last(engine, RunKind.DESTROY) is RunStatus.SUCCEEDED
    engine.turn(2, seconds=5)
    alice = engine.environment("alice")
    assert (alice.status, alice.applied.commit) == (Status.READY, commit), alice.message


@pytest.mark.parametrize("wish", ["push", "suspend", "extend"])
def test_what_comes_before_anything_is_deleted_calls_the_end_off(
    engine: Engine, over: Environment, tmp_path: Path, wish: str
) -> None:
    """While the destroy is planned: what the environment has stays, and the wish holds."""
    with held(engine, tmp_path, "plan"):
        alice = engine.environment("alice")
        match wish:
            case "push":
                engine.repositories["shop"].commit("env-alice", {"app.py": "new"})
                engine.poll()
            case "suspend":
                steering.suspend(engine.application, alice)
            case _:
                steering.extend(engine.application, [alice], engine.clock.now - over.life.created_at)
    assert last(engine, RunKind.DESTROY) is RunStatus.SUPERSEDED
    assert "destroy-called-off" in engine.actions("alice")
    engine.turn(seconds=5)
    alice = engine.environment("alice")
    assert alice.claim is not None
    assert alice.status is (Status.SUSPENDED if wish == "suspend" else Status.READY), alice.message


def test_a_branch_that_comes_back_in_the_steps_before_its_destroy_stays(
    engine: Engine, tmp_path: Path
) -> None:
    """They are the last moment at which nothing is deleted; it is asked once more after them."""
    back = tmp_path / "back"
    shop = engine.repository(
        on_destroy=[{"name": "bye", "run": f"while ! test -e {back}; do sleep 0.05; done"}]
    )
    push(shop, ["alice"])
    engine.turn()
    at = engine.environment("alice").commit
    shop.delete("env-alice")
    engine.poll()
    engine.clock.forward(minutes=6)
    engine.poll()
    worker = threading.Thread(target=engine.work)
    worker.start()
    for _ in range(600):
        if any(run.child for run in engine.runs(RunKind.DESTROY)):
            break
        worker.join(0.05)
    shop.point(["env-alice"], at)
    engine.poll()
    back.touch()
    worker.join()
    engine.turn(seconds=5)
    alice = engine.environment("alice")
    assert (alice.status, alice.claim is not None) == (Status.READY, True), alice.message
    assert last(engine, RunKind.DESTROY) is RunStatus.SUPERSEDED


# --- failures, and what is new -------------------------------------------------------------------


def test_a_deletion_does_not_wait_for_the_pause_of_a_failed_deploy(engine: Engine) -> None:
    """Eight tries failed, so the next is long off; the branch is surely gone all the same."""
    engine.settings["destroy"] = {"confirmations": 1, "grace_period": "0s"}
    shop = engine.repository(deploy=[{"name": "no", "run": "false"}])
    push(shop, ["alice"])
    engine.turn()
    engine.turn(8, hours=1)
    assert engine.environment("alice").failure.count >= 8
    shop.delete("env-alice")
    engine.turn(seconds=1)
    assert engine.environment("alice").status is Status.DESTROYED


def test_a_first_branch_that_was_never_applied_is_closed_without_a_place_for_states(engine: Engine) -> None:
    """A typo in its file: nothing was ever made, so there is nothing to look for."""
    shop = engine.repository()
    shop.commit("env-alice", code({".envmgr.yaml": "variabels: {}"}))
    engine.turn()
    assert engine.environment("alice").status is Status.FAILED
    shop.delete("env-alice")
    engine.turn(3, minutes=6)
    alice = engine.environment("alice")
    assert (alice.status, "nothing was applied" in alice.message) == (Status.DESTROYED, True), alice.message
    assert not (engine.folder / "state").exists()


def test_closing_that_fails_is_paused_and_said_once_for_each_try(engine: Engine) -> None:
    """Where the place is known to hold others' states, one that cannot be read closes nothing, in its own time."""
    shop = engine.repository()
    push(shop, ["bob"])
    shop.commit("env-alice", code({".envmgr.yaml": "variabels: {}"}))
    engine.turn()
    (engine.folder / "state").rename(engine.folder / "away")
    shop.delete("env-alice")
    engine.turn(3, minutes=6)
    for _ in range(20):
        engine.work()
    alice = engine.environment("alice")
    assert (alice.status, alice.failure.count) == (Status.FAILED, 1), alice.message
    assert engine.actions("alice").count("failed") == 2  # of the typo, and of the closing

    (engine.folder / "away").rename(engine.folder / "state")
    engine.turn(hours=1)
    assert engine.environment("alice").status is Status.DESTROYED
