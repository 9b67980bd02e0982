"""Invariant 9: SIGKILL at any instant loses nothing, and the next process converges without a person."""

import os
import signal

import pytest

from envmgr.domain.environment import RunKind, RunStatus, Status
from tests.integration.victim import Victim, wait_for_end
from tests.support.engine import Engine


@pytest.fixture
def victim(engine: Engine) -> Victim:
    """A branch that was pushed, and nothing more."""
    return Victim(engine)


def assert_whole(victim: Victim, interrupted: int = 1) -> None:
    """Ready, recorded as any other, nothing made twice, no run left running."""
    engine = victim.engine
    alice = engine.environment("alice")
    assert (alice.status, alice.applied_commit) == (Status.READY, alice.commit), alice.message
    assert alice.url == "http://alice.example.com"
    assert alice.resources == ("terraform_data.mark",)
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


def test_an_apply_that_outlives_its_process_is_waited_for(victim: Victim) -> None:
    """The next process does not touch the environment until the surviving Terraform has ended."""
    engine, slow = victim.engine, victim.folder / "slow"
    slow.touch()
    process = victim.start("during")
    victim.wait_for_mark("made")
    process.kill()
    process.wait()
    engine.calls()

    engine.turn(seconds=30)

    alice = engine.environment("alice")
    assert alice.status is Status.WAITING
    assert "still works on acme/shop/alice" in alice.message
    assert engine.calls() == []
    child = engine.runs()[-1].child
    assert child is not None
    slow.unlink()
    wait_for_end(child.pid)
    engine.turn(seconds=30)
    assert_whole(victim)


def test_an_apply_that_dies_with_its_process_is_done_again(victim: Victim) -> None:
    """Both are killed: what Terraform wrote down is kept, the rest is planned anew."""
    engine, slow = victim.engine, victim.folder / "slow"
    slow.touch()
    process = victim.start("during")
    victim.wait_for_mark("made")
    child = engine.runs()[-1].child
    assert child is not None
    process.kill()
    process.wait()
    os.killpg(child.pid, signal.SIGKILL)
    wait_for_end(child.pid)
    slow.unlink()

    engine.turn(seconds=30)

    alice = engine.environment("alice")
    assert (alice.status, alice.applied_commit) == (Status.READY, alice.commit), alice.message
    assert victim.in_state() == 1
    assert [run.status for run in engine.runs()] == [RunStatus.INTERRUPTED, RunStatus.SUCCEEDED]


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


def test_a_destroy_that_outlives_its_process_is_waited_for(victim: Victim) -> None:
    """And then verified and closed."""
    leaves(victim)
    engine, slow = victim.engine, victim.folder / "slow"
    slow.touch()
    process = victim.start("during")
    victim.wait_for_mark("ended")
    process.kill()
    process.wait()
    engine.calls()
    engine.turn(seconds=30)
    assert "still works on acme/shop/alice" in engine.environment("alice").message
    child = engine.runs()[-1].child
    assert child is not None
    slow.unlink()
    wait_for_end(child.pid)

    engine.turn(seconds=30)

    assert_gone(victim, [RunStatus.INTERRUPTED, RunStatus.SUCCEEDED])
