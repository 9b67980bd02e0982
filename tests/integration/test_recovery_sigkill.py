"""Invariant 9: SIGKILL at any instant loses nothing, and the next process converges without a person."""

import os
import signal
import threading
import time
from datetime import timedelta

import pytest

from envmgr.domain.values.environment import Changes, RunKind, RunStatus, Status, Suspension
from tests.integration.victim import CODE, Victim, wait_for_end
from tests.support.engine import Engine, code
from tests.support.waiting import wait_for


@pytest.fixture
def victim(engine: Engine) -> Victim:
    """A branch that was pushed, and nothing more."""
    return Victim(engine)


def assert_whole(victim: Victim, interrupted: int = 1) -> None:
    """Ready, recorded as any other, nothing made twice, no run left running."""
    engine = victim.engine
    alice = engine.environment("alice")
    assert (alice.status, alice.applied.commit) == (Status.READY, alice.commit), alice.message
    assert alice.applied.url == "http://alice.example.com"
    assert alice.applied.resources == ("terraform_data.mark",)
    assert victim.marks() == ["made", "whole"]
    assert victim.in_state() == 1
    statuses = [run.status for run in engine.runs(RunKind.APPLY)]
    assert statuses == [RunStatus.INTERRUPTED] * interrupted + [RunStatus.SUCCEEDED]
    assert engine.actions("alice").count("interrupted") == interrupted
    assert all(run.finished_at for run in engine.runs())


@pytest.mark.parametrize("moment", ["before claim", "after claim", "after apply"])
def test_an_apply_whose_process_dies_is_brought_to_its_end(victim: Victim, moment: str) -> None:
    """Whether it died before or after Terraform did anything."""
    victim.dies(moment)

    victim.engine.turn(seconds=30)

    assert_whole(victim)


def attended(victim: Victim, mark: str) -> list[str]:
    """Kill a pass while its Terraform stands at a mark, and have the next one attend it to its end.

    Gives the Terraform commands that the next pass started.
    """
    engine = victim.engine
    victim.dies_at(mark)
    engine.calls()
    assert "adopted" not in engine.actions("alice")  # and so the application is there, for both threads
    following = threading.Thread(target=engine.turn, kwargs={"seconds": 30})
    following.start()
    deadline = time.monotonic() + 60
    while "adopted" not in engine.actions("alice"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert engine.calls() == []
    victim.slow.unlink()
    following.join(60)
    return engine.calls()


def test_an_apply_that_outlives_its_process_is_adopted(victim: Victim) -> None:
    """Its own last word is the run's result: nothing is planned or applied again, its log is whole."""
    assert attended(victim, "made") == []

    engine = victim.engine
    assert_whole(victim, interrupted=0)
    [run] = engine.runs()
    assert run.changes == Changes(add=1)
    assert run.message.startswith(f"Applied {run.commit[:10]}: 1 added, 0 changed, 0 destroyed")
    lines = (engine.data / run.log).read_text().splitlines()
    assert sum("Apply complete!" in line for line in lines) == 1
    assert sum("(local-exec): Executing" in line for line in lines) == 1


def test_an_apply_whose_start_could_not_be_recorded_is_adopted(victim: Victim) -> None:
    """The process died between starting Terraform and writing down which one it is."""
    engine = victim.engine
    victim.dies_at("made")
    [run] = engine.runs()
    assert run.child is not None
    engine.application.services.store.set_child(run.id, None)
    victim.slow.unlink()

    engine.turn(seconds=30)

    assert_whole(victim, interrupted=0)


def test_what_a_survivor_prints_of_a_sensitive_output_is_hidden(victim: Victim) -> None:
    """Its code may print what Terraform cannot know to be one."""
    engine = victim.engine
    secret = 'output "password" {\n  value = "hunter2-canary"\n  sensitive = true\n}\n'
    victim.shop.commit("env-alice", code(module=CODE + secret))
    engine.turn()
    assert engine.environment("alice").status is Status.READY
    printing = 'provisioner "local-exec" {\n    command = "echo it is hunter2-canary"\n  }\n  provisioner'
    loud = CODE.replace("provisioner", printing, 1).replace(
        "input = var.folder", "triggers_replace = 2\n  input = var.folder"
    )
    victim.shop.commit("env-alice", code(module=loud + secret))
    victim.dies_at("ended")
    victim.slow.unlink()

    engine.turn(seconds=30)

    run = engine.runs(RunKind.APPLY)[-1]
    assert run.message.endswith("restarted meanwhile."), run.message
    log = (engine.data / run.log).read_text()
    assert "it is [redacted]" in log
    assert "hunter2-canary" not in log


def test_a_survivor_that_fails_leaves_its_error(victim: Victim) -> None:
    """Its run says why; the next plan makes what is missing."""
    engine = victim.engine
    victim.dies_at("made")
    child = engine.runs()[-1].child
    assert child is not None
    os.kill(child.pid, signal.SIGINT)
    victim.slow.unlink()

    engine.turn(seconds=30)

    first, second = engine.runs()
    assert (first.status, second.status) == (RunStatus.FAILED, RunStatus.SUCCEEDED), first.message
    assert engine.environment("alice").status is Status.READY
    assert victim.in_state() == 1


def test_an_apply_that_dies_with_its_process_is_done_again(victim: Victim) -> None:
    """Both are killed: what Terraform wrote down is kept, the rest is planned anew."""
    engine = victim.engine
    victim.dies_at("made")
    child = engine.runs()[-1].child
    assert child is not None
    os.killpg(child.pid, signal.SIGKILL)
    wait_for_end(child.pid)
    victim.slow.unlink()

    engine.turn(seconds=30)

    alice = engine.environment("alice")
    assert (alice.status, alice.applied.commit) == (Status.READY, alice.commit), alice.message
    assert victim.in_state() == 1
    assert [run.status for run in engine.runs()] == [RunStatus.INTERRUPTED, RunStatus.SUCCEEDED]


@pytest.mark.parametrize("is_recorded", [True, False], ids=["recorded", "by its mark"])
def test_a_step_that_outlives_its_process_is_ended_and_done_again(victim: Victim, is_recorded: bool) -> None:
    """With all its group: nobody waits for it, and it is not done twice at a time."""
    engine, pids = victim.engine, victim.folder / "pids"
    stop = f"test ! -e {pids} || exit 0; sleep 600 & echo $$ $! > {pids}.new; mv {pids}.new {pids}; wait"
    steps = [{"name": "stop", "run": stop}]
    engine.settings["schedule"] = {"up": "0 8 * * *", "down": "0 19 * * *", "down_run": steps}
    engine.clock.now = (engine.clock.now + timedelta(days=1)).replace(hour=10)
    engine.turn()
    engine.clock.forward(hours=10)
    process = victim.start("during")
    wait_for(lambda: pids.exists() and engine.runs()[-1].child)
    process.kill()
    process.wait()
    if not is_recorded:
        engine.application.services.store.set_child(engine.runs()[-1].id, None)

    engine.turn(2, seconds=30)

    for pid in pids.read_text().split():
        wait_for_end(int(pid))
    alice = engine.environment("alice")
    assert (alice.status, alice.suspended_by) == (Status.SUSPENDED, Suspension.SCHEDULE), alice.message
    statuses = [run.status for run in engine.runs(RunKind.DEPLOY)]
    assert statuses == [RunStatus.INTERRUPTED, RunStatus.SUCCEEDED]
    assert "step-ended" in engine.actions("alice")


def leaves(victim: Victim) -> None:
    """Alice is ready and then her branch is surely gone; only the destroy is left to be done."""
    engine = victim.engine
    engine.turn()
    assert engine.environment("alice").status is Status.READY, engine.environment("alice").message
    victim.shop.delete("env-alice")
    engine.turn(2, seconds=30)
    engine.clock.forward(minutes=6)
    engine.close()


def assert_gone(victim: Victim, statuses: list[RunStatus]) -> None:
    """Destroyed once, archived, no run left running."""
    engine = victim.engine
    alice = engine.environment("alice")
    assert (alice.status, alice.claim) == (Status.DESTROYED, None), alice.message
    assert victim.marks() == ["made", "whole", "ended", "gone"]
    assert not engine.state("alice").exists()
    assert len(engine.archived()) == 1
    assert [run.status for run in engine.runs(RunKind.DESTROY)] == statuses
    assert engine.actions("alice").count("destroyed") == 1


@pytest.mark.parametrize("moment", ["after apply", "after verify", "after archive"])
def test_a_destroy_whose_process_dies_is_brought_to_its_end(victim: Victim, moment: str) -> None:
    """Also where the state is gone already and only the record does not know it."""
    leaves(victim)
    victim.dies(moment)

    victim.engine.turn(2, minutes=2)

    first = RunStatus.INTERRUPTED if moment == "after apply" else RunStatus.SUCCEEDED
    assert_gone(victim, [first, RunStatus.SUCCEEDED])


def test_a_destroy_that_dies_after_its_last_word_is_over(victim: Victim) -> None:
    """The record says destroyed; nothing is done again."""
    leaves(victim)
    victim.dies("after record")

    victim.engine.turn(2, minutes=2)

    assert_gone(victim, [RunStatus.SUCCEEDED])


def test_a_destroy_that_outlives_its_process_is_adopted(victim: Victim) -> None:
    """And then verified and closed by a run that finds nothing left."""
    leaves(victim)

    assert attended(victim, "ended") == ["plan"]

    assert_gone(victim, [RunStatus.SUCCEEDED, RunStatus.SUCCEEDED])
