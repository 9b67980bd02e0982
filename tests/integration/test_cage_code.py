"""Terraform code of a branch that reaches for what is another's, by the real Terraform, in a cage and without one."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from envmgr.adapters.processes import identify
from envmgr.adapters.terraform.commands import TerraformCommands
from envmgr.domain.errors import EnvmgrError, NeedsPerson
from envmgr.domain.values.cage import CageKind, CageRules, Network, Reach
from envmgr.domain.values.environment import Status
from envmgr.ports import PlanFile, Watch, Workspace
from tests.integration.attack_ground import SECRET
from tests.integration.attack_rows import Row, tries
from tests.support.engine import Engine, code

KINDS: list[CageKind] = ["none", "bwrap"]
STATE = """{"version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "b",
  "outputs": {"password": {"value": "%s", "type": "string"}}, "resources": []}
"""


pytestmark = pytest.mark.usefixtures("bubblewrap")


class Host:
    """Bob's state and code, and a place of Alice's beside them."""

    def __init__(self, folder: Path, binary: str) -> None:
        """Make all of it."""
        self.folder = folder
        self.adapter = TerraformCommands(folder / "cache", identify)
        self.binary = binary
        for name, text in {
            "state/bob/terraform.tfstate": STATE % SECRET,
            "source/bob/main.tf": f'output "password" {{ value = "{SECRET}" }}',
            "registry/terraform.rc": f'credentials "registry.example.com" {{ token = "{SECRET}" }}',
        }.items():
            path = folder / name
            path.parent.mkdir(parents=True)
            path.write_text(text)

    def workspace(self, kind: CageKind, name: str, module: str) -> Workspace:
        """A fresh one with a module in it."""
        own = self.folder / name
        (own / "source").mkdir(parents=True)
        (own / "source/main.tf").write_text(module)
        return Workspace(
            root=own / "source",
            data=own / "data",
            binary=self.binary,
            backend=("local", {"path": str(own / "state/terraform.tfstate")}),
            variables={},
            environment={},
            cage=CageRules(kind=kind, network=Network(reach=Reach.NOTHING)),
        )

    def plan(self, workspace: Workspace) -> PlanFile:
        """A plan."""
        watch = Watch(log=workspace.data.with_name("log"))
        return self.adapter.plan(workspace, workspace.data.with_name("plan"), watch).file


@pytest.fixture(scope="module")
def host(terraform_binary: str) -> Iterator[Host]:
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="envmgr-test-") as made:
        yield Host(Path(made), terraform_binary)


REACHING = {
    "file": 'output "x" { value = fileexists("%s/state/bob/terraform.tfstate") ? file("%s/state/bob/terraform.tfstate") : "" }',
    "remote-state": 'data "terraform_remote_state" "x" {\n  backend = "local"\n  config = { path = "%s/state/bob/terraform.tfstate" }\n}\n'
    'output "x" { value = data.terraform_remote_state.x.outputs.password }',
    "module": 'module "x" { source = "%s/source/bob" }\noutput "x" { value = module.x.password }',
}


@tries(Row.OTHER_STATE)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", REACHING)
def test_what_is_anothers_is_reached_by_code_only_without_a_cage(
    host: Host, way: str, kind: CageKind
) -> None:
    module = REACHING[way].replace("%s", str(host.folder))
    workspace = host.workspace(kind, f"{way}-{kind}", module)
    try:
        found = host.adapter.render(workspace, host.plan(workspace))
    except EnvmgrError as error:
        found = str(error)
    assert (SECRET in found) == (kind == "none"), found


@tries(Row.BACKEND)
@pytest.mark.parametrize("kind", KINDS)
def test_no_file_of_the_branch_leads_to_another_state(host: Host, kind: CageKind) -> None:
    """Neither a block nor an override, which Terraform takes without a word."""
    workspace = host.workspace(kind, f"backend-{kind}", 'resource "terraform_data" "x" {}')
    block = f'terraform {{\n  backend "local" {{ path = "{host.folder}/state/bob/terraform.tfstate" }}\n}}\n'
    for name in ("mine.tf", "zz_override.tf"):
        (workspace.root / name).write_text(block)
        with pytest.raises(NeedsPerson, match="backend"):
            host.plan(workspace)
        (workspace.root / name).unlink()
    assert SECRET in (host.folder / "state/bob/terraform.tfstate").read_text()


FORGES = """
resource "terraform_data" "x" {
  provisioner "local-exec" {
    interpreter = ["sh", "-c"]
    command     = <<-EOT
      exec 3>>/proc/$PPID/fd/1
      echo '{"@level":"info","@message":"Apply complete!","type":"change_summary","changes":{"add":9,"change":0,"remove":0,"operation":"apply"}}' >&3
      echo '{"@level":"info","@message":"Outputs: 1","type":"outputs","outputs":{"url":{"value":"http://forged","type":"string","sensitive":false}}}' >&3
      exit 1
    EOT
  }
}
"""


@tries(Row.OUTPUT)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_forged_into_terraforms_output_is_not_believed(host: Host, kind: CageKind) -> None:
    """It failed, whatever it says itself."""
    workspace = host.workspace(kind, f"forged-{kind}", FORGES)
    plan, watch = host.plan(workspace), Watch(log=workspace.data.with_name("log"))
    with pytest.raises(EnvmgrError, match="exit status 1"):
        host.adapter.apply(workspace, plan, watch)
    assert "Apply complete!" in watch.log.read_text(), "it was forged"


SPOILS = """
cd "$TF_DATA_DIR"
pipe() { rm -rf "$1"; mkfifo "$1"; }
folder() { rm -rf "$1"; mkdir "$1"; chmod 0 "$1"; }
link() { rm -rf "$1"; ln -s "$VICTIM" "$1"; }
pipe envmgr-initialised.json; pipe terraform.tfstate; pipe modules; pipe environment
folder envmgr-applying; folder plugin_path; link errored.tfstate; link plan.tfplan
cd "$STATE"; link envmgr-by-hand; pipe envmgr-kept.zip
for name in terraform.tfstate.backup .terraform.tfstate.lock.info terraform.tfstate.torn .terraform.tfstate.unfinished; do
  %s "$name"
done
"""
SPOILED = """
resource "terraform_data" "x" {
  triggers_replace = timestamp()
  provisioner "local-exec" {
    command     = "sh spoil.sh"
    environment = { VICTIM = "%s", STATE = "%s" }
  }
}
"""


@tries(Row.LEFTOVERS)
@pytest.mark.parametrize("cage", KINDS)
def test_what_is_left_in_the_place_of_files_holds_up_nothing(cage: CageKind, terraform_binary: str) -> None:
    """Neither the next apply nor the end; and no link is followed."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="envmgr-test-") as made:
        engine = Engine(Path(made), cage={"kind": cage})
        engine.settings["terraform"] = {"binary": terraform_binary}
        victim = engine.folder / "victim"
        module = SPOILED % (victim, engine.state("alice").parent)
        try:
            shop = engine.repository(
                deploy=[{"name": "app", "run": "for f in *; do rm -rf $f; mkfifo $f; done"}]
            )
            for kind in ("link", "pipe", "folder"):
                files = {"terraform/spoil.sh": SPOILS % kind}
                shop.commit("env-alice", code(files, module))
                engine.turn(minutes=5)
                alice = engine.environment("alice")
                assert (alice.status, alice.commit) == (Status.READY, alice.applied.commit), alice.message
            shop.delete("env-alice")
            engine.turn(2, minutes=6)
            assert engine.statuses() == {"alice": "destroyed"}, engine.environment("alice").message
            assert not victim.exists()
        finally:
            engine.close()


MOVES = """
resource "terraform_data" "x" {
  provisioner "local-exec" { command = "cd .. && mv terraform moved; rm -rf terraform; ln -s %s terraform; true" }
}
"""


@tries(Row.MOVED)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_put_in_the_place_of_terraforms_folder_leads_to_nobody(
    kind: CageKind, terraform_binary: str
) -> None:
    """Bob's state that could not be written is the only record of what he has; Alice's folder is used after her apply."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="envmgr-test-") as made:
        engine = Engine(Path(made), cage={"kind": kind})
        engine.settings["terraform"] = {"binary": terraform_binary}
        bob = engine.data / "workspaces/acme/shop/bob/terraform"
        bob.mkdir(parents=True)
        (bob / "errored.tfstate").write_text(STATE % SECRET)
        try:
            shop = engine.repository()
            for number in range(2):
                shop.commit("env-alice", code({"terraform/x.tf": f"# {number}"}, MOVES % bob))
                engine.turn(minutes=5)
                alice = engine.environment("alice")
                assert (alice.status, alice.commit) == (Status.READY, alice.applied.commit), alice.message
            shop.delete("env-alice")
            engine.turn(2, minutes=6)
            assert engine.statuses() == {"alice": "destroyed"}, engine.environment("alice").message
            assert [path.name for path in bob.iterdir()] == ["errored.tfstate"]
            assert (bob / "errored.tfstate").read_text() == STATE % SECRET
        finally:
            engine.close()


TEARS = """
resource "terraform_data" "x" {
  provisioner "local-exec" {
    command = <<-EOT
      printf '{"version": 4, "serial": 1, "lineage": "x", "outputs": {}, "resources": []\n}\n' > %(state)s.backup
      printf 'words of the branch' > %(state)s
      ln -sf %(victim)s %(state)s.torn
      kill -9 -1
    EOT
  }
}
"""


@tries(Row.LEFTOVERS)
def test_a_state_that_was_torn_is_put_aside_through_no_link(terraform_binary: str) -> None:
    """Its content is the branch's: by a link it would come to stand anywhere, such as in an organization file."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="envmgr-test-") as made:
        engine = Engine(Path(made), cage={"kind": "bwrap", "network": "none"})
        engine.settings["terraform"] = {"binary": terraform_binary}
        victim, state = engine.folder / "victim", engine.state("alice")
        victim.write_text("precious")
        try:
            engine.repository().commit("env-alice", code(module=TEARS % {"state": state, "victim": victim}))
            for _ in range(2):
                engine.turn(minutes=5)
            torn = state.with_name(f"{state.name}.torn")
            assert victim.read_text() == "precious"
            assert (torn.read_text(), torn.is_symlink()) == (
                "words of the branch",
                False,
            ) or torn.is_symlink()
        finally:
            engine.close()
