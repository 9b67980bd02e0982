"""What a person cancels ends where it stands, is left alone, and goes on when that person says so."""

import threading
from datetime import timedelta
from pathlib import Path

import pytest

from envmgr.commands import cancellation, steering
from envmgr.commands.cancellation import Cancelled
from envmgr.domain.values.environment import RunKind, RunStatus, Status, Suspension
from tests.support.engine import MODULE, Engine, code
from tests.support.waiting import wait_for

ENDS_SLOWLY = """
resource "terraform_data" "slow" {
  input = "%s"
  provisioner "local-exec" {
    when    = destroy
    command = "touch ${self.input}/began; while test -e ${self.input}/hold; do sleep 0.1; done"
  }
}
"""


@pytest.fixture
def marks(engine: Engine) -> Path:
    """A folder in which `began` says that the slow part is under way, and which it waits on while it has `hold`."""
    folder = engine.folder / "marks"
    folder.mkdir()
    (folder / "hold").touch()
    return folder


def cancelled(engine: Engine, marks: Path) -> Cancelled:
    """Work until the slow part is under way, cancel it, and wait for the end of the pass."""
    working = threading.Thread(target=engine.work)
    working.start()
    wait_for((marks / "began").exists)
    done = cancellation.cancel(engine.application, engine.environment("alice"), timedelta(minutes=1))
    working.join(60)
    assert not working.is_alive()
    assert done.is_over
    alice = engine.environment("alice")
    assert (alice.status, alice.suspended_by) == (Status.SUSPENDED, Suspension.CANCEL), alice.message
    assert "Cancelled by daemon" in alice.message
    runs = len(engine.runs())
    engine.turn(2, minutes=10)
    assert len(engine.runs()) == runs, "it was begun again"
    return done


def goes_on(engine: Engine, marks: Path) -> None:
    """The person changes their mind, and nothing is slow any more."""
    (marks / "hold").unlink()
    steering.resume(engine.application, engine.environment("alice"))
    engine.turn(2, minutes=10)


def test_a_destroy(engine: Engine, marks: Path) -> None:
    """The branch is gone for good: all the same it stays as far as it is, and its state knows what is left."""
    shop = engine.repository()
    shop.commit("env-alice", code(module=MODULE + ENDS_SLOWLY % marks))
    engine.turn()
    shop.delete("env-alice")
    engine.poll()
    engine.clock.forward(minutes=6)
    engine.poll()

    done = cancelled(engine, marks)

    assert done.run is not None
    assert (done.run.kind, done.run.status) == (RunKind.DESTROY, RunStatus.INTERRUPTED)
    assert '"name": "slow"' in engine.state("alice").read_text()
    goes_on(engine, marks)
    assert engine.statuses() == {"alice": "destroyed"}, engine.environment("alice").message


def test_a_deploy_step(engine: Engine, marks: Path) -> None:
    """It ends with all that it started, counts as begun, and runs again from the start."""
    run = (
        f"echo ran >> {marks}/ran; touch {marks}/began; while test -e {marks}/hold; do sleep 0.1; done & wait"
    )
    shop = engine.repository(deploy=[{"name": "app", "run": run}])
    shop.commit("env-alice", code())
    engine.poll()

    done = cancelled(engine, marks)

    assert done.run is not None
    assert (done.run.kind, done.run.status) == (RunKind.DEPLOY, RunStatus.INTERRUPTED)
    assert engine.environment("alice").applied.commit == shop.head("env-alice")
    goes_on(engine, marks)
    alice = engine.environment("alice")
    assert (alice.status, alice.message) == (Status.READY, "")
    assert (marks / "ran").read_text().split() == ["ran", "ran"]
