"""Invariant 9: a state left behind by processes that died is pushed; what a half-done apply made is made once."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from envmgr.commands import unlocking
from envmgr.domain.values.environment import RunStatus, Status
from tests.integration.outage import CODE, is_lock_recorded
from tests.integration.victim import Victim, wait_for_end
from tests.support.aws import S3_BACKEND
from tests.support.engine import MODULE, Engine, code
from tests.support.faulty_proxy import FaultyProxy
from tests.support.store import having


@pytest.fixture
def line(moto_url: str) -> Iterator[FaultyProxy]:
    """The way to S3, which a test closes."""
    port = urlsplit(moto_url).port
    assert port is not None
    with FaultyProxy(port) as made:
        yield made


@pytest.fixture
def marks(engine: Engine) -> Path:
    """Where the resources of alice's branch leave their marks."""
    made = engine.folder / "marks"
    made.mkdir()
    engine.repository(variables={"folder": str(made)})
    return made


def use_s3(engine: Engine, line: FaultyProxy, environment: dict[str, str]) -> str:
    """Let the engine keep its states in S3 at the end of the line; gives the bucket."""
    bucket = f"states-{uuid4().hex}"
    engine.settings["backend"] = {"s3": {**S3_BACKEND, "bucket": bucket, "max_retries": 1}}
    engine.settings["environment_variables"] = {**environment, "AWS_ENDPOINT_URL": line.url}
    return bucket


@pytest.mark.parametrize("by_hand", [False, True], ids=["by itself", "unlocked by hand"])
def test_a_surviving_terraform_that_could_not_write_its_state_loses_nothing(
    engine: Engine, line: FaultyProxy, aws_environment: dict[str, str], by_hand: bool
) -> None:
    """Envmgr is killed, S3 goes away, and only then Terraform ends: state and lock are left to the next process."""
    use_s3(engine, line, aws_environment)
    victim = Victim(engine)
    victim.dies_at("made", lambda: is_lock_recorded(engine))
    line.stop()
    victim.slow.unlink()
    child = engine.runs()[-1].child
    assert child is not None
    wait_for_end(child.pid)
    assert [path for path in engine.data.rglob("errored.tfstate") if path.stat().st_size]
    line.start()
    if by_hand:
        unlocking.unlock(engine.application, engine.environment("alice"), force=True)

    engine.turn(seconds=30)

    alice = engine.environment("alice")
    assert (alice.status, alice.applied.commit) == (Status.READY, alice.commit), alice.message
    assert victim.marks() == ["made", "whole"]
    assert {"unlocked", "state-recovered"} <= set(engine.actions("alice"))


def test_the_lock_of_a_terraform_that_died_with_envmgr_is_broken(
    engine: Engine, line: FaultyProxy, aws_environment: dict[str, str]
) -> None:
    """Both are killed at once, as when the host's memory is full: the next process needs no person."""
    use_s3(engine, line, aws_environment)
    victim = Victim(engine)
    victim.dies_at("made", lambda: is_lock_recorded(engine))
    child = engine.runs()[-1].child
    assert child is not None
    os.killpg(child.pid, signal.SIGKILL)
    wait_for_end(child.pid)
    victim.slow.unlink()

    engine.turn(seconds=30)

    alice = engine.environment("alice")
    assert (alice.status, alice.applied.commit) == (Status.READY, alice.commit), alice.message
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
    assert "terraform_data.mark" in alice.applied.resources
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
        having(outputs={}, resources=(), url=None, applied_commit=None, applied_fingerprint=None),
    )

    engine.turn(seconds=30)

    alice = engine.environment("alice")
    assert (alice.status, alice.applied.url) == (Status.READY, "http://alice.example.com")
    assert alice.applied.resources == ("terraform_data.app",)
    assert (alice.applied.outputs["password"].value, alice.applied.outputs["password"].sensitive) == (
        None,
        True,
    )
    assert engine.calls()[-2:] == ["apply", "plan"]
