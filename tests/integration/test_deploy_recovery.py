"""A deploy whose envmgr dies: it is done again, the infrastructure is not, and nothing of it goes on beside it."""

import pytest

from envmgr.domain.values.environment import RunKind, RunStatus, Status
from tests.integration.victim import Victim, wait_for_end
from tests.support.engine import Engine


def step(victim: Victim, name: str) -> dict[str, str]:
    """A step that writes marks and takes as long as the file `slow` is there."""
    return {
        "name": name,
        "run": f"cd {victim.folder}; echo {name} >> marks; while test -e slow; do sleep 0.1; done; echo {name}-over >> marks",
    }


@pytest.fixture
def victim(engine: Engine) -> Victim:
    """A branch that is up, whose every push is deployed by a step from now on."""
    victim = Victim(engine)
    engine.turn()
    assert engine.environment("alice").status is Status.READY
    engine.repository_settings["shop"]["deploy"] = [step(victim, "deploy")]
    engine.repository_settings["shop"]["on_destroy"] = [step(victim, "bye")]
    engine.write()
    engine.close()
    return victim


def test_a_deploy_whose_process_dies_is_done_again(victim: Victim) -> None:
    """By the next process, at the same commit, once what was left of it has ended."""
    engine = victim.engine
    victim.dies_at("deploy", lambda: any(run.child for run in engine.runs(RunKind.DEPLOY)))
    victim.slow.unlink()
    [run] = engine.runs(RunKind.DEPLOY)
    assert run.status is RunStatus.RUNNING
    assert run.child is not None
    engine.calls()

    for _ in range(3):
        engine.turn(seconds=10)

    wait_for_end(run.child.pid)
    alice = engine.environment("alice")
    assert (alice.status, alice.applied.commit) == (Status.READY, alice.commit), alice.message
    assert alice.deployment is not None
    assert alice.deployment.commit == alice.commit
    assert [run.status for run in engine.runs(RunKind.DEPLOY)] == [
        RunStatus.INTERRUPTED,
        RunStatus.SUCCEEDED,
    ]
    assert victim.marks()[-2:] == ["deploy", "deploy-over"]
    assert engine.calls() == []
    assert all(run.finished_at for run in engine.runs())


def test_a_destroy_that_dies_in_its_steps_runs_them_again_and_then_destroys(victim: Victim) -> None:
    """They come before: what they end is still there to be ended."""
    engine = victim.engine
    engine.turn(2)
    victim.shop.delete("env-alice")
    engine.turn(2, seconds=30)
    engine.clock.forward(minutes=6)
    engine.close()
    victim.dies_at("bye")
    victim.slow.unlink()
    assert victim.in_state() == 1

    for _ in range(3):
        engine.turn(minutes=10)

    alice = engine.environment("alice")
    assert (alice.status, alice.claim) == (Status.DESTROYED, None), alice.message
    assert victim.marks()[-2:] == ["ended", "gone"]
    assert victim.marks()[-4:-2] == ["bye", "bye-over"]
    assert not engine.state("alice").exists()
