"""Invariant 6: a lock is broken only if it is provably ours and its holder is provably dead."""

import fcntl
import getpass
import os
import signal
import socket
import struct
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from envmgr.commands import unlocking
from envmgr.domain.documents.state import LockInfo
from envmgr.domain.errors import EnvmgrError, StateLocked
from envmgr.domain.values.environment import RunStatus, Status
from envmgr.engine.recovery.state_locks import HeldLock
from tests.support import warm
from tests.support.aws import S3_BACKEND
from tests.support.azure import Azurite
from tests.support.engine import MODULE, Engine, code, push
from tests.support.state_backends import KEY, Backend, Workspace
from tests.support.waiting import wait_for

# struct flock: F_WRLCK over the whole file.
_WHOLE_FILE_FOR_WRITING = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)

MORE = MODULE + '\nresource "terraform_data" "more" {}\n'
HOLDER = f"{getpass.getuser()}@{socket.gethostname()}"


@dataclass(frozen=True)
class Place:
    """An engine whose states are in a backend, and another's Terraform on alice's state."""

    engine: Engine
    backend: Backend

    def other(self, terraform: str) -> Workspace:
        """Somebody's working folder on the state of alice."""
        return Workspace(self.engine.folder / "other", terraform, self.backend, KEY)

    def lock(self) -> LockInfo | None:
        """The lock of alice's state."""
        return self.backend.store().lock(KEY)

    def noted_lock(self) -> LockInfo | None:
        """The lock, once its holder has noted its ID."""
        found = self.lock()
        return found if found and found.id else None


@pytest.fixture
def place(request: pytest.FixtureRequest, engine: Engine) -> Place:
    """An engine on the backend that the test's parameter names; alice is ready."""
    kind = request.param
    if kind == "local":
        backend = Backend(kind, {"path": str(engine.folder / "state")}, {})
    elif kind == "s3":
        settings = {**S3_BACKEND, "bucket": f"states-{uuid4().hex}"}
        backend = Backend(kind, settings, request.getfixturevalue("aws_environment"))
    else:
        azurite = request.getfixturevalue("azurite")
        settings = {"storage_account_name": azurite.account, "container_name": f"states-{uuid4().hex}"}
        backend = Backend(kind, settings, azurite.environment)
    engine.settings["backend"] = {kind: dict(backend.settings)}
    engine.settings["environment_variables"] = dict(backend.environment)
    push(engine.repository(), ["alice"])
    engine.turn()
    assert engine.environment("alice").status is Status.READY, engine.environment("alice").message
    engine.calls()
    return Place(engine, backend)


everywhere = pytest.mark.parametrize("place", ["local", "s3", "azurerm"], indirect=True)
where_locks_stay = pytest.mark.parametrize("place", ["s3", "azurerm"], indirect=True)


@everywhere
def test_anothers_running_terraform_is_waited_for(place: Place, terraform_binary: str) -> None:
    """The environment says who holds the lock, breaks nothing, and becomes ready by itself."""
    engine, shop = place.engine, place.engine.repositories["shop"]
    other = place.other(terraform_binary)
    with other.applying() as process:
        held = wait_for(place.noted_lock)
        commit = shop.commit("env-alice", code(module=MORE))

        engine.turn(2, seconds=30)

        alice = engine.environment("alice")
        assert alice.status is Status.WAITING
        assert HOLDER in alice.message
        assert held.id in alice.message
        assert place.lock() == held
        with pytest.raises(StateLocked, match=HOLDER):
            unlocking.unlock(engine.application, alice, force=False)
    assert process.returncode == 0
    assert "apply" not in engine.calls()

    engine.turn(seconds=30)

    alice = engine.environment("alice")
    assert (alice.status, alice.applied.commit) == (Status.READY, commit), alice.message
    assert set(alice.applied.resources) == {"terraform_data.app", "terraform_data.more"}
    assert "unlocked" not in engine.actions("alice")


def slow_once(mark: Path) -> str:
    """Code whose first apply does not end."""
    return (
        MODULE
        + f"""
resource "terraform_data" "slow" {{
  provisioner "local-exec" {{ command = "test -e {mark} || {{ touch {mark}; sleep 600; }}" }}
}}
"""
    )


def kill_an_apply(place: Place) -> None:
    """Push code that applies without end, and kill its Terraform, whose lock is recorded, with all its children."""
    engine = place.engine
    shop = engine.repositories["shop"]
    shop.commit("env-alice", code(module=slow_once(engine.folder / "began")))
    engine.poll()
    worker = threading.Thread(target=engine.work)
    worker.start()
    wait_for((engine.folder / "began").exists)
    wait_for(lambda: (lock := place.lock()) and lock.id == engine.runs()[-1].lock_id)
    child = engine.runs()[-1].child
    assert child is not None
    os.killpg(child.pid, signal.SIGKILL)
    worker.join()


@where_locks_stay
def test_a_lock_of_our_own_dead_run_is_broken(place: Place) -> None:
    """Exactly the recorded one; the next pass converges."""
    engine = place.engine
    kill_an_apply(place)
    left = place.lock()
    assert left is not None
    assert left.id == engine.runs()[-1].lock_id
    assert engine.environment("alice").status is Status.FAILED

    engine.turn(hours=1)

    alice = engine.environment("alice")
    assert (alice.status, alice.applied.commit) == (Status.READY, alice.commit), alice.message
    assert engine.actions("alice")[-2:] == ["unlocked", "applied"]
    assert place.lock() is None
    assert [run.status for run in engine.runs()[-2:]] == [RunStatus.FAILED, RunStatus.SUCCEEDED]


@where_locks_stay
def test_a_lock_that_nobody_recorded_is_broken_by_force_only(place: Place, terraform_binary: str) -> None:
    """Its holder is dead, but nothing proves it: only a person may say so."""
    engine, shop = place.engine, place.engine.repositories["shop"]
    with place.other(terraform_binary).applying() as process:
        left = wait_for(place.noted_lock)
        os.killpg(process.pid, signal.SIGKILL)
    shop.commit("env-alice", code(module=MORE))
    engine.turn(3, hours=1)
    alice = engine.environment("alice")
    assert alice.status is Status.WAITING
    assert left.id in alice.message

    with pytest.raises(StateLocked, match=HOLDER) as refused:
        unlocking.unlock(engine.application, alice, force=False)
    assert "--force" in str(refused.value)
    assert place.lock() == left
    unlocking.unlock(engine.application, alice, force=True)

    assert place.lock() is None
    assert engine.actions("alice")[-1] == "unlocked"
    engine.turn(seconds=30)
    assert engine.environment("alice").status is Status.READY, engine.environment("alice").message


@pytest.mark.parametrize("place", ["local"], indirect=True)
def test_a_local_lock_ends_with_its_process(place: Place) -> None:
    """Its note stays behind, but means nothing: there is nothing to break."""
    engine = place.engine
    kill_an_apply(place)
    state = engine.state("alice")
    assert (state.parent / f".{state.name}.lock.info").exists()
    assert place.lock() is None
    assert unlocking.lock(engine.application, engine.environment("alice")) is None
    with pytest.raises(EnvmgrError, match="not locked"):
        unlocking.unlock(engine.application, engine.environment("alice"), force=True)

    engine.turn(hours=1)

    assert engine.environment("alice").status is Status.READY, engine.environment("alice").message
    assert "unlocked" not in engine.actions("alice")


@pytest.mark.parametrize("place", ["azurerm"], indirect=True)
def test_a_lock_without_a_note_is_waited_for_too(place: Place, azurite: Azurite) -> None:
    """Terraform died between taking the lease and noting who it is: nobody can break that by its ID."""
    engine, shop = place.engine, place.engine.repositories["shop"]
    container = str(place.backend.settings["container_name"])
    with azurite.client() as service:
        lease = service.get_blob_client(container, KEY).acquire_lease(lease_duration=-1)
        commit = shop.commit("env-alice", code(module=MORE))
        engine.turn(seconds=30)
        alice = engine.environment("alice")
        assert (alice.status, "lock without ID" in alice.message) == (Status.WAITING, True), alice.message
        with pytest.raises(EnvmgrError, match="break the lease"):
            unlocking.unlock(engine.application, alice, force=True)
        lease.release()

    engine.turn(seconds=30)

    assert engine.environment("alice").applied.commit == commit, engine.environment("alice").message


def empty_lock(place: Place, content: bytes) -> Callable[[], None]:
    """Lets someone hold alice's lock who noted nothing of himself; gives what ends it."""
    if place.backend.kind == "s3":
        from envmgr.host.credentials.aws import AwsAccount

        s3 = AwsAccount(place.backend.environment, place.backend.settings).client("s3", path_style=True)
        where = {"Bucket": str(place.backend.settings["bucket"]), "Key": f"{KEY}.tflock"}
        s3.put_object(**where, Body=content)
        return lambda: s3.delete_object(**where) and None
    state = place.engine.state("alice")
    (state.parent / f".{state.name}.lock.info").write_bytes(content)
    file = state.open("r+b")
    fcntl.fcntl(file, fcntl.F_OFD_SETLK, _WHOLE_FILE_FOR_WRITING)
    return file.close


@pytest.mark.parametrize(
    ("place", "content", "advice"),
    [
        ("s3", b"", f"delete the object {KEY}.tflock"),
        ("s3", b"{}", f"delete the object {KEY}.tflock"),
        ("local", b"", "it ends with the Terraform that holds it"),
    ],
    indirect=["place"],
)
def test_a_lock_with_an_empty_note_is_left_to_a_person(place: Place, content: bytes, advice: str) -> None:
    """Nothing breaks it, by itself or by force; what to do is said, and once it is gone the environment goes on."""
    engine, shop = place.engine, place.engine.repositories["shop"]
    end = empty_lock(place, content)
    commit = shop.commit("env-alice", code(module=MORE))

    engine.turn(2, hours=1)

    alice = engine.environment("alice")
    assert (alice.status, "lock without ID" in alice.message) == (Status.WAITING, True), alice.message
    assert "envmgr unlock" in alice.message
    for force in (False, True):
        with pytest.raises(EnvmgrError, match="someone who left no name") as refused:
            unlocking.unlock(engine.application, alice, force=force)
        assert advice in str(refused.value)
    assert place.lock() == LockInfo("")
    assert not {"apply", "force-unlock"} & set(engine.calls())
    end()

    engine.turn(hours=1)

    assert engine.environment("alice").applied.commit == commit, engine.environment("alice").message
    assert "unlocked" not in engine.actions("alice")


def envmgr(engine: Engine, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The program, as somebody else types it while the engine is at work."""
    places = ["--config", str(engine.config), "--data-dir", str(engine.data)]
    return warm.run("envmgr", [*places, *arguments])


@pytest.mark.parametrize("place", ["local", "s3"], indirect=True)
def test_unlock_shows_the_holder(place: Place, terraform_binary: str) -> None:
    """Another's, alive: refused with what would break it; a local lock not even by force, and it is not said to be."""
    engine = place.engine
    with place.other(terraform_binary).applying() as process:
        held = wait_for(place.noted_lock)

        shown = envmgr(engine, "unlock", "alice")
        unasked = envmgr(engine, "unlock", "alice", "--force")

        assert (shown.returncode, unasked.returncode) == (1, 2)
        for said in (shown.stderr, unasked.stderr):
            assert f"The state of acme/shop/alice is locked by {HOLDER} since" in said
            assert held.id in said
            assert "not a run that this envmgr knows of" in said
        if place.backend.kind == "local":
            forced = envmgr(engine, "unlock", "alice", "--force", "--yes")
            assert (forced.returncode, "ends with the Terraform that holds it" in forced.stderr) == (1, True)
        assert place.lock() == held
    assert process.returncode == 0


@pytest.mark.parametrize("place", ["s3"], indirect=True)
def test_our_own_living_run_is_never_unlocked(place: Place) -> None:
    """Not by force either: who works on the environment is named."""
    engine = place.engine
    go_on = engine.folder / "go-on"
    wait = f"touch {engine.folder}/began; until test -e {go_on}; do sleep 0.1; done"
    slow = f'resource "terraform_data" "slow" {{\n provisioner "local-exec" {{ command = "{wait}" }}\n}}'
    engine.repositories["shop"].commit("env-alice", code(module=f"{MODULE}\n{slow}"))
    engine.poll()
    worker = threading.Thread(target=engine.work)
    worker.start()
    wait_for((engine.folder / "began").exists)
    held = place.lock()
    said = [envmgr(engine, "unlock", "alice", *more) for more in ([], ["--force", "--yes"])]
    still = place.lock()
    go_on.touch()
    worker.join()

    assert held is not None
    assert still == held
    for each in said:
        assert (each.returncode, f"process {os.getpid()}" in each.stderr) == (1, True), each.stderr
        assert "acme/shop/alice is held by" in each.stderr
    assert engine.environment("alice").status is Status.READY, engine.environment("alice").message


@pytest.mark.parametrize("place", ["s3"], indirect=True)
def test_only_the_lock_that_was_shown_is_broken(place: Place, terraform_binary: str) -> None:
    """While the person thought about it, its holder ended and another one came."""
    engine = place.engine
    seen = HeldLock(LockInfo("an-earlier-one", who="carol@elsewhere"), None, dead=False)
    with place.other(terraform_binary).applying() as process:
        held = wait_for(place.noted_lock)
        with pytest.raises(StateLocked, match="no longer by carol@elsewhere") as refused:
            unlocking.unlock(engine.application, engine.environment("alice"), force=True, seen=seen)
        assert held.id in str(refused.value)
        assert place.lock() == held
    assert process.returncode == 0
