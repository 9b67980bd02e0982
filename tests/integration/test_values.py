"""Values through the whole of envmgr: from the files to Terraform, from Terraform to steps and other applications."""

import json
from pathlib import Path

import pytest

from envmgr.domain.values.environment import Status
from tests.integration.test_applications import MODULES, files, record, statuses
from tests.support.engine import MODULE, Engine, code

# More of them than a process can be given, and some of which each is too much.
LARGE = (
    MODULE
    + """
output "kubeconfig" { value = format("%0150000d", 0) }
output "nul" { value = "a\\u0000b" }
output "db-host" { value = "one" }
output "db_host" { value = "two" }
"""
    + "".join(f'output "many{i}" {{ value = format("%0120000d", 0) }}\n' for i in range(20))
)


def test_two_branches_that_write_one_environment_in_their_tfvars_stay_apart(engine: Engine) -> None:
    """The ends of one would else be the other's."""
    repository = engine.repository()
    for name in ("alice", "bob"):
        lies = {"terraform/terraform.tfvars": 'environment = "dev"\n'}
        lies["terraform/zzzz.auto.tfvars.json"] = '{"environment": "dev"}'
        repository.commit(f"env-{name}", code(lies))
    engine.turn()
    assert {n: engine.environment(n).applied.outputs["url"].value for n in ("alice", "bob")} == {
        "alice": "http://alice.example.com",
        "bob": "http://bob.example.com",
    }


def test_outputs_no_process_can_be_given_are_in_the_file_alone(engine: Engine, tmp_path: Path) -> None:
    """They hold up no step, neither of a deploy nor before a destroy; what is left out is said in the log."""
    told = tmp_path / "told"
    show = f'env > {told}; cp "$ENVMGR_OUTPUTS" {told}.json'
    bye = {"name": "bye", "run": f"touch {told}.bye"}
    repository = engine.repository(deploy=[{"name": "app", "run": show}], on_destroy=[bye])
    repository.commit("env-alice", code(module=LARGE))
    engine.turn()
    assert engine.environment("alice").message == ""
    assert engine.environment("alice").status is Status.READY
    given = dict(line.partition("=")[::2] for line in told.read_text().splitlines())
    assert given["ENVMGR_OUTPUT_URL"] == "http://alice.example.com"
    assert given.keys().isdisjoint({"ENVMGR_OUTPUT_" + n for n in ("KUBECONFIG", "NUL", "DB_HOST")})
    document = json.loads(Path(f"{told}.json").read_text())
    assert (len(document["kubeconfig"]), document["nul"], document["db-host"]) == (150_000, "a\0b", "one")
    logs = "".join(path.read_text() for path in (engine.data / "logs").rglob("*.log"))
    assert "ENVMGR_OUTPUT_KUBECONFIG is not set" in logs
    assert "ENVMGR_OUTPUT_DB_HOST is not set: the outputs db-host and db_host would share it" in logs
    repository.delete("env-alice")
    engine.turn(4, minutes=3)
    assert Path(f"{told}.bye").exists()
    assert engine.statuses() == {"alice": "destroyed"}


def test_outputs_reach_other_applications_as_they_are(engine: Engine) -> None:
    """With their types, however long, secret ones too; who does not declare them is not held up."""
    db = (
        MODULES["db"]
        + """
output "zones" { value = ["a", "b"] }
output "release" { value = "15.10" }
output "kubeconfig" { value = format("%0150000d", 0) }
output "ports" {
  value     = [80, 443]
  sensitive = true
}
"""
    )
    api = """
variable "db_zones" {}
variable "db_release" { type = any }
variable "db_ports" {}
resource "terraform_data" "api" { input = jsonencode([var.db_zones, var.db_release, var.db_ports]) }
output "url" { value = nonsensitive(terraform_data.api.output) }
"""
    lies = {"api/terraform/terraform.tfvars": 'db_ports = [1]\ndb_release = "dev"\napplication = "web"\n'}
    repository = engine.repository(applications=[{"name": "db"}, {"name": "api", "needs": ["db"]}])
    repository.commit("env-alice", {**files(db=db, api=api), **lies})
    engine.turn()
    assert statuses(engine) == {"db": "ready", "api": "ready"}
    assert record(engine, "api").applied.url == '[["a","b"],"15.10",[80,443]]'


@pytest.mark.parametrize("sensitive", ["", "sensitive = true"])
def test_outputs_that_would_be_one_variable_are_named(engine: Engine, sensitive: str) -> None:
    """In whichever form they come."""
    db = MODULES["db"] + f'output "a-b" {{ value = 1 }}\noutput "a_b" {{\n  value = 2\n  {sensitive}\n}}\n'
    repository = engine.repository(applications=[{"name": "db"}, {"name": "api", "needs": ["db"]}])
    repository.commit("env-alice", files(db=db))
    engine.turn()
    assert statuses(engine) == {"db": "ready", "api": "failed"}
    assert record(engine, "api").message == (
        "The outputs a-b of db and a_b of db would both be the variable db_a_b: rename one of them."
    )


def test_what_is_no_text_is_a_character_or_a_sentence(engine: Engine) -> None:
    """In a branch's file, and in its lock file."""
    module = (
        'variable "word" {}\nvariable "branch" {}\noutput "url" { value = "${var.word} ${var.branch}" }\n'
    )
    module += 'resource "terraform_data" "x" {}\n'
    word = {".envmgr.yaml": 'variables: {word: "hi \\ud83d\\ude00"}\n'}
    repository = engine.repository()
    repository.commit("env-alice", code(word, module))
    repository.commit("env-carol", code(word, module))
    engine.turn()
    urls = [e.applied.url for e in engine.application.services.store.environments()]
    assert "hi \U0001f600 env-alice" in urls
    repository.commit("env-carol", {**code(word, module), "terraform/.terraform.lock.hcl": b"# \n\xff\n"})
    engine.turn()
    assert engine.environment("carol").message.startswith(
        ".terraform.lock.hcl:2 in the Terraform folder is not UTF-8"
    )
    messages = [e.message for e in engine.application.services.store.environments()]
    assert not [m for m in messages if "Unexpected" in m]
