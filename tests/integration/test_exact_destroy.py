"""Invariants 2, 3 and 4: what is destroyed is what was applied, the end is verified, the claim comes first."""

import shutil
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from envmgr.domain.values.environment import RunKind, RunStatus, Status
from envmgr.engine.change import destroy
from tests.support.engine import MODULE, Engine, code, push

MARK = """
variable "environment" {}
variable "folder" {}
variable "word" { default = "first" }
resource "terraform_data" "mark" {
  input = { file = "${var.folder}/${var.environment}", word = var.word }
  provisioner "local-exec" {
    command     = "echo $WORD > $FILE"
    environment = { FILE = self.input.file, WORD = self.input.word }
  }
  provisioner "local-exec" {
    when        = destroy
    command     = "test ! -e $FILE.stuck && rm $FILE"
    environment = { FILE = self.input.file }
  }
}
"""


def gone(engine: Engine) -> None:
    """Let a deleted branch be confirmed and its grace period pass."""
    engine.turn(2, seconds=30)
    engine.turn(minutes=5)


@pytest.fixture
def folder(engine: Engine) -> Path:
    """Where the environments of these tests leave their marks."""
    made = engine.folder / "marks"
    made.mkdir()
    return made


def test_a_destroy_needs_neither_branch_nor_remote_nor_todays_configuration(
    engine: Engine, folder: Path
) -> None:
    """The commit, its files and the variables of the last apply are used, though all have changed since."""
    shop = engine.repository(variables={"folder": str(folder), "word": "applied"})
    shop.commit("env-alice", code(module=MARK))
    engine.turn()
    assert (folder / "alice").read_text() == "applied\n"
    shop.commit("env-alice", code(module="resource {"))  # a commit that could not destroy anything
    engine.turn(seconds=30)
    assert engine.environment("alice").status is Status.FAILED
    shop.delete("env-alice")
    engine.turn(2, seconds=30)
    engine.repository_settings["shop"]["variables"] = {"folder": "/nonexistent"}
    engine.clock.forward(minutes=6)
    engine.restart()
    engine.poll()
    shutil.rmtree(shop.path)

    engine.work()

    assert engine.environment("alice").status is Status.DESTROYED, engine.environment("alice").message
    assert not (folder / "alice").exists()
    assert engine.runs()[-1].commit == engine.runs()[0].commit


def test_a_destroy_uses_the_terraform_version_that_applied(engine: Engine) -> None:
    """A copy of it is kept; another version is configured meanwhile."""
    shop = engine.repository()
    push(shop, ["alice"])
    engine.turn()
    engine.use_terraform(
        'case "$1" in version) echo \'{"terraform_version": "1.99.0"}\';; *) echo wrong version >&2; exit 1;; esac'
    )
    shop.delete("env-alice")

    gone(engine)

    assert engine.environment("alice").status is Status.DESTROYED, engine.environment("alice").message


def test_a_module_is_destroyed_with_the_files_it_was_applied_with(engine: Engine, folder: Path) -> None:
    """The module's folder has changed since, as by an upgrade of envmgr."""
    modules = engine.folder / "modules"
    (modules / "mark").mkdir(parents=True)
    (modules / "mark" / "main.tf").write_text(MARK)
    engine.modules = modules
    shop = engine.repository(terraform={"module": "mark"}, variables={"folder": str(folder)})
    shop.commit("env-alice", {"app.py": ""})
    engine.turn()
    assert (folder / "alice").exists()
    shop.delete("env-alice")
    engine.turn(2, seconds=30)
    (modules / "mark" / "main.tf").write_text('variable "needed_now" {}')

    engine.turn(minutes=5)

    assert engine.environment("alice").status is Status.DESTROYED, engine.environment("alice").message
    assert not (folder / "alice").exists()


def test_a_destroy_that_fails_half_way_stays_failed_and_is_tried_again(engine: Engine, folder: Path) -> None:
    """It says what is left, waits longer each time, and succeeds once the cause is gone."""
    shop = engine.repository(variables={"folder": str(folder)})
    shop.commit("env-alice", code({"terraform/more.tf": 'resource "terraform_data" "easy" {}'}, MARK))
    engine.turn()
    (folder / "alice.stuck").touch()
    shop.delete("env-alice")
    gone(engine)

    alice = engine.environment("alice")
    assert alice.status is Status.FAILED
    assert "terraform_data.mark" in alice.message
    assert alice.claim is not None
    first = alice.failure.retry_at
    assert first is not None
    engine.turn(minutes=2)
    second = engine.environment("alice").failure.retry_at
    assert second is not None
    assert second - engine.clock.now > first - engine.clock.now

    (folder / "alice.stuck").unlink()
    engine.turn(hours=1)

    assert engine.environment("alice").status is Status.DESTROYED
    assert not (folder / "alice").exists()


class LeftInCloud:
    """A cloud in which something with the tags is left until it is `empty`."""

    lag = timedelta(0)

    def __init__(self) -> None:
        """Something is left."""
        self.empty = False
        self.asked: list[Mapping[str, str]] = []

    def remaining(self, tags: Mapping[str, str]) -> Sequence[str]:
        """What is left."""
        self.asked.append(tags)
        return () if self.empty else ("arn:aws:s3:::left-behind",)


def test_a_destroy_is_not_done_while_the_cloud_shows_the_tags(engine: Engine) -> None:
    """State and claim stay until nothing is left."""
    shop = engine.repository()
    push(shop, ["alice"])
    engine.turn()
    cloud = LeftInCloud()
    engine.application.services.organizations["acme"].open_clouds = lambda *_: [cloud]
    shop.delete("env-alice")
    gone(engine)

    alice = engine.environment("alice")
    assert alice.status is Status.FAILED
    assert "arn:aws:s3:::left-behind" in alice.message
    assert alice.claim is not None
    assert engine.state("alice").exists()
    assert cloud.asked[0]["environment"] == "alice"
    cloud.empty = True
    engine.turn(hours=2)
    assert engine.environment("alice").status is Status.DESTROYED
    assert not engine.state("alice").exists()


class Lagging(LeftInCloud):
    """A cloud whose list names what is gone for two more looks."""

    lag = timedelta(seconds=60)

    def remaining(self, tags: Mapping[str, str]) -> Sequence[str]:
        """What it lists."""
        self.empty = len(self.asked) >= 2
        return super().remaining(tags)


def test_a_cloud_whose_list_lags_behind_is_looked_at_again(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(destroy, "_LOOK", 0.01)
    shop = engine.repository()
    push(shop, ["alice"])
    engine.turn()
    engine.application.services.organizations["acme"].open_clouds = lambda *_: [Lagging()]
    shop.delete("env-alice")
    gone(engine)
    assert engine.environment("alice").status is Status.DESTROYED


def test_the_claim_is_durable_before_the_apply_starts(engine: Engine) -> None:
    """Terraform itself looks into the database when it is called to apply."""
    shop = engine.repository()
    push(shop, ["alice"])
    database, seen = engine.data / "envmgr.db", engine.folder / "seen"
    script = f"""
if [ "$1" = apply ]; then
  python3 -c 'import sqlite3, sys
row = sqlite3.connect("file:{database}?mode=ro", uri=True).execute("select claim, applied_commit from environments").fetchone()
open("{seen}", "w").write(repr(row))'
fi
exec "$real" "$@" """
    engine.use_terraform(script)

    engine.turn()

    text = seen.read_text()
    commit = shop.head("env-alice")
    assert str(commit) in text
    assert '"variables"' in text
    assert text.endswith("None)"), "nothing was recorded as applied yet"


def test_an_apply_that_fails_is_destroyed_with_its_own_code(engine: Engine, folder: Path) -> None:
    """What the failed apply created goes with the branch."""
    failing = (
        MARK
        + """
resource "terraform_data" "breaks" {
  depends_on = [terraform_data.mark]
  provisioner "local-exec" { command = "exit 3" }
}
"""
    )
    shop = engine.repository(variables={"folder": str(folder)})
    shop.commit("env-alice", code(module=failing))
    engine.turn()
    alice = engine.environment("alice")
    assert (alice.status, alice.applied.commit) == (Status.FAILED, None)
    assert (folder / "alice").exists()
    shop.delete("env-alice")

    gone(engine)

    assert engine.environment("alice").status is Status.DESTROYED, engine.environment("alice").message
    assert not (folder / "alice").exists()


def test_a_state_that_is_missing_is_not_taken_for_an_empty_one(engine: Engine) -> None:
    """Neither does a push create everything twice, nor does a destroy pass for done."""
    shop = engine.repository()
    push(shop, ["alice"])
    engine.turn()
    hidden = engine.folder / "hidden"
    engine.state("alice").rename(hidden)
    push(shop, ["alice"], MODULE + 'resource "terraform_data" "more" {}')

    engine.turn(seconds=30)
    assert engine.environment("alice").status is Status.FAILED
    assert "missing" in engine.environment("alice").message
    shop.delete("env-alice")
    gone(engine)
    assert engine.environment("alice").status is Status.FAILED
    assert engine.environment("alice").claim is not None

    hidden.rename(engine.state("alice"))
    engine.turn(hours=2)
    assert engine.environment("alice").status is Status.DESTROYED


def test_a_state_nobody_recorded_is_left_as_it_is(engine: Engine) -> None:
    """A branch that was never applied here goes; the state of its name has resources all the same."""
    shop = engine.repository()
    push(shop, ["alice"])
    engine.turn()
    shutil.rmtree(engine.data)
    engine.state("alice").with_name("envmgr-kept.zip").unlink()
    engine.use_terraform("exit 1")
    engine.restart()
    engine.turn()
    shop.delete("env-alice")

    gone(engine)

    alice = engine.environment("alice")
    assert alice.status is Status.FAILED
    assert "no record of applying it" in alice.message
    assert engine.state("alice").exists()


def test_another_backend_is_refused_while_there_is_state_in_the_old_one(engine: Engine) -> None:
    """Nothing is applied to the new backend; the destroy goes to the old one."""
    shop = engine.repository()
    push(shop, ["alice"])
    engine.turn()
    engine.settings["backend"] = {"local": {"path": str(engine.folder / "elsewhere")}}
    engine.restart()

    engine.turn(seconds=30)

    alice = engine.environment("alice")
    assert alice.status is Status.FAILED
    assert "backend" in alice.message
    assert not (engine.folder / "elsewhere" / "acme").exists()
    shop.delete("env-alice")
    gone(engine)
    assert engine.environment("alice").status is Status.DESTROYED
    assert not engine.state("alice").exists()
    assert len(engine.archived()) == 1


def test_runs_and_database_hold_no_run_that_runs_after_the_end(engine: Engine) -> None:
    """Each run has its end, its counts and its log."""
    shop = engine.repository()
    push(shop, ["alice"])
    engine.turn()
    shop.delete("env-alice")
    gone(engine)

    runs = engine.runs()
    assert [(r.kind, r.status) for r in runs] == [
        (RunKind.APPLY, RunStatus.SUCCEEDED),
        (RunKind.DESTROY, RunStatus.SUCCEEDED),
    ]
    assert [str(r.changes) for r in runs] == [
        "1 to add, 0 to change, 0 to destroy",
        "0 to add, 0 to change, 1 to destroy",
    ]
    for run in runs:
        log = (engine.data / run.log).read_text()
        assert "terraform_data.app" in log
    with sqlite3.connect(engine.data / "envmgr.db") as database:
        assert database.execute("select count(*) from runs where status = 'running'").fetchone() == (0,)
