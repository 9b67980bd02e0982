"""Lives with `tool: opentofu`: with real Terraform that behaves as it is recorded of OpenTofu, not with OpenTofu itself."""

import shutil
from pathlib import Path

import pytest

from tests.support.opentofu import compared, stand_in
from tests.support.release_server import ReleaseFiles

from .world import CODE, World

OLDEST, _, NEWEST = compared()[0]
LATER = """
terraform { required_version = "~> 9.0" }
resource "terraform_data" "terraforms_alone" {}
"""


@pytest.fixture
def world(terraform_binary: str, tmp_path: Path) -> World:
    """With releases of OpenTofu in a folder, signed by a key of their own."""
    files, world = ReleaseFiles("opentofu"), World.create(tmp_path)
    for version in compared()[0]:
        files.release(version, script=stand_in(version, shutil.which(terraform_binary) or ""))
    source, key = files.write(tmp_path / "releases"), files.public_key(tmp_path / "release-key.pgp")
    world.configure(f'terraform: {{version: ">= 1.10", tool: opentofu, source: "{source}", keys: ["{key}"]}}')
    return world


def test_a_whole_life_with_opentofu(world: World) -> None:
    """Fetched, applied, drifted, repaired, changed and destroyed; `.tofu` files count, and what is Terraform's does not."""
    files = {
        "terraform/more.tf": LATER,
        "terraform/more.tofu": 'resource "terraform_data" "tofus_alone" {}\n',
        "terraform/only.tofu": 'terraform { required_version = ">= 1.10" }\noutput "only" { value = "here" }\n',
    }
    world.branch("env-alice", files)
    world.ok("reconcile")
    shown = world.ok("show", "alice", "--json").document
    assert (shown["status"], shown["terraform_version"]) == ("ready", f"opentofu-{NEWEST}")
    assert shown["outputs"]["only"]["value"] == "here"
    assert set(shown["resources"]) == {"terraform_data.site", "terraform_data.tofus_alone"}

    before = world.ok("history", "alice", "--json").document
    world.ok("reconcile")
    assert world.ok("history", "alice", "--json").document == before

    world.branch("env-alice", {"terraform/only.tofu": 'output "only" { value = "changed" }\n'})
    planned = world("plan", "alice")
    assert (planned.code, '"here" -> "changed"' in planned.out) == (2, True)
    world.ok("reconcile")
    assert world.ok("output", "alice", "only").out.strip() == "changed"
    assert "no drift" in world.ok("drift", "alice").out.lower()

    kept = {
        each["version"]: (each["tool"], each["environments"])
        for each in world.ok("versions", "list", "--json").document
    }
    assert kept == {NEWEST: ("opentofu", ["acme/shop/alice"])}
    world.ok("destroy", "alice", "--yes")
    assert world.ok("show", "alice", "--json").document["status"] == "suspended"


def test_the_oldest_one_that_envmgr_takes(world: World) -> None:
    """Its `apply` refuses values for a saved plan: those are in the plan, and arrive."""
    files = {
        "terraform/.opentofu-version": f"{OLDEST}\n",
        "terraform/.terraform-version": "9.9.9\n",
        ".envmgr.yaml": "variables: {size: 7}\n",
    }
    world.branch("env-alice", files)
    world.ok("reconcile")
    shown = world.ok("show", "alice", "--json").document
    assert (shown["status"], shown["terraform_version"]) == ("ready", f"opentofu-{OLDEST}")
    assert shown["outputs"]["list"]["value"] == [1, 7]
    world.ok("destroy", "alice", "--yes")


def test_encrypted_states_are_refused_before_there_are_any(world: World) -> None:
    """Nothing could tell what such an environment has."""
    world.branch("env-alice", {"terraform/secret.tofu": "terraform {\n  encryption {}\n}\n"})
    world("reconcile")
    shown = world.ok("show", "alice", "--json").document
    assert shown["status"] == "failed"
    assert "secret.tofu has an `encryption` block" in shown["message"]
    assert not list(world.data.rglob("*.tfstate"))
    world.configure("environment_variables: {TF_ENCRYPTION: x}")
    assert "envmgr cannot read encrypted states" in world("config", "check").out


def test_a_file_in_place_of_envmgrs_own(world: World) -> None:
    """A branch can have no file that is read instead of the one which says where the state is."""
    files = {
        f"terraform/{name}.tofu.json": '{"terraform": {"backend": {"local": {"path": "/tmp/elsewhere"}}}}'
        for name in ("envmgr_backend", "envmgr_backend_override")
    }
    world.branch("env-alice", files)
    world.ok("reconcile")
    assert world.ok("show", "alice", "--json").document["status"] == "ready"
    assert not Path("/tmp/elsewhere").exists()


def test_one_tool_does_not_destroy_what_the_other_made(world: World) -> None:
    """Their numbers may be the same: what was applied with one needs that one."""
    world.branch("env-alice", {"terraform/main.tf": CODE})
    world.ok("reconcile")
    world.configure("")
    said = world("destroy", "alice", "--yes")
    assert said.code == 1
    assert f"It was applied with OpenTofu {NEWEST}, which is neither configured nor kept" in said.err
