"""Providers come from where the operator says, are verified once, and are run only as they were verified."""

import json
import os
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from envmgr.adapters.processes import identify
from envmgr.adapters.terraform.commands import TerraformCommands
from envmgr.adapters.terraform.initialisation import Initialisation
from envmgr.adapters.terraform.providers.cache import ProviderCache
from envmgr.adapters.terraform.providers.packages import checksum
from envmgr.domain.values.environment import Status
from envmgr.ports import Watch, Workspace
from tests.integration.attack_rows import Row, tries
from tests.support.engine import Engine, code

SOURCE = "providers.invalid/acme/fake"
REQUIRES = f'terraform {{\n  required_providers {{\n    fake = {{ source = "{SOURCE}" }}\n  }}\n}}\n'
BINARY = "terraform-provider-fake_v1.0.0"
PLATFORM = f"1.0.0/{'linux_arm64' if os.uname().machine == 'aarch64' else 'linux_amd64'}"
GOOD = "#!/bin/sh\nexit 3\n"
EVIL = "#!/bin/sh\nexit 4\n"

Make = Callable[[str], Workspace]
Ready = Callable[[Workspace], Initialisation]


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """A mirror of packed providers: from such, as from a registry, Terraform unpacks into its plugin cache."""
    platform = PLATFORM.replace("/", "_")
    package = tmp_path / "mirror" / SOURCE / f"terraform-provider-fake_{platform}.zip"
    package.parent.mkdir(parents=True)
    with zipfile.ZipFile(package, "w") as archive:
        entry = zipfile.ZipInfo(BINARY)
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, GOOD)
    return tmp_path / "mirror"


@pytest.fixture
def configuration(tmp_path: Path, mirror: Path) -> Path:
    """The operator's CLI configuration."""
    path = tmp_path / "terraform.rc"
    path.write_text(f'provider_installation {{\n  filesystem_mirror {{ path = "{mirror}" }}\n}}\n')
    return path


@pytest.fixture
def adapter(tmp_path: Path, configuration: Path) -> TerraformCommands:
    """Terraform of one organization."""
    return TerraformCommands(tmp_path / "acme", identify, configuration, timeout=timedelta(seconds=60))


@pytest.fixture
def make(tmp_path: Path, terraform_binary: str) -> Make:
    """Make a workspace of this name whose code needs the provider."""

    def workspace(name: str) -> Workspace:
        root = tmp_path / name / "root"
        root.mkdir(parents=True)
        (root / "main.tf").write_text(REQUIRES)
        return Workspace(
            root=root,
            data=tmp_path / name / "data",
            binary=terraform_binary,
            backend=("local", {"path": str(tmp_path / name / "terraform.tfstate")}),
            variables={},
            environment={},
        )

    return workspace


def initialised(adapter: TerraformCommands, workspace: Workspace) -> str | None:
    """Makes a workspace ready for a command; gives the lock file."""
    session = adapter._session(workspace, Watch(log=workspace.data.parent / "log"))
    return adapter._initialise(session).lock_file


def inits(workspace: Workspace) -> int:
    """How often Terraform was initialised there."""
    return (workspace.data.parent / "log").read_text().count("terraform init\n")


def used(workspace: Workspace) -> Path:
    """The provider as a command of Terraform finds it."""
    return workspace.data / "providers" / SOURCE / PLATFORM / BINARY


def test_what_init_verified_moves_in_and_is_read_only(
    adapter: TerraformCommands, make: Make, tmp_path: Path
) -> None:
    """Terraform had a private plugin cache; its checksum is ours; the next workspace gets a link."""
    one, two = make("one"), make("two")
    lock = initialised(adapter, one)
    package = used(one).parent.readlink()
    assert package.is_relative_to(tmp_path / "acme" / "packages")
    assert f'"{checksum(package)}"' in (lock or "")
    assert used(one).read_text() == GOOD
    assert [path.stat().st_mode & 0o222 for path in (package, package / BINARY)] == [0, 0]
    assert not any((tmp_path / "acme" / "incoming").iterdir())

    assert initialised(adapter, two) == lock
    assert used(two).parent.readlink() == package
    assert initialised(adapter, replace(make("three"), lock_file=lock)) == lock
    assert initialised(adapter, one) == lock
    assert inits(one) == 1


def other_content(_: Workspace, package: Path) -> None:
    """The cached binary, with its size and times as they were."""
    path = package / BINARY
    before = path.stat()
    path.chmod(0o700)
    path.write_text(EVIL)
    path.chmod(before.st_mode)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def another_file(_: Workspace, package: Path) -> None:
    """Terraform takes the binary by its name's beginning."""
    package.chmod(0o700)
    (package / "terraform-provider-fake_v1.0.0_a").write_text(EVIL)
    package.chmod(0o500)


def another_package(workspace: Workspace, _: Path) -> None:
    """In the workspace, in the place of the link."""
    place = used(workspace).parent
    place.unlink()
    place.mkdir()
    (place / BINARY).write_text(EVIL)


def another_version(workspace: Workspace, _: Path) -> None:
    """Beside it, where Terraform looks as well."""
    place = workspace.data / "providers" / SOURCE / "9.0.0" / "linux_amd64"
    place.mkdir(parents=True)
    (place / BINARY).write_text(EVIL)


@pytest.mark.parametrize("change", [other_content, another_file, another_package, another_version])
def test_what_was_changed_since_is_fetched_anew_before_anything_runs_it(
    adapter: TerraformCommands, make: Make, change: Callable[[Workspace, Path], None]
) -> None:
    """Found before the command, wherever it was changed."""
    one = make("one")
    lock = initialised(adapter, one)
    change(one, used(one).parent.readlink())

    assert initialised(adapter, one) == lock

    assert inits(one) == 2
    assert used(one).read_text() == GOOD
    assert {path.name for path in used(one).parent.iterdir()} == {BINARY}
    assert not (one.data / "providers" / SOURCE / "9.0.0").exists()


def test_what_was_only_touched_is_hashed_and_stays(adapter: TerraformCommands, make: Make) -> None:
    """As after a backup came back."""
    one = make("one")
    initialised(adapter, one)
    os.utime(used(one))
    initialised(adapter, one)
    assert inits(one) == 1


def test_what_is_changed_between_init_and_its_move_is_refused(
    adapter: TerraformCommands, make: Make, tmp_path: Path
) -> None:
    """By the lock file that `init` wrote."""
    one = make("one")
    lock = initialised(adapter, one)
    cache, data = ProviderCache(tmp_path / "other"), tmp_path / "two"
    cache.create()
    with cache.offered(data, lock) as plugins:
        place = plugins / SOURCE / PLATFORM
        place.mkdir(parents=True)
        (place / BINARY).write_text(EVIL)
        link = data / "providers" / SOURCE / PLATFORM
        link.parent.mkdir(parents=True)
        link.symlink_to(place)
        with pytest.raises(Exception, match="was changed after Terraform had verified it"):
            cache.take(data, lock)
    assert not list((tmp_path / "other" / "packages").glob("*/*/*/*/*"))


def test_two_organizations_share_nothing(
    adapter: TerraformCommands, configuration: Path, make: Make, tmp_path: Path
) -> None:
    """What one has cached, be it swapped, the other never runs."""
    one, two = make("one"), make("two")
    initialised(adapter, one)
    other_content(one, used(one).parent.readlink())
    other = TerraformCommands(tmp_path / "umbra", identify, configuration, timeout=timedelta(seconds=60))
    initialised(other, two)
    assert used(two).read_text() == GOOD
    assert used(two).resolve().is_relative_to(tmp_path / "umbra")


@tries(Row.PLUGINS)
@pytest.mark.parametrize("kind", ["none", "bwrap"])
def test_a_branch_says_nothing_about_where_providers_come_from(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, kind: str, terraform_binary: str
) -> None:
    """Neither do plugins and settings that lie in envmgr's own home."""
    engine.settings |= {"cage": {"kind": kind}, "terraform": {"binary": terraform_binary}}
    plugin = f"plugins/{SOURCE}/{PLATFORM}/{BINARY}"
    ran = engine.folder / "ran"
    script = f"#!/bin/sh\ntouch {ran}\n"
    settings = f'provider_installation {{\n  filesystem_mirror {{ path = "{engine.folder}/home/.terraform.d/plugins" }}\n}}\n'
    home = engine.folder / "home"
    (home / ".terraform.d" / plugin).parent.mkdir(parents=True)
    (home / ".terraform.d" / plugin).write_text(script)
    (home / ".terraform.d" / plugin).chmod(0o755)
    (home / ".terraformrc").write_text(settings)
    monkeypatch.setenv("HOME", str(home))
    files = {
        f"terraform/{name}": text
        for name, text in {
            f"terraform.d/{plugin}": script,
            ".terraformrc": settings,
            "terraform.rc": settings,
            ".terraform/plugin_path": json.dumps([str(home / ".terraform.d/plugins")]),
        }.items()
    }
    engine.repository().commit("env-alice", code(files, REQUIRES + 'resource "fake_thing" "x" {}\n'))

    engine.turn()

    alice = engine.environment("alice")
    assert alice.status is Status.FAILED
    assert "providers.invalid" in alice.message
    assert not ran.exists()


def test_a_home_of_terraform_is_empty_each_time(engine: Engine) -> None:
    """What one run leaves there, the next does not find."""
    seen = engine.folder / "seen"
    module = f"""
resource "terraform_data" "x" {{
  input = timestamp()
  provisioner "local-exec" {{ command = "ls -A $HOME >>{seen}; touch $HOME/.gitconfig; echo $HOME >>{seen}" }}
  triggers_replace = timestamp()
}}
"""
    shop = engine.repository()
    for number in range(2):
        shop.commit("env-alice", code({"terraform/x.tf": f"# {number}"}, module))
        engine.turn(seconds=30)
    assert engine.environment("alice").status is Status.READY, engine.environment("alice").message
    homes = seen.read_text().splitlines()
    assert len(homes) == 2, homes
    assert set(homes) == {str(engine.data / "workspaces/acme/shop/alice/terraform/home")}
