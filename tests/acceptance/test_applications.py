"""Several applications in one repository, as a person at the command line has them."""

from pathlib import Path

import pytest

from tests.acceptance.world import World

DB = 'resource "terraform_data" "db" { input = "x" }\noutput "url" { value = "db://${terraform_data.db.output}" }\n'
API = 'variable "db_url" {}\nresource "terraform_data" "api" { input = var.db_url }\noutput "url" { value = "http://api" }\n'


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A shop of two applications, of which one needs the other, and one branch."""
    world = World.create(tmp_path)
    world.configure(repository="applications: [{name: api, needs: [db]}, {name: db}]")
    world.branch("env-alice", {"db/terraform/main.tf": DB, "api/terraform/main.tf": API})
    return world


def test_an_environment_means_all_its_applications(world: World) -> None:
    """And a colon names one of them."""
    planned = world("plan", "alice", "--json")
    assert planned.code == 2
    assert planned.document["application"] == "db"
    assert "needs db, of which nothing is applied yet" in planned.err
    applied = world.ok("apply", "alice", "--yes", "--json").document
    assert [(each["application"], each["status"]) for each in applied] == [("db", "ready"), ("api", "ready")]
    [listed] = world.ok("list", "--json").document
    assert (listed["environment"], listed["application"], listed["status"]) == ("alice", None, "ready")
    assert listed["urls"] == ["http://api", "db://x"]
    assert [(each["name"], each["status"]) for each in listed["applications"]] == [
        ("api", "ready"),
        ("db", "ready"),
    ]
    [_, line] = world.ok("list").out.splitlines()
    assert "http://api (+1)" in line
    assert line.startswith("shop/alice ")
    shown = world.ok("show", "alice").out
    assert "APPLICATION  STATUS" in shown
    assert "db://x" in shown
    assert (
        world.ok("show", "alice:api", "--json").document["state_key"]
        == "acme/shop/alice/api/terraform.tfstate"
    )
    assert world.ok("output", "alice:db", "url").out == "db://x\n"
    assert world.ok("output", "alice", "--json").document["api"]["url"]["value"] == "http://api"
    ambiguous = world("output", "alice", "url")
    assert ambiguous.code == 2
    assert "api, db all have an output" in ambiguous.err
    history = world.ok("history", "alice", "--json").document
    assert [run["application"] for run in history if run["kind"] == "apply"] == ["api", "db"]


def test_what_is_needed_cannot_be_destroyed_first(world: World) -> None:
    """All of it goes in reverse; suspending and resuming are for all at once."""
    world.ok("reconcile")
    refused = world("destroy", "alice:db", "--yes")
    assert refused.code == 1
    assert "acme/shop/alice:db stays while api is there, which needs it" in refused.err
    assert len(world.ok("suspend", "alice", "--json").document) == 2
    assert len(world.ok("resume", "alice", "--json").document) == 2
    destroyed = world.ok("destroy", "alice", "--yes", "--json").document
    assert [(each["application"], each["status"]) for each in destroyed] == [
        ("api", "suspended"),
        ("db", "suspended"),
    ]
    assert [e["status"] for e in world.ok("list", "--json").document] == ["suspended"]
