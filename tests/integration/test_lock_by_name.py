"""Invariant 6 in a cage: a lock says of which run it is, before anybody noted its ID, and whoever else works here."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from envmgr.domain.values.environment import Status
from tests.integration.victim import wait_for_end
from tests.support import warm
from tests.support.aws import S3_BACKEND
from tests.support.engine import Engine, code
from tests.support.waiting import wait_for

pytestmark = pytest.mark.usefixtures("bubblewrap")

CODE = """
resource "terraform_data" "mark" {
  provisioner "local-exec" {
    command = "cd $TF_DATA_DIR; echo made >> marks; while test -e slow; do sleep 0.1; done"
  }
}
"""


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[None]:
    """A program named terraform that runs on this host, and that envmgr did not start: nothing is proven by exclusion."""
    program = tmp_path / "elsewhere" / "terraform"
    program.parent.mkdir()
    shutil.copy(Path("/bin/sleep").resolve(), program)
    with subprocess.Popen([program, "600"]) as process:
        yield
        process.kill()


@pytest.mark.usefixtures("stranger")
def test_a_lock_from_a_cage_is_broken_once_its_run_is_over(
    engine: Engine, aws_environment: dict[str, str]
) -> None:
    """Though nobody noted its ID, and others work here."""
    engine.settings["backend"] = {"s3": {**S3_BACKEND, "bucket": f"states-{uuid4().hex}"}}
    engine.settings["environment_variables"] = aws_environment
    engine.settings["cage"] = {"kind": "bwrap", "network": "open"}
    shop = engine.repository()
    shop.commit("env-alice", code())
    engine.turn()
    data = engine.data / "workspaces/acme/shop/alice/terraform"
    (data / "slow").touch()
    shop.commit("env-alice", code(module=CODE))
    engine.close()
    engine.write()
    with (engine.folder / "log").open("ab") as log:
        arguments = [str(engine.config), str(engine.data), "during", "0"]
        process = warm.start("tests.integration.killed_process", arguments, stdout=log, stderr=log)
    wait_for((data / "marks").exists)
    process.kill()
    process.wait()

    services = engine.application.services
    run = engine.runs()[-1]
    services.store.set_lock(run.id, None)
    state = services.organizations["acme"].state()
    held = state.lock("acme/shop/alice/terraform.tfstate")
    assert held is not None
    assert held.who.startswith(f"envmgr-{services.layout.records}-{run.id}@")
    assert run.child is not None
    os.killpg(run.child.pid, signal.SIGKILL)
    wait_for_end(run.child.pid)
    (data / "slow").unlink()

    engine.turn(2, minutes=10)

    assert engine.environment("alice").status is Status.READY, engine.environment("alice").message
    assert "unlocked" in engine.actions("alice")
    assert state.lock("acme/shop/alice/terraform.tfstate") is None
