"""Invariant 9: a state that could not be written is pushed first; what a half-done apply made is made once."""

import json
import os
import selectors
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit
from uuid import uuid4

import boto3
import pytest

from envmgr.daemon import operations
from envmgr.domain.environment import RunStatus, Status
from tests.integration.victim import Victim, wait_for_end
from tests.support.aws import S3_BACKEND
from tests.support.engine import MODULE, Engine, code, push

KEY = "acme/shop/alice/terraform.tfstate"

# Makes a line in a file, then does not end before another file is there; fails where a third one is.
CODE = """
variable "folder" {}
resource "terraform_data" "mark" {
  input = var.folder
  provisioner "local-exec" {
    command     = "echo made >> marks"
    working_dir = self.input
  }
}
resource "terraform_data" "slow" {
  input      = var.folder
  depends_on = [terraform_data.mark]
  provisioner "local-exec" {
    command     = "touch at-work; until test -e go-on; do sleep 0.05; done; test ! -e broken"
    working_dir = self.input
  }
}
"""


class Line:
    """A TCP port that leads to another, until it is cut."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._up = True
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()
        self._listener.close()

    def cut(self) -> None:
        """End all connections and take no more."""
        self._up = False
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Lead on again."""
        self._up = True

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            if not self._up:
                return
            with socket.create_connection(("127.0.0.1", self._to)) as upstream:
                self._open |= {connection, upstream}
                carry(connection, upstream)
                self._open -= {connection, upstream}


def carry(one: socket.socket, other: socket.socket) -> None:
    """Copy bytes both ways until a side has no more."""
    peers = {one: other, other: one}
    with selectors.DefaultSelector() as ready:
        for side, peer in peers.items():
            ready.register(side, selectors.EVENT_READ, peer)
        while True:
            for key, _ in ready.select():
                data = socket.socket.recv(key.fileobj, 65536)  # type: ignore[arg-type]
                if not data:
                    return
                key.data.sendall(data)


@pytest.fixture
def line(moto_url: str) -> Iterator[Line]:
    """The way to S3, which a test cuts."""
    port = urlsplit(moto_url).port
    assert port is not None
    with Line(port) as made:
        yield made


@pytest.fixture
def s3(aws_environment: dict[str, str]) -> Iterator[Any]:
    """A client that goes straight to moto."""
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "eu-west-1"}
    client = boto3.client("s3", endpoint_url=aws_environment["AWS_ENDPOINT_URL"], **keys)
    yield client
    client.close()


@pytest.fixture
def marks(engine: Engine) -> Path:
    """Where the resources of alice's branch leave their marks."""
    made = engine.folder / "marks"
    made.mkdir()
    engine.repository(variables={"folder": str(made)})
    return made


def is_lock_recorded(engine: Engine) -> bool:
    """Whether the newest run knows the lock that is held now, not only that of its plan before."""
    lock = engine.application.services.tenants["acme"].state().lock(KEY)
    return lock is not None and lock.id == engine.runs()[-1].lock_id


def wait_for(condition: Callable[[], object], seconds: float = 30) -> None:
    """Wait until it is so."""
    stop = threading.Event()
    for _ in range(int(seconds * 20)):
        if condition():
            return
        stop.wait(0.05)
    raise AssertionError("it did not come about in time")


def use_s3(engine: Engine, line: Line, environment: dict[str, str]) -> str:
    """Let the engine keep its states in S3 at the end of the line; gives the bucket."""
    bucket = f"states-{uuid4().hex}"
    engine.settings["backend"] = {"s3": {**S3_BACKEND, "bucket": bucket, "max_retries": 1}}
    endpoint = f"http://127.0.0.1:{line.port}"
    engine.settings["environment_variables"] = {**environment, "AWS_ENDPOINT_URL": endpoint}
    return bucket


def test_a_state_that_could_not_be_written_is_pushed_before_anything_else(
    engine: Engine, marks: Path, line: Line, aws_environment: dict[str, str], s3: Any
) -> None:
    """S3 is away while Terraform works; its lock stays behind too. When S3 is back, nothing is made twice."""
    bucket = use_s3(engine, line, aws_environment)
    shop = engine.repositories["shop"]
    push(shop, ["alice"])
    engine.turn()
    assert engine.environment("alice").status is Status.READY, engine.environment("alice").message
    shop.commit("env-alice", code(module=CODE))
    engine.poll()
    worker = threading.Thread(target=engine.work)
    worker.start()
    wait_for((marks / "at-work").exists)
    wait_for(lambda: is_lock_recorded(engine))
    line.cut()
    (marks / "go-on").touch()
    worker.join()
    alice = engine.environment("alice")
    assert alice.status is Status.FAILED
    assert "state could not be written" in alice.message
    workspace = engine.data / "workspaces"
    assert [path.stat().st_mode & 0o777 for path in workspace.rglob("errored.tfstate")] == [0o600]

    engine.turn(minutes=10)
    assert engine.environment("alice").status is Status.FAILED
    assert list(workspace.rglob("errored.tfstate"))
    line.mend()
    engine.calls()
    engine.turn(hours=1)

    alice = engine.environment("alice")
    assert (alice.status, alice.applied_commit) == (Status.READY, alice.commit), alice.message
    assert (marks / "marks").read_text() == "made\n"
    assert not list(workspace.rglob("errored.tfstate"))
    assert "state-recovered" in engine.actions("alice")
    calls = engine.calls()
    assert calls.index("state") < calls.index("plan")
    state = json.loads(s3.get_object(Bucket=bucket, Key=KEY)["Body"].read())
    assert {resource["name"] for resource in state["resources"]} == {"mark", "slow"}
    assert set(alice.resources) == {"terraform_data.mark", "terraform_data.slow"}


@pytest.mark.parametrize("by_hand", [False, True], ids=["by itself", "unlocked by hand"])
def test_a_surviving_terraform_that_could_not_write_its_state_loses_nothing(
    engine: Engine, line: Line, aws_environment: dict[str, str], by_hand: bool
) -> None:
    """Envmgr is killed, S3 goes away, and only then Terraform ends: state and lock are left to the next process."""
    use_s3(engine, line, aws_environment)
    victim = Victim(engine)
    slow = victim.folder / "slow"
    slow.touch()
    process = victim.start("during")
    victim.wait_for_mark("made")
    wait_for(lambda: is_lock_recorded(engine))
    process.kill()
    process.wait()
    line.cut()
    slow.unlink()
    child = engine.runs()[-1].child
    assert child is not None
    wait_for_end(child.pid)
    assert list(engine.data.rglob("errored.tfstate"))
    line.mend()
    if by_hand:
        operations.unlock(engine.application, engine.environment("alice"), force=True)

    engine.turn(seconds=30)

    alice = engine.environment("alice")
    assert (alice.status, alice.applied_commit) == (Status.READY, alice.commit), alice.message
    assert victim.marks() == ["made", "whole"]
    assert {"unlocked", "state-recovered"} <= set(engine.actions("alice"))


def test_the_lock_of_a_terraform_that_died_with_envmgr_is_broken(
    engine: Engine, line: Line, aws_environment: dict[str, str]
) -> None:
    """Both are killed at once, as when the host's memory is full: the next process needs no person."""
    use_s3(engine, line, aws_environment)
    victim = Victim(engine)
    slow = victim.folder / "slow"
    slow.touch()
    process = victim.start("during")
    victim.wait_for_mark("made")
    wait_for(lambda: is_lock_recorded(engine))
    child = engine.runs()[-1].child
    assert child is not None
    process.kill()
    os.killpg(child.pid, signal.SIGKILL)
    process.wait()
    wait_for_end(child.pid)
    slow.unlink()

    engine.turn(seconds=30)

    alice = engine.environment("alice")
    assert (alice.status, alice.applied_commit) == (Status.READY, alice.commit), alice.message
    assert engine.actions("alice")[-3:] == ["interrupted", "unlocked", "applied"]
    assert [run.status for run in engine.runs()] == [RunStatus.INTERRUPTED, RunStatus.SUCCEEDED]


def test_what_a_failed_apply_made_is_not_made_again_without_its_state(engine: Engine, marks: Path) -> None:
    """It was the first apply, so nothing but its own state says what there is."""
    shop = engine.repositories["shop"]
    for name in ("go-on", "broken"):
        (marks / name).touch()
    shop.commit("env-alice", code(module=CODE))
    engine.turn()
    alice = engine.environment("alice")
    assert alice.status is Status.FAILED
    assert "terraform_data.mark" in alice.resources
    hidden = engine.folder / "hidden"
    engine.state("alice").rename(hidden)
    (marks / "broken").unlink()

    engine.turn(2, hours=1)

    alice = engine.environment("alice")
    assert alice.status is Status.FAILED
    assert "is missing" in alice.message
    assert (marks / "marks").read_text() == "made\n"
    hidden.rename(engine.state("alice"))
    shop.commit("env-alice", code({"README.md": "try again"}, CODE))
    engine.turn(hours=1)
    assert engine.environment("alice").status is Status.READY, engine.environment("alice").message
    assert (marks / "marks").read_text() == "made\n"


def test_what_somebody_else_applied_is_recorded(engine: Engine, marks: Path) -> None:
    """Nothing to change, but the record is brought up to date; a sensitive value is not in it."""
    del marks
    secret = MODULE + 'output "password" {\n  value = "hunter2-canary"\n  sensitive = true\n}\n'
    shop = engine.repositories["shop"]
    shop.commit("env-alice", code(module=secret))
    engine.turn()
    identity = engine.environment("alice").id
    store = engine.application.services.store
    store.update(
        identity,
        None,
        engine.clock(),
        outputs={},
        resources=(),
        url=None,
        applied_commit=None,
        applied_fingerprint=None,
    )

    engine.turn(seconds=30)

    alice = engine.environment("alice")
    assert (alice.status, alice.url) == (Status.READY, "http://alice.example.com")
    assert alice.resources == ("terraform_data.app",)
    assert (alice.outputs["password"].value, alice.outputs["password"].sensitive) == (None, True)
    assert engine.calls()[-2:] == ["apply", "plan"]
