"""Terraform that nobody installed: fetched as the organization and the code want it, and kept for the destroy."""

import shutil
from pathlib import Path

import pytest

from tests.support.release_server import ReleaseFiles

from .world import World


def published(files: ReleaseFiles, version: str, real: str) -> None:
    """The real Terraform under another version's number."""
    said = f'[ "$1" = version ] && echo \'{{"terraform_version": "{version}"}}\' && exit'
    files.release(version, script=f'#!/bin/sh\n{said}\nexec {real} "$@"\n')


def version_of(world: World, name: str) -> str:
    """The version that an environment was applied with."""
    return str(world.ok("show", name, "--json").document["terraform_version"])


def test_the_version_that_each_commit_wants(terraform_binary: str, tmp_path: Path) -> None:
    """The newest that all allow; a newer release changes nothing by itself; what a destroy needs is kept."""
    files, world = ReleaseFiles(), World.create(tmp_path)
    for version in ("1.11.4", "1.12.0"):
        published(files, version, shutil.which(terraform_binary) or "")
    source, key = files.write(tmp_path / "releases"), files.public_key(tmp_path / "release-key.pgp")
    world.configure(f'terraform: {{version: ">= 1.11", source: "{source}", keys: ["{key}"]}}')
    assert "kept here: none yet" in world.ok("doctor").out

    world.branch("env-alice")
    world.ok("reconcile")
    assert version_of(world, "alice") == "1.12.0"

    older = 'terraform {\n  required_version = "~> 1.11.0"\n}\n'
    world.branch("env-alice", {"terraform/versions.tf": older})
    world.ok("reconcile")
    assert version_of(world, "alice") == "1.11.4"

    published(files, "1.11.5", shutil.which(terraform_binary) or "")
    files.write(source)
    before = world.ok("history", "alice", "--json").document
    world.ok("reconcile")
    assert world.ok("history", "alice", "--json").document == before
    assert version_of(world, "alice") == "1.11.4"

    world.branch("env-alice", {"terraform/.terraform-version": "1.12.0\n"})
    world("reconcile")
    said = world.ok("show", "alice").out
    assert "versions.tf (required_version) wants ~> 1.11.0" in said
    assert ".terraform-version wants 1.12.0" in said

    assert world.ok("versions", "install", "1.11.5").out.startswith("terraform 1.11.5 is verified and kept: ")
    kept = {each["version"]: each["environments"] for each in world.ok("versions", "list", "--json").document}
    assert kept == {"1.11.4": ["acme/shop/alice"], "1.11.5": [], "1.12.0": []}
    refused = world("versions", "remove", "1.11.4")
    assert (refused.code, "is needed by acme/shop/alice" in refused.err) == (1, True)
    world.ok("versions", "remove", "1.12.0")

    shutil.rmtree(source)  # as where the source is away on the day of the destroy
    world.ok("destroy", "alice", "--yes")
    assert "nothing" in world.ok("versions", "list").out


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("{binary: terraform, version: 1.11.4}", "give either binary or version"),
        ("{version: newest}", 'it must be a version constraint, such as "~> 1.11"'),
        ("{tool: opentofu}", "tool is of versions that are fetched: give version, too"),
        (
            "{version: 1.11.4, source: 'http://mirror.example.com'}",
            "it must be the https address of a mirror",
        ),
    ],
)
def test_mistakes_are_told(tmp_path: Path, settings: str, said: str) -> None:
    """Before anything is done."""
    world = World.create(tmp_path)
    world.configure(f"terraform: {settings}")
    found = world("config", "check")
    assert found.code != 0
    assert said in found.out


def test_without_any_there_is_nothing_to_fetch(tmp_path: Path) -> None:
    """Where no organization asks for versions, that is said, and how to ask."""
    world = World.create(tmp_path)
    assert "None are kept" in world.ok("versions", "list").err
    assert "No organization asks for versions" in world("versions", "install", "1.11.4").err
