"""Invariant 6 where the lock's ID was never seen: ours by exclusion, or left to a person."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from azure.storage.blob import BlobLeaseClient

from envmgr.adapters.state.azure_blob import AzureBlobStateStore
from envmgr.domain.documents.state import LockInfo
from envmgr.domain.values.environment import Status
from tests.integration.victim import Victim, wait_for_end
from tests.support.aws import S3_BACKEND
from tests.support.engine import Engine
from tests.support.store import having


@pytest.fixture(params=["s3", "azurerm"])
def victim(request: pytest.FixtureRequest, engine: Engine) -> Victim:
    """A branch whose state is where a lock outlives its holder."""
    if request.param == "s3":
        engine.settings["backend"] = {"s3": {**S3_BACKEND, "bucket": f"states-{uuid4().hex}"}}
        engine.settings["environment_variables"] = request.getfixturevalue("aws_environment")
    else:
        azurite = request.getfixturevalue("azurite")
        settings = {"storage_account_name": azurite.account, "container_name": f"states-{uuid4().hex}"}
        engine.settings["backend"] = {"azurerm": settings}
        engine.settings["environment_variables"] = dict(azurite.environment)
    return Victim(engine)


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A program named terraform that runs on this host, and that envmgr did not start."""
    program = tmp_path / "elsewhere" / "terraform"
    program.parent.mkdir()
    program.write_bytes(Path("/bin/sleep").resolve().read_bytes())
    program.chmod(0o755)
    process = subprocess.Popen([program, "600"])
    yield process
    process.kill()
    process.wait()


def leave_an_unseen_lock(victim: Victim) -> LockInfo:
    """Kill a pass and its Terraform during an apply, as if before anybody had seen the lock."""
    engine = victim.engine
    victim.dies_at("made")
    [run] = engine.runs()
    assert run.child is not None
    os.killpg(run.child.pid, signal.SIGKILL)
    wait_for_end(run.child.pid)
    victim.slow.unlink()
    engine.application.services.store.set_lock(run.id, None)
    left = lock(engine)
    assert left is not None
    assert left.id
    return left


def lock(engine: Engine) -> LockInfo | None:
    """The lock of alice's state."""
    return engine.application.services.organizations["acme"].state().lock("acme/shop/alice/terraform.tfstate")


def turn_until_ready(engine: Engine) -> None:
    """Other Terraforms of this host, of other tests, are a doubt as long as they live."""
    deadline = time.monotonic() + 100
    while engine.environment("alice").status is not Status.READY:
        assert time.monotonic() < deadline, engine.environment("alice").message
        engine.turn(minutes=10)


def test_a_lock_that_only_our_dead_terraform_can_hold_is_broken(victim: Victim) -> None:
    """It was made by our user on this host while our Terraform lived, and no other Terraform is here."""
    leave_an_unseen_lock(victim)

    turn_until_ready(victim.engine)

    assert lock(victim.engine) is None
    assert "unlocked" in victim.engine.actions("alice")


def test_a_lock_that_init_left_is_broken_in_the_store(victim: Victim) -> None:
    """On Azure an `init` that has no state yet wants the lock, so that Terraform could not even break it."""
    left = leave_an_unseen_lock(victim)
    engine = victim.engine
    store = engine.application.services.organizations["acme"].state()
    if isinstance(store, AzureBlobStateStore):
        blob = store._blob("acme/shop/alice/terraform.tfstate")
        note = blob.get_blob_properties().metadata
        blob.upload_blob(b"", overwrite=True, lease=BlobLeaseClient(blob, left.id), metadata=note)
    shutil.rmtree(engine.data / "workspaces" / "acme" / "shop" / "alice" / "terraform")

    turn_until_ready(engine)

    assert lock(engine) is None
    assert "unlocked" in engine.actions("alice")


def test_a_lock_that_a_living_stranger_may_hold_is_not_broken(
    stranger: "subprocess.Popen[bytes]", victim: Victim
) -> None:
    """Once it has gone, only ours is left."""
    left = leave_an_unseen_lock(victim)
    engine = victim.engine

    engine.turn(2, minutes=10)

    assert lock(engine) == left
    alice = engine.environment("alice")
    assert alice.status is Status.WAITING
    assert left.id in alice.message
    stranger.kill()
    stranger.wait()
    turn_until_ready(engine)


def test_a_lock_that_refused_our_run_is_anothers(victim: Victim) -> None:
    """It was made while our Terraform lived, but ours did not get it."""
    left = leave_an_unseen_lock(victim)
    engine = victim.engine
    [run] = engine.runs()
    engine.application.services.store.set_lock(run.id, "")

    engine.turn(2, minutes=10)

    assert lock(engine) == left
    assert engine.environment("alice").status is Status.WAITING


def test_a_lock_does_not_stay_though_nothing_is_to_be_applied(victim: Victim) -> None:
    """As where a destroy by hand died while it was planned: the environment is as its branch wants it, but for the lock."""
    leave_an_unseen_lock(victim)
    engine = victim.engine
    alice = engine.environment("alice")
    assert alice.claim is not None
    engine.application.services.store.update(
        alice.id, None, engine.clock(), having(applied_fingerprint=alice.claim.fingerprint)
    )

    turn_until_ready(engine)

    assert lock(engine) is None
