"""Several applications in one repository, with real Terraform: their order, their outputs, and each on its own."""

import hashlib
from pathlib import Path
from typing import Any

from envmgr.commands import operations
from envmgr.commands.audit import Audit
from envmgr.domain.values.environment import Environment, RunKind
from envmgr.domain.values.names import EnvironmentId
from tests.support.engine import Engine
from tests.support.git_repository import GitRepository

NAMES = ("db", "api", "web")
CHAIN: list[dict[str, Any]] = [
    {"name": "web", "needs": ["api"]},
    {"name": "db"},
    {"name": "api", "needs": ["db"]},
]
MODULES = {
    "db": """
variable "environment" { type = string }
resource "terraform_data" "db" { input = "db-of-${var.environment}" }
output "url" { value = terraform_data.db.output }
""",
    "api": """
variable "db_url" { type = string }
resource "terraform_data" "api" { input = "api on ${var.db_url}" }
output "url" { value = "http://${terraform_data.api.output}" }
""",
    "web": """
variable "api_url" { type = string }
resource "terraform_data" "web" { input = var.api_url }
output "url" { value = "page of ${terraform_data.web.output}" }
""",
}


def files(**modules: str) -> dict[str, str]:
    """The files of a branch with a folder for each application."""
    return {f"{name}/terraform/main.tf": text for name, text in {**MODULES, **modules}.items()}


def shop(engine: Engine, applications: list[dict[str, Any]] = CHAIN) -> GitRepository:
    """A repository of several applications, with one branch."""
    repository = engine.repository(applications=applications)
    repository.commit("env-alice", files())
    return repository


def record(engine: Engine, application: str) -> Environment:
    """The record of one application of alice."""
    found = engine.application.services.store.environment(EnvironmentId("acme", "shop", "alice", application))
    assert found is not None
    return found


def statuses(engine: Engine) -> dict[str, str]:
    """Each application's status, closed ones too."""
    found = engine.application.services.store.environments(destroyed=True)
    return {e.id.application: e.status.value for e in found}


def order(engine: Engine, kind: RunKind) -> list[str]:
    """The applications in the order in which runs of a kind began."""
    return [run.environment.application for run in engine.runs(kind)]


def state(engine: Engine, application: str) -> Path:
    """The state file of one application of alice."""
    return engine.folder / "state" / "acme" / "shop" / "alice" / application / "terraform.tfstate"


def leave(engine: Engine, repository: GitRepository) -> None:
    """Delete the branch, and see it to the end."""
    repository.delete("env-alice")
    engine.turn(4, minutes=3)


def test_each_is_applied_after_what_it_needs_and_gets_its_outputs(engine: Engine) -> None:
    """And goes before it, each verified on its own; nothing is left of any."""
    repository = shop(engine)
    engine.turn()
    assert statuses(engine) == dict.fromkeys(NAMES, "ready")
    assert order(engine, RunKind.APPLY) == ["db", "api", "web"]
    assert record(engine, "web").applied.url == "page of http://api on db-of-alice"
    assert all(state(engine, name).is_file() for name in NAMES)
    claim = record(engine, "api").claim
    assert claim is not None
    assert (claim.variables["db_url"], claim.variables["application"]) == ("db-of-alice", "api")
    assert claim.tags["application"] == "api"
    leave(engine, repository)
    assert statuses(engine) == dict.fromkeys(NAMES, "destroyed")
    assert order(engine, RunKind.DESTROY) == ["web", "api", "db"]
    assert not any(state(engine, name).is_file() for name in NAMES)
    assert len(engine.archived()) == 3
    workspaces = engine.data / "workspaces" / "acme" / "shop"
    assert list(workspaces.iterdir()) == []


def test_other_outputs_reach_who_needs_them_without_a_push(engine: Engine) -> None:
    """Also where only a sensitive one changed, of which nothing is written down but that it may have."""
    db = """
variable "name" { default = "one" }
variable "key" { default = "first" }
resource "terraform_data" "db" { input = var.key }
output "url" { value = var.name }
output "key" {
  value     = terraform_data.db.output
  sensitive = true
}
"""
    api = """
variable "db_url" {}
variable "db_key" {}
resource "terraform_data" "api" { input = "${var.db_url} ${sha256(var.db_key)}" }
"""
    applications: list[dict[str, Any]] = [{"name": "db"}, {"name": "api", "needs": ["db"]}]
    repository = engine.repository(applications=applications)
    repository.commit("env-alice", files(db=db, api=api))
    engine.turn()
    for variables in ({"name": "two"}, {"name": "two", "key": "second"}):
        before = state(engine, "api").read_text()
        applications[0]["variables"] = variables
        engine.restart()
        engine.turn()
        assert statuses(engine) == {"db": "ready", "api": "ready"}
        assert state(engine, "api").read_text() != before
    assert order(engine, RunKind.APPLY) == ["db", "api"] * 3
    engine.turn()
    assert len(engine.runs()) == 6


def test_a_sensitive_output_reaches_who_needs_it_and_nothing_else(engine: Engine) -> None:
    """Not the database, a log, a claim or what is kept; a new value plans again."""
    secret = "s3cr3t-0f-alice"  # which no file of the branch has in it
    db = f'output "password" {{\n  value = strrev("{secret[::-1]}")\n  sensitive = true\n}}\n' + MODULES["db"]
    api = """
variable "db_password" { type = string }
resource "terraform_data" "api" {
  input = sha256(var.db_password)
  provisioner "local-exec" { command = "echo seen ${nonsensitive(var.db_password)}" }
}
output "digest" { value = nonsensitive(terraform_data.api.output) }
output "url" { value = "db://:${nonsensitive(var.db_password)}@db" }
"""
    repository = shop(engine)
    repository.commit("env-alice", files(db=db, api=api))
    engine.turn()
    first = record(engine, "api").applied.outputs["digest"].value
    assert first == hashlib.sha256(secret.encode()).hexdigest()
    claim = record(engine, "api").claim
    assert claim is not None
    assert set(claim.needs) == {"db"}
    assert "db_password" not in claim.variables
    assert record(engine, "api").applied.outputs["url"].value == "db://:[redacted]@db"
    assert secret in state(engine, "web").read_text(), "a secret that is passed on under another name arrives"
    assert "seen [redacted]" in "".join(path.read_text() for path in (engine.data / "logs").rglob("*.log"))
    engine.close()
    assert holders(engine.folder / "state", secret) == {"terraform.tfstate"}
    assert holders(engine.data, secret) == set()
    repository.commit("env-alice", files(db=db.replace(secret[::-1], f"2{secret[::-1]}"), api=api))
    engine.turn()
    assert record(engine, "api").applied.outputs["digest"].value not in (None, first)
    leave(engine, repository)
    assert set(statuses(engine).values()) == {"destroyed"}
    engine.close()
    assert holders(engine.data, secret) == set()


def holders(folder: Path, text: str) -> set[str]:
    """The files that have a text in them."""
    found = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return {path.name for path in found if text.encode() in path.read_bytes()}


def test_deploy_steps_run_in_the_applications_folder(engine: Engine) -> None:
    step = {
        "name": "note",
        "run": 'pwd > "$OUT"; echo "$ENVMGR_APPLICATION" >> "$OUT"'.replace(
            "$OUT", str(engine.folder / "out")
        ),
    }
    repository = engine.repository(applications=[{"name": "db", "deploy": [step]}])
    repository.commit("env-alice", files())
    engine.turn()
    assert statuses(engine) == {"db": "ready"}
    folder, application = (engine.folder / "out").read_text().split()
    assert folder.endswith("/alice+db/steps/checkout/db")
    assert application == "db"


def test_two_applications_of_the_same_module_do_not_share_a_folder(engine: Engine) -> None:
    """Nor does what one leaves pass for the other's."""
    root = engine.folder / "local"
    module = {"terraform": {"module": "local-environment"}, "variables": {"root": str(root)}}
    repository = engine.repository(applications=[{"name": "api", **module}, {"name": "web", **module}])
    repository.commit("env-alice", {"a": "b"})
    engine.turn()
    assert statuses(engine) == {"api": "ready", "web": "ready"}
    assert sorted(path.name for path in (root / "acme" / "shop").iterdir()) == ["alice+api", "alice+web"]
    assert Audit(engine.application, engine.application.services.organizations["acme"]).findings() == ()
    operations.destroy(engine.application, record(engine, "api"), lambda *_: True)
    assert [path.name for path in (root / "acme" / "shop").iterdir()] == ["alice+web"]
    leave(engine, repository)
    assert statuses(engine) == {"api": "destroyed", "web": "destroyed"}
