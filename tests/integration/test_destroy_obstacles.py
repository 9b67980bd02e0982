"""Invariants 1 to 3: destroys that something stands in the way of, and what still makes them succeed."""

import json
import shutil
from pathlib import Path

from envmgr.commands import operations
from envmgr.domain.values.environment import RunKind, Status
from tests.support.engine import Engine, code, push

KEPT = """
variable "environment" {}
resource "terraform_data" "kept" {
  input = var.environment
  lifecycle { prevent_destroy = true }
}
resource "terraform_data" "easy" {}
"""

# Ends only with the folder that it was made with, of which nothing but the variable knows.
NEEDS_VARIABLE = """
variable "folder" { type = string }
resource "terraform_data" "mark" {
  provisioner "local-exec" { command = "touch ${var.folder}/made" }
}
module "ending" {
  source = "./ending"
  folder = var.folder
}
"""
ENDING = """
variable "folder" {}
resource "terraform_data" "ending" {
  input = var.folder
  provisioner "local-exec" {
    when    = destroy
    command = "rm ${self.input}/made"
  }
}
"""


def gone(engine: Engine) -> None:
    """Let a deleted branch be confirmed and its grace period pass."""
    engine.turn(2, seconds=30)
    engine.turn(minutes=5)


def upgrade(engine: Engine) -> None:
    """Another version of Terraform, with which nothing can be done."""
    version = '{"terraform_version": "1.99.0"}'
    engine.use_terraform(f"case $1 in version) echo '{version}';; *) echo wrong version >&2; exit 1;; esac")


def test_prevent_destroy_is_for_a_person(engine: Engine) -> None:
    """All stays as it is; the message names the resource, and what it says to do helps."""
    shop = engine.repository()
    push(shop, ["alice"], KEPT)
    engine.turn()
    shop.delete("env-alice")
    gone(engine)

    alice = engine.environment("alice")
    assert alice.status is Status.FAILED
    assert "terraform_data.kept has lifecycle.prevent_destroy" in alice.message
    assert "Nothing was destroyed" in alice.message
    assert "Push a commit without it" in alice.message
    assert set(alice.applied.resources) == {"terraform_data.kept", "terraform_data.easy"}
    engine.calls()
    engine.turn(minutes=59)
    assert engine.calls() == []

    push(shop, ["alice"], KEPT.replace("lifecycle { prevent_destroy = true }", ""))
    engine.turn(seconds=30)
    assert engine.environment("alice").status is Status.READY, engine.environment("alice").message
    shop.delete("env-alice")
    gone(engine)
    assert engine.environment("alice").status is Status.DESTROYED, engine.environment("alice").message


def test_a_variable_that_is_in_no_file_any_more_is_still_given(engine: Engine, tmp_path: Path) -> None:
    """The code cannot even be planned without it; the record has it."""
    shop = engine.repository(variables={"folder": str(tmp_path)})
    shop.commit("env-alice", code({"terraform/ending/main.tf": ENDING}, NEEDS_VARIABLE))
    engine.turn()
    assert (tmp_path / "made").exists(), engine.environment("alice").message
    shop.delete("env-alice")
    engine.turn(2, seconds=30)
    del engine.repository_settings["shop"]["variables"]
    engine.restart()

    engine.turn(minutes=5)

    assert engine.environment("alice").status is Status.DESTROYED, engine.environment("alice").message
    assert not (tmp_path / "made").exists()


def test_a_remote_that_is_no_more_ends_nothing_by_itself_but_all_by_hand(engine: Engine) -> None:
    """For the daemon a remote that is gone is one that cannot be reached; a person may know better."""
    shop = engine.repository()
    push(shop, ["alice"])
    engine.turn()
    shutil.rmtree(shop.path)
    for _ in range(3):
        assert engine.turn(hours=24), "each look at the remote says what went wrong"
    alice = engine.environment("alice")
    assert (alice.status, alice.absences) == (Status.READY, 0)
    assert engine.runs(RunKind.DESTROY) == []
    found = operations.find(engine.application, "alice")
    asked: list[str] = []

    def confirm(text: str, _: object) -> bool:
        asked.append(text)
        return True

    done = operations.destroy(engine.application, found, confirm)

    assert "terraform_data.app" in asked[0]
    assert done.status is Status.SUSPENDED
    assert (done.claim, done.applied.resources) == (None, ())
    assert not engine.state("alice").exists()
    assert len(engine.archived()) == 1
    engine.turn(hours=24)
    assert engine.environment("alice").status is Status.SUSPENDED
    assert len(engine.runs()) == 2


def test_a_state_that_was_left_behind_is_pushed_with_the_version_that_wrote_it(engine: Engine) -> None:
    """Terraform was upgraded since: nothing of the destroy, its beginning neither, is done with the new one."""
    shop = engine.repository()
    push(shop, ["alice"])
    engine.turn()
    state = json.loads(engine.state("alice").read_text())
    left = engine.data / "workspaces/acme/shop/alice/terraform/errored.tfstate"
    left.write_text(json.dumps({**state, "serial": state["serial"] + 1}))
    upgrade(engine)
    shop.delete("env-alice")

    gone(engine)

    assert engine.environment("alice").status is Status.DESTROYED, engine.environment("alice").message
    assert "state-recovered" in engine.actions("alice")


def test_a_version_that_is_neither_configured_nor_kept_is_asked_for(engine: Engine) -> None:
    """It is not destroyed with another one."""
    shop = engine.repository()
    push(shop, ["alice"])
    engine.turn()
    applied = engine.environment("alice").claim
    assert applied is not None
    shutil.rmtree(engine.data / "terraform")
    upgrade(engine)
    shop.delete("env-alice")
    gone(engine)

    alice = engine.environment("alice")
    assert alice.status is Status.FAILED
    assert (
        f"applied with Terraform {applied.terraform_version}, which is neither configured nor kept"
        in alice.message
    )
    assert engine.state("alice").exists()

    engine.use_terraform()
    engine.turn(hours=2)
    assert engine.environment("alice").status is Status.DESTROYED, engine.environment("alice").message


def test_the_pauses_between_attempts_grow_up_to_an_hour(engine: Engine, tmp_path: Path) -> None:
    """A destroy-time provisioner that fails again and again; once it can succeed, it does."""
    shop = engine.repository(variables={"folder": str(tmp_path)})
    shop.commit("env-alice", code({"terraform/ending/main.tf": ENDING}, NEEDS_VARIABLE))
    engine.turn()
    (tmp_path / "made").unlink()
    shop.delete("env-alice")
    gone(engine)
    pauses: list[float] = []
    for _ in range(4):
        alice = engine.environment("alice")
        assert alice.status is Status.FAILED
        assert alice.failure.retry_at is not None
        assert "Still there: module.ending.terraform_data.ending" in alice.message
        pauses.append((alice.failure.retry_at - engine.clock.now).total_seconds())
        engine.turn(seconds=pauses[-1])
    assert pauses == sorted(set(pauses)), "each is longer"
    assert pauses[-1] <= 3600

    (tmp_path / "made").touch()
    engine.turn(hours=1)

    assert engine.environment("alice").status is Status.DESTROYED, engine.environment("alice").message
