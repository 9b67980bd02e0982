"""The Terraform adapter with the real AWS provider: lock files, the shared cache, default tags.

Where `init` alone is tried, which starts no provider, a small file is the provider: to hash the real one takes seconds.
"""

import shutil
import tempfile
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import pytest

from envmgr.adapters.processes import identify
from envmgr.adapters.terraform.commands import TerraformCommands
from envmgr.adapters.terraform.providers.lock_file import without_hashes
from envmgr.domain.errors import NeedsPerson, Transient
from envmgr.domain.values.tags import default_tags_environment
from envmgr.ports import Watch, Workspace
from tests.support.opentofu import compared, stand_in
from tests.support.terraform import TINY, make_tiny_mirror, write_cli_config

REQUIRES = 'terraform {{\n  required_providers {{\n    aws = {{ source = "hashicorp/aws"{} }}\n  }}\n}}\n'
AWS = REQUIRES.format("")
# A data source of the provider that asks nobody: the provider starts, and no cloud is needed.
QUIET = """
provider "aws" {
  region                      = "eu-west-1"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}
data "aws_arn" "x" { arn = "arn:aws:s3:::bucket" }
output "service" { value = data.aws_arn.x.service }
"""
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


class Make(Protocol):
    """Makes a workspace."""

    def __call__(self, name: str, text: str = ...) -> Workspace:
        """Of this name, with this code: by default what asks the AWS provider."""


@pytest.fixture
def adapter(tmp_path: Path, provider_cli_config: Path) -> TerraformCommands:
    """An adapter whose providers come from the mirror."""
    return TerraformCommands(
        tmp_path / "cache", identify, provider_cli_config, timeout=timedelta(seconds=100)
    )


@pytest.fixture
def tiny(tmp_path: Path) -> TerraformCommands:
    """An adapter whose mirror has a provider of some bytes, in two versions."""
    configured = write_cli_config(tmp_path, make_tiny_mirror(tmp_path / "mirror"))
    return TerraformCommands(tmp_path / "cache", identify, configured, timeout=timedelta(seconds=100))


@pytest.fixture
def make(tmp_path: Path, terraform_binary: str) -> Make:
    """Make a workspace of this name, with the code that needs the provider."""

    def workspace(name: str, text: str = AWS + QUIET) -> Workspace:
        root = tmp_path / name / "root"
        root.mkdir(parents=True)
        (root / "main.tf").write_text(text)
        wrapper = tmp_path / name / "terraform"
        wrapper.write_text(f'#!/bin/sh\necho "$1" >>{tmp_path}/{name}/calls\nexec {terraform_binary} "$@"\n')
        wrapper.chmod(0o755)
        return Workspace(
            root=root,
            data=tmp_path / name / "data",
            binary=str(wrapper),
            backend=("local", {"path": str(tmp_path / name / "terraform.tfstate")}),
            variables={},
            environment=KEYS,
        )

    return workspace


def watching(workspace: Workspace) -> Watch:
    """A watch with the workspace's own log."""
    return Watch(log=workspace.data.parent / "log")


def calls(workspace: Workspace) -> list[str]:
    """The commands that were started, the question for the version left out."""
    path = workspace.data.parent / "calls"
    found = [call for call in path.read_text().split() if call != "version"]
    path.unlink()
    return found


def test_lock_files_are_whole_for_init_and_trimmed_for_the_rest(
    adapter: TerraformCommands, make: Make
) -> None:
    """The full text comes back, is verified by the next `init`, and a changed one is caught there."""
    one = make("one")
    out = one.data / "plan"
    planned = adapter.plan(one, out, watching(one))
    full = planned.lock_file
    assert full is not None
    assert '"h1:' in full
    written = (one.root / ".terraform.lock.hcl").read_text()
    assert written == without_hashes(full)
    assert "hashes" not in written
    assert adapter.apply(one, planned.file, watching(one))["service"].value == "s3"
    assert calls(one) == ["init", "plan", "apply"]

    # The next commit brings no lock file: ours is given, fits, and nothing is initialised.
    shutil.rmtree(one.root)
    one.root.mkdir()
    (one.root / "main.tf").write_text(AWS + QUIET)
    again = replace(one, lock_file=full)
    assert adapter.plan(again, one.data / "again", watching(one)).lock_file == full
    assert calls(one) == ["plan"]

    # One that brings other checksums for the same version is verified, and refused.
    tampered = full.replace('"h1:', '"h1:AAAA', 1)
    (one.root / ".terraform.lock.hcl").write_text(tampered)
    with pytest.raises(NeedsPerson, match=r"has no checksum of .*hashicorp/aws"):
        adapter.plan(again, out, watching(one))
    with pytest.raises(NeedsPerson, match=r"has no checksum of .*hashicorp/aws"):
        adapter.plan(replace(make("two"), lock_file=tampered), out, watching(one))
    (one.root / ".terraform.lock.hcl").write_text(full)
    assert together(adapter, [again]) == [full]


def test_an_outdated_lock_file_of_ours_gives_way_and_the_codes_does_not(
    tiny: TerraformCommands, make: Make
) -> None:
    """Where a push asks for another version than the one that was locked before."""
    old = together(tiny, [make("one", TINY.replace("VERSION", ', version = "1.0.0"'))])[0]
    assert old is not None
    assert 'version     = "1.0.0"' in old
    newer = TINY.replace("VERSION", ', version = ">= 2.0.0"')
    two = make("two", newer)
    assert 'version     = "2.0.0"' in (together(tiny, [replace(two, lock_file=old)])[0] or "")
    three = make("three", newer)
    (three.root / ".terraform.lock.hcl").write_text(old)
    with pytest.raises(NeedsPerson, match="version constraint"):
        tiny.plan(three, three.data / "plan", watching(three))


def test_a_new_provider_in_the_code_is_installed(adapter: TerraformCommands, make: Make) -> None:
    """A plan without `init` complains, `init` runs once, and the plan goes on."""
    one = make("one")
    (one.root / "main.tf").write_text('resource "terraform_data" "x" {}\n')
    out = one.data / "plan"
    assert adapter.plan(one, out, watching(one)).lock_file is None
    assert calls(one) == ["init", "plan"]
    (one.root / "main.tf").write_text(AWS + QUIET)
    assert "aws" in (adapter.plan(one, one.data / "again", watching(one)).lock_file or "")
    assert calls(one) == ["plan", "init", "plan"]


def test_eight_environments_share_the_cache_at_once(tiny: TerraformCommands, make: Make) -> None:
    """First without any lock file, then with one that the cache is known to satisfy."""
    code = TINY.replace("VERSION", "")
    first = together(tiny, [make(f"first-{n}", code) for n in range(8)])
    assert len(set(first)) == 1
    assert first[0] is not None
    second = together(tiny, [replace(make(f"second-{n}", code), lock_file=first[0]) for n in range(8)])
    assert set(second) == set(first)


def test_what_opentofu_leaves_beside_providers_is_no_provider(
    tiny: TerraformCommands, make: Make, terraform_binary: str
) -> None:
    """In the cache, and where it installs without one in the data folder itself: played by its stand-in."""
    one = make("one", TINY.replace("VERSION", ""))
    Path(one.binary).write_text(stand_in(compared()[0][-1], shutil.which(terraform_binary) or ""))
    session = tiny._session(one, watching(one))
    initialisation = tiny._initialise(session)
    assert initialisation._init(only_here=True).succeeded
    assert tiny._initialise(session).lock_file == initialisation.lock_file
    assert not list(one.data.rglob("*.lock"))
    found = [path.readlink() for path in one.data.glob("providers/*/*/*/*/*")]
    assert [path.is_relative_to(tiny._providers.packages) for path in found] == [True]


def together(adapter: TerraformCommands, workspaces: list[Workspace]) -> list[str | None]:
    """Initialises all at the same time; the lock files that came out."""
    found: list[str | None] = []

    def initialise(workspace: Workspace) -> None:
        session = adapter._session(workspace, watching(workspace))
        found.append(adapter._initialise(session).lock_file)

    threads = [threading.Thread(target=initialise, args=(workspace,)) for workspace in workspaces]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == len(workspaces)
    return found


BUCKETS = """
provider "aws" {
  region                      = "eu-west-1"
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}
provider "aws" {
  alias                       = "own"
  region                      = "eu-west-1"
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  default_tags { tags = { branch = "own" } }
}
resource "aws_s3_bucket" "added" { bucket = "default-tags" }
resource "aws_s3_bucket" "own" {
  provider = aws.own
  bucket   = "own-tags"
}
output "tags" { value = aws_s3_bucket.added.tags_all }
"""
TAGS = {"environment": "alice", "managed-by": "envmgr", "branch": "env-alice"}


def test_missing_tags_are_added_on_aws(
    adapter: TerraformCommands, make: Make, aws_environment: dict[str, str], terraform_binary: str
) -> None:
    """By the provider itself, and what the code sets itself wins."""
    environment = {**aws_environment, **default_tags_environment(TAGS)}
    # Not the script that counts: a shell drops variables whose names it could not write, as managed-by's.
    one = replace(make("one", AWS + BUCKETS), environment=environment, binary=terraform_binary)

    planned = adapter.plan(one, one.data / "plan", watching(one))

    shown = adapter.show(one, planned.file).resources
    tags = {each.address: each.after["tags_all"] for each in shown if each.after is not None}
    assert tags == {"aws_s3_bucket.added": TAGS, "aws_s3_bucket.own": {**TAGS, "branch": "own"}}


def sockets(folder: Path) -> list[Path]:
    """What somebody listened on, below a folder."""
    return [path for path in folder.rglob("*") if path.is_socket()]


@pytest.mark.parametrize("place", ["t", "t" * 120], ids=["short", "long"])
def test_sockets_of_a_killed_terraforms_providers_go(
    adapter: TerraformCommands, make: Make, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A temporary folder of its own, whose path has room for sockets: nothing stays there, or in the system's."""
    with tempfile.TemporaryDirectory(prefix="e") as system:
        monkeypatch.setenv("TMPDIR", system)
        monkeypatch.setattr(tempfile, "tempdir", system)
        workspace = make("one")
        workspace = replace(workspace, temporary=workspace.data.parent / place)
        kills = "until find $TMPDIR/ -type s | tee seen | grep -q .; do sleep 0.1; done; kill -9 $PPID"
        code = (
            f'resource "terraform_data" "end" {{\n  provisioner "local-exec" {{ command = "{kills}" }}\n}}\n'
        )
        reads = QUIET.replace('bucket"', 'bucket${terraform_data.end.id}"')
        (workspace.root / "main.tf").write_text(AWS + reads + code)
        plan = adapter.plan(workspace, workspace.data.parent / "plan", watching(workspace)).file

        with pytest.raises(Transient, match="killed"):
            adapter.apply(workspace, plan, watching(workspace))

        assert "/plugin" in (workspace.root / "seen").read_text()
        assert sockets(Path(system)) + sockets(workspace.data.parent) == []
        assert list(Path(system).iterdir()) == []
