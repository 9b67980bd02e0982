"""Several hosts, one of which is gone with its disk: nothing of an environment was there alone."""

import shutil
from pathlib import Path

import pytest

from envmgr.commands import steering
from envmgr.commands.doctor import of_organizations
from envmgr.domain.rules.access.roles import Rules, signed_in
from envmgr.domain.values.asking.person import Role
from envmgr.domain.values.environment import RunKind, Status
from tests.support.command_line import Done, envmgr
from tests.support.engine import Engine, code

CAROL = signed_in("carol", (), {"acme": Rules({Role.APPROVER: ("carol",)})})
MARK = """
variable "environment" {}
variable "folder" {}
resource "terraform_data" "mark" {
  input = "${var.folder}/${var.environment}"
  provisioner "local-exec" { command = "echo made >> ${self.input}" }
  provisioner "local-exec" {
    when    = destroy
    command = "sh ${path.module}/unmake.sh ${self.input}"
  }
}
"""
UNMAKE = "echo unmade by its own code >> $1\n"


@pytest.fixture
def marks(engine: Engine, postgres_database: str) -> Path:
    """Where environments leave what was done to them; the records are in PostgreSQL, the key where all hosts have it."""
    folder, url, key = engine.folder / "marks", engine.folder / "url", engine.folder / "bundle.key"
    folder.mkdir()
    url.write_text(postgres_database)
    key.write_text("k" * 64)
    (engine.folder / "daemon.yaml").write_text(
        f"daemon: {{database: {{file: {url}}}, bundle_key: {{file: {key}}}}}\n"
    )
    engine.repository(variables={"folder": str(folder)})
    engine.repository("asking", approval={"needed": 1, "from": "approver"})
    return folder


def on_another_host(engine: Engine) -> None:
    """The disk of the host is gone, and another one goes on by the same records and states."""
    engine.close()
    shutil.rmtree(engine.data)
    engine.data = engine.folder / "another"
    engine.restart()


def at(engine: Engine, *words: str) -> Done:
    """A verb on the host where the engine works now."""
    environ = {"ENVMGR_CONFIG": str(engine.folder), "ENVMGR_DATA_DIR": str(engine.data)}
    return envmgr(*words, environ=environ)


def test_another_host_has_all_that_it_takes(engine: Engine, marks: Path) -> None:
    """The log, the plan that waits, and code whose branch is gone as well; how large it may be, test_data_folder_lost.py tries."""
    shop, asking = engine.repositories["shop"], engine.repositories["asking"]
    shop.commit("env-alice", code({"terraform/unmake.sh": UNMAKE}, MARK))
    asking.commit("env-bob", code())
    engine.turn()
    bob = engine.environment("bob", "asking")
    assert (engine.environment("alice").status, bob.status) == (Status.READY, Status.WAITING)
    assert bob.proposal is not None
    [applied] = [r for r in engine.runs(RunKind.APPLY) if r.environment.name == "alice"]
    written = (engine.data / str(applied.log)).read_text()
    assert "terraform_data.mark" in written

    on_another_host(engine)
    shop.delete("env-alice")

    shown = at(engine, "logs", str(applied.id))
    assert (shown.code, shown.out) == (0, written)
    steering.approve(engine.application.asked_by(CAROL), engine.environment("bob", "asking"))
    engine.turn(2, seconds=30)
    bob = engine.environment("bob", "asking")
    assert bob.status is Status.READY, bob.message
    events = [e.action for e in engine.application.services.store.events(bob.id)]
    assert (events.count("proposed"), events.count("approval-used")) == (1, 1)

    engine.turn(minutes=5)
    alice = engine.environment("alice")
    assert alice.status is Status.DESTROYED, alice.message
    assert (marks / "alice").read_text() == "made\nunmade by its own code\n"
    kept = [p.name for p in (engine.folder / "state" / "acme" / "shop").rglob("*") if p.is_file()]
    assert kept == []


def test_a_log_that_nobody_has_is_a_failure(engine: Engine, marks: Path) -> None:
    """In words, and by the exit code: nothing at all looks like a run that said nothing."""
    engine.repositories["shop"].commit("env-alice", code({"terraform/unmake.sh": UNMAKE}, MARK))
    engine.turn()
    [applied] = engine.runs(RunKind.APPLY)
    shutil.rmtree(engine.folder / "state" / "acme" / "envmgr-logs")
    on_another_host(engine)

    shown = at(engine, "logs", str(applied.id))

    assert (shown.code, shown.out) == (1, "")
    assert f"Run {applied.id} left no log" in shown.err
    assert (marks / "alice").read_text() == "made\n"


def test_doctor_says_what_only_one_of_several_hosts_has(engine: Engine, marks: Path) -> None:
    """The bundle key, the folder with the states, or what is in it."""
    engine.repositories["shop"].commit("env-alice", code({"terraform/unmake.sh": UNMAKE}, MARK))
    engine.turn()
    engine.close()
    engine.data = engine.folder / "another"

    assert hosts(engine)[0]
    (engine.folder / "state" / "acme").rename(engine.folder / "elsewhere")
    assert "the state of acme/shop/alice is not in" in hosts(engine)[1]
    (engine.folder / "elsewhere").rename(engine.folder / "state" / "acme")
    engine.settings["backend"] = {"local": {}}
    assert f"are in this host's own data folder ({engine.data}" in hosts(engine)[1]
    settings = engine.folder / "daemon.yaml"
    settings.write_text(settings.read_text().partition(", bundle_key")[0] + "}\n")
    assert hosts(engine) == (
        False,
        f"2 hosts work by these records, and the bundle key is only in {engine.data}/bundle.key: what one of them keeps, "
        "another cannot use. Give all of them the same one as daemon.bundle_key.",
    )


def hosts(engine: Engine) -> tuple[bool, str]:
    """What doctor says of hosts."""
    found = next(each for each in of_organizations(engine.restart()) if each.check == "hosts")
    return found.ok, found.message
