"""The verbs that read: their text, their JSON, their exit codes."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from .world import World

LISTED = {
    "organization",
    "repository",
    "branch",
    "environment",
    "status",
    "commit",
    "applied_commit",
    "message",
    "url",
    "expires_at",
    "updated_at",
}
SHOWN = LISTED | {"outputs", "variables", "tags", "state_key", "resources", "lease", "drift", "last_run"}
RUN = {"id", "environment", "kind", "commit", "status", "started_at", "finished_at", "changes", "message"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, terraform_binary: str) -> World:
    """Alice is applied; nobody changes anything afterwards."""
    world = World.create(tmp_path_factory.mktemp("reading"), "ttl: {default: 2d}")
    world.branch("env-alice")
    said = world.ok("reconcile")
    assert "acme/shop/alice: ready" in said.out
    return world


def is_utc(text: str) -> bool:
    """ISO 8601 with a zone, which is UTC."""
    return datetime.fromisoformat(text).utcoffset() == timedelta(0)


def test_list_has_the_contract_s_keys(world: World) -> None:
    """`list --json` is an array of objects, and nothing else is on standard output."""
    said = world.ok("list", "--json")
    (found,) = said.document
    assert set(found) >= LISTED
    assert (found["environment"], found["branch"], found["status"]) == ("alice", "env-alice", "ready")
    assert found["commit"] == found["applied_commit"] == world.repository.head("env-alice")
    assert found["url"] == "https://alice.example.com/"
    assert is_utc(found["updated_at"])
    assert is_utc(found["expires_at"])


def test_list_fits_the_screen(world: World) -> None:
    """From 80 columns on, without cutting what is not cut."""
    for columns in ("80", "120", "200"):
        lines = world("list", env={"COLUMNS": columns}).out.splitlines()
        assert lines[0].startswith("ENVIRONMENT")
        assert "shop/alice" in lines[1]
        assert all(len(line) <= int(columns) for line in lines)


def test_show_has_all(world: World) -> None:
    """`show --json` is the same object and more; a sensitive output has no value."""
    (listed,) = world.ok("list", "--json").document
    shown = world.ok("show", "alice", "--json").document
    assert set(shown) >= SHOWN
    assert {key: shown[key] for key in LISTED} == {key: listed[key] for key in LISTED}
    assert shown["outputs"]["url"] == {"value": "https://alice.example.com/", "sensitive": False}
    assert shown["outputs"]["password"] == {"value": None, "sensitive": True}
    assert shown["tags"]["managed-by"] == "envmgr"
    assert shown["state_key"] == "acme/shop/alice/terraform.tfstate"
    assert shown["resources"] == ["terraform_data.site"]
    assert shown["variables"]["environment"] == "alice"
    assert shown["lease"] is None
    assert shown["drift"]["status"] == "none"
    assert set(shown["last_run"]) >= RUN


@pytest.mark.parametrize(
    "name", ["alice", "env-alice", "shop/alice", "acme/shop/alice", "acme/shop/env-alice"]
)
def test_any_unambiguous_name_will_do(world: World, name: str) -> None:
    """All forms of the contract."""
    assert "acme/shop/alice" in world.ok("show", name).out


def test_history_has_the_contract_s_keys(world: World) -> None:
    """`history --json`, of one environment and of all."""
    for arguments in ((), ("alice",)):
        (run,) = world.ok("history", *arguments, "--json").document
        assert set(run) >= RUN
        assert (run["environment"], run["kind"], run["status"]) == ("alice", "apply", "succeeded")
        assert run["changes"] == {"add": 1, "change": 0, "destroy": 0}
        assert is_utc(run["started_at"])
        assert is_utc(run["finished_at"])
    assert "succeeded" in world.ok("history").out


def test_events_tell_what_happened(world: World) -> None:
    """What, where, by whom; since a time."""
    actions = [event["action"] for event in world.ok("events", "alice", "--json").document]
    assert actions == ["branch-seen", "applied"]
    assert "push (author Test)" in world.ok("events").out
    assert world.ok("events", "--since", "1h", "--json").document
    assert world("events", "--since", "yesterday").code == 2


def test_logs_are_terraform_s_words(world: World) -> None:
    """By environment and by run, whose end is said beside them."""
    (run,) = world.ok("history", "--json").document
    by_name, by_run = world.ok("logs", "alice"), world.ok("logs", str(run["id"]), "--follow")
    assert by_name.out == by_run.out
    assert "terraform_data.site: Creation complete" in by_name.out
    assert "succeeded" in by_name.err
    lines = world.ok("logs", "alice", "--json").document["lines"]
    assert lines == by_name.out.splitlines()
    followed = world.ok("logs", "alice", "--json", "--follow").out.splitlines()
    assert [json.loads(line)["line"] for line in followed] == lines
    assert world("logs", "99").code == 2
    assert "hunter2" not in by_name.out


def test_output_gives_values(world: World) -> None:
    """Text raw, all else as JSON."""
    assert world.ok("output", "alice", "url").out == "https://alice.example.com/\n"
    assert world.ok("output", "alice", "list").out == "[1, 1]\n"
    assert world.ok("output", "alice", "--json").document["list"] == {"value": [1, 1], "sensitive": False}
    missing = world("output", "alice", "nothing")
    assert missing.code == 1
    assert "list, password, url" in missing.err


def test_sensitive_outputs_only_on_demand(world: World) -> None:
    """Masked in the text, null in the JSON, refused alone; the state has them."""
    assert "password = (sensitive)" in world.ok("output", "alice").out
    refused = world("output", "alice", "password")
    assert (refused.code, refused.out) == (1, "")
    assert "--show-sensitive" in refused.err
    assert world.ok("output", "alice", "password", "--show-sensitive").out == "hunter2-very-secret\n"
    shown = world.ok("output", "alice", "--show-sensitive", "--json").document
    assert shown["password"] == {"value": "hunter2-very-secret", "sensitive": True}


def test_doctor_finds_all_well(world: World) -> None:
    """Each check is a line, or an object."""
    said = world.ok("doctor")
    assert [line[:5] for line in said.out.splitlines()[:-1]] == ["ok   "] * 14
    checks = {finding["check"]: finding for finding in world.ok("doctor", "--json").document}
    assert all(finding["ok"] for finding in checks.values())
    assert {"git", "terraform acme", "backend acme", "database", "repository acme/shop"} <= set(checks)


def test_options_before_and_after_the_verb(world: World, tmp_path: Path) -> None:
    """Both places; the later wins."""
    nowhere = {"ENVMGR_CONFIG": "/nonexistent", "ENVMGR_DATA_DIR": str(tmp_path)}
    options = ("--config", str(world.config), "--data-dir", str(world.data))
    assert "alice" in world(*options, "list", env=nowhere).out
    assert "alice" in world("list", *options, env=nowhere).out
    assert "alice" in world("--data-dir", "/nonexistent", "list", *options, env=nowhere).out
    empty = world("list", env=nowhere)
    assert (empty.code, empty.out) == (0, "")
    assert "envmgr reconcile" in empty.err
    assert world("list", "--json", env=nowhere).document == []


def test_filters_of_list(world: World) -> None:
    """By status and by repository."""
    assert len(world.ok("list", "--json", "--status", "ready", "--repository", "acme/shop").document) == 1
    assert world.ok("list", "--json", "--status", "failed").document == []
