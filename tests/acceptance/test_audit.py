"""`envmgr audit` as it is typed: what it shows, its exit codes, and what `--fix` asks and does."""

import shutil
from pathlib import Path

from .test_terminal import type_at
from .world import World

EMPTY = '{"version":4,"serial":1,"lineage":"x","outputs":{},"resources":[]}'


def by_hand(world: World, name: str, text: str) -> Path:
    """A state that nobody accounts for."""
    file = world.data / "state" / "acme" / "shop" / name / "terraform.tfstate"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    return file


def test_an_audit_from_clean_to_mended(tmp_path: Path, terraform_binary: str) -> None:
    """Nothing, findings, a refusal to mend unasked, no, yes; and then who did it."""
    world = World.create(tmp_path)
    world.branch("env-alice")
    world.ok("reconcile")
    said = world.ok("audit")
    assert said.out == "Nothing found: branches, states and tagged resources agree.\n"
    state = (world.data / "state/acme/shop/alice/terraform.tfstate").read_text()
    orphan = by_hand(world, "orphan", state)
    hollow = by_hand(world, "hollow", EMPTY)

    said = world("audit")
    assert said.code == 2
    assert said.out.splitlines()[0].split() == ["FINDING", "ABOUT", "FIXED", "BY"]
    assert "acme/shop/orphan/terraform.tfstate" in said.out
    assert "    → `envmgr audit --fix` archives it." in said.out

    said = world("audit", "--json")
    assert said.code == 2
    (first, second) = said.document
    assert first == {
        "organization": "acme",
        "repository": "shop",
        "environment": "hollow",
        "application": None,
        "kind": "state-without-resources",
        "subject": "acme/shop/hollow",
        "what": "Its state lists no resources, and it has no branch.",
        "remedy": "`envmgr audit --fix` archives it.",
        "fixable": True,
        "fixed": False,
    }
    assert (second["kind"], second["fixable"]) == ("state-without-branch", False)

    said = world("audit", "--fix")
    assert said.code == 2
    assert "give --yes" in said.err
    assert hollow.exists()
    code, screen = type_at(world, ["audit", "--fix"], "[y/N]", "n\n")
    assert (code, hollow.exists()) == (2, True)
    assert "Archive it?" in screen
    code, screen = type_at(world, ["audit", "--fix"], "[y/N]", "y\n")
    assert (code, hollow.exists()) == (2, False)
    assert "2 findings, 1 fixed." in screen
    (event,) = [e for e in world.ok("events", "--json").document if e["action"] == "state-archived"]
    assert event["actor"].startswith("user ")

    orphan.unlink()
    hollow.parent.mkdir(exist_ok=True)
    hollow.write_text(EMPTY)
    said = world("audit", "--fix", "--yes", "--json")
    assert said.code == 0
    assert [f["fixed"] for f in said.document] == [True]


def test_a_remote_that_is_away_is_not_clean(tmp_path: Path) -> None:
    """What could not be read is a finding, also for `--fix`."""
    world = World.create(tmp_path)
    shutil.move(world.repository.path, tmp_path / "elsewhere")
    said = world("audit", "--fix", "--yes", "--json")
    assert said.code == 2
    (found,) = said.document
    assert (found["kind"], found["repository"], found["environment"]) == ("unknown", "shop", None)
    assert "could not be listed" in found["what"]
