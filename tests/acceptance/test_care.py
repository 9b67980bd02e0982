"""What keeps an environment true, as a person uses it: drift, rollback, windows, the end of a life."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from .world import CODE, World

pytestmark = pytest.mark.usefixtures("terraform_binary")

SECOND = CODE + '\nresource "terraform_data" "second" {}\n'


def with_page(page: Path) -> str:
    """Code that looks at a file: one that is altered behind Terraform's back is a difference."""
    return CODE + f'\nresource "terraform_data" "page" {{ input = filesha256("{page}") }}\n'


def listed(world: World) -> Mapping[str, Any]:
    """The only environment's object of `list --json`."""
    (found,) = world.ok("list", "--json").document
    return dict(found)


def actions(world: World) -> list[tuple[str, str]]:
    """What happened to alice, and by whom."""
    return [(e["action"], e["actor"]) for e in world.ok("events", "alice", "--json").document]


def test_drift_is_looked_for_and_told(tmp_path: Path) -> None:
    """Exit code 0 without, 2 with it; what differs by address and attribute, never by value; list shows it."""
    page = tmp_path / "page"
    page.write_text("as it should be")
    world = World.create(tmp_path)
    world.branch("env-alice", {"terraform/main.tf": with_page(page)})
    world.ok("reconcile")
    none = world.ok("drift")
    assert none.out == "acme/shop/alice: no drift.\n"
    assert "DRIFT" not in world.ok("list").out

    page.write_text("altered")
    said = world("drift")
    assert said.code == 2
    assert said.out.splitlines() == [
        "acme/shop/alice: 1 resource differs; `envmgr apply acme/shop/alice` corrects it.",
        "  terraform_data.page (update: input, output)",
    ]
    assert world.ok("list").out.split()[2] == "DRIFT"
    shown = world.ok("show", "alice", "--json").document["drift"]
    assert shown["differences"] == [
        {"address": "terraform_data.page", "action": "update", "attributes": ["input", "output"]}
    ]
    assert (shown["status"], shown["error"], shown["failing_since"]) == ("drift", None, None)
    assert "terraform_data.page (update: input, output)" in world.ok("show", "alice").out

    world.ok("apply", "alice", "--yes")
    assert listed(world)["drift"] == "none"


def test_drift_that_cannot_be_looked_for_is_an_error(tmp_path: Path) -> None:
    """A line of its own and exit code 1; the others are checked all the same, and list shows it."""
    world = World.create(tmp_path)
    world.branch("env-alice")
    world.branch("env-bob")
    world.branch("env-carol")
    world.ok("reconcile")
    world.ok("suspend", "carol")
    (world.data / "state/acme/shop/alice/terraform.tfstate").unlink()
    said = world("drift")
    assert said.code == 1
    left_out, error = said.err.splitlines()
    assert (
        left_out == "Not checked, as they are not up to date with their branch: acme/shop/carol (suspended)."
    )
    assert error.startswith("Error: acme/shop/alice: The state acme/shop/alice/terraform.tfstate is missing")
    assert said.out.splitlines() == [
        "acme/shop/bob: no drift.",
        "2 environments, 0 with drift, 1 could not be checked.",
    ]
    found = {e["environment"]: e["drift"] for e in world.ok("list", "--json").document}
    assert found == {"alice": "unknown", "bob": "none", "carol": "none"}
    since = world.ok("show", "alice", "--json").document["drift"]["failing_since"]
    again = world("drift", "alice", "carol", "--json")
    assert again.code == 1
    alice, carol = again.document
    assert (alice["environment"], alice["drift"]["status"]) == ("alice", "unknown")
    assert alice["drift"]["failing_since"] == since
    assert "is missing" in alice["drift"]["error"]
    assert "is suspended" in carol["drift"]["error"]


def test_what_could_not_be_looked_at_is_said(tmp_path: Path) -> None:
    """Since when and why, beside what was last seen; no more once it answers again."""
    world = World.create(tmp_path)
    world.branch("env-alice")
    world.ok("reconcile")
    assert listed(world)["remote_error"] is None
    assert world.ok("list").err == ""
    world.repository.path.rename(tmp_path / "away.git")
    world("reconcile")

    said = world.ok("list")
    assert "ready" in said.out
    assert said.err.startswith(f"acme/shop could not be read since {datetime.now(UTC):%Y-%m}")
    assert said.err.endswith("; its environments are shown as last seen.\n")
    found = listed(world)
    assert found["status"] == "ready"
    assert found["remote_error"].rstrip(".") in said.err
    shown = world.ok("show", "alice", "--json")
    assert (shown.document["remote_error"], world.ok("show", "alice").err) == (
        found["remote_error"],
        said.err,
    )

    (tmp_path / "away.git").rename(world.repository.path)
    world.ok("reconcile")
    assert listed(world)["remote_error"] is None


def test_a_rollback_holds_until_it_is_resumed(tmp_path: Path) -> None:
    """An earlier commit, though the remote is away; a push does not end it; `list` and `show` say so."""
    world = World.create(tmp_path)
    first = world.branch("env-alice")
    world.ok("reconcile")
    world.branch("env-alice", {"terraform/main.tf": SECOND})
    world.ok("reconcile")
    world.repository.path.rename(tmp_path / "away.git")
    back = world.ok("rollback", "alice", "--to", "previous", "--yes")
    (tmp_path / "away.git").rename(world.repository.path)
    assert "terraform_data.second will be destroyed" in back.err
    assert back.out == (
        f"acme/shop/alice is ready at {first[:10]}, held there until `envmgr resume acme/shop/alice`.\n"
    )

    newest = world.branch("env-alice", {"note.txt": "pushed"})
    world.ok("reconcile")
    found = listed(world)
    assert (found["applied_commit"], found["pinned_commit"]) == (first, first)
    assert f"{first[:7]} (held)" in world.ok("list").out
    shown = world.ok("show", "alice", "--json").document
    assert shown["pin"] == {"commit": first, "until_push": False}

    resumed = world.ok("resume", "alice").out
    assert resumed.startswith(f"acme/shop/alice is no longer held at {first[:10]}, it goes to {newest[:10]}:")
    world.ok("reconcile")
    found = listed(world)
    assert (found["applied_commit"], found["pinned_commit"]) == (newest, None)
    assert {action for action, _ in actions(world)} >= {"rolled-back", "resumed"}


def test_a_rollback_until_the_next_push(tmp_path: Path) -> None:
    """Which ends it by itself; what means no commit is refused with what would."""
    world = World.create(tmp_path)
    first = world.branch("env-alice")
    world.branch("env-alice", {"terraform/main.tf": SECOND})
    world.ok("reconcile")
    refused = world("rollback", "alice", "--to", "nonsense", "--yes")
    assert refused.code == 2
    assert "`previous`, `HEAD~1`" in refused.err
    done = world.ok("rollback", "alice", "--to", "HEAD~1", "--until-push", "--yes", "--json").document
    assert (done["status"], done["applied_commit"], done["pinned_commit"]) == ("ready", first, first)
    newest = world.branch("env-alice", {"note.txt": "pushed"})
    world.ok("reconcile")
    found = listed(world)
    assert (found["applied_commit"], found["pinned_commit"]) == (newest, None)


def test_outside_its_windows_only_who_insists_changes_anything(tmp_path: Path) -> None:
    """Refused with the time until when; overridden it is done, and the events say by whom."""
    opens = datetime.now(UTC) + timedelta(days=60)
    start = f"0 9 {min(opens.day, 28)} {opens.month} *"
    world = World.create(tmp_path, f'windows: {{allow: [{{start: "{start}", duration: 1h}}]}}')
    world.branch("env-alice")
    world.ok("reconcile")
    found = listed(world)
    assert found["status"] == "waiting"
    assert f"until {opens:%Y-%m}" in found["message"]
    refused = world("apply", "alice", "--yes")
    assert refused.code == 1
    assert "--override-window" in refused.err
    assert not (world.data / "state/acme").exists()

    applied = world.ok("apply", "alice", "--yes", "--override-window", "--json").document
    assert applied["status"] == "ready"
    assert world("destroy", "alice", "--yes").code == 1
    destroyed = world.ok("destroy", "alice", "--yes", "--override-window", "--json").document
    assert destroyed["suspended_by"] == "destroy"
    told = [actor for action, actor in actions(world) if action == "window-overridden"]
    assert len(told) == 2
    assert all(actor.startswith("user ") for actor in told)


def test_an_end_that_is_near_is_marked(tmp_path: Path) -> None:
    """Once it was warned of; a wrong time for `extend` is refused with a right one."""
    world = World.create(tmp_path, "ttl: {default: 3h, max: 5d, warn_before: [10799s, 4h]}")
    world.branch("env-alice")
    world.ok("reconcile")
    deadline = time.monotonic() + 60
    while ("expires-soon", "ttl") not in actions(world):  # a second after the push
        assert time.monotonic() < deadline
        world.ok("reconcile")
    assert "in 2h !" in world.ok("list").out
    refused = world("extend", "alice", "0s")
    assert refused.code == 2
    assert "such as 7d" in refused.err
    assert world.ok("extend", "alice", "4d").out.startswith("acme/shop/alice lives until ")
    nearer = world("extend", "alice", "3d")
    assert nearer.code == 1
    assert "anyway: give a longer time" in nearer.err
