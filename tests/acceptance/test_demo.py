"""`envmgr demo`, as a newcomer runs it."""

import re
import shutil
import time
from pathlib import Path

import pytest

from .world import World


def demo(world: World, *options: str, **env: str) -> str:
    """Runs it with its temporary folder below the test's own; gives what it told."""
    temporary = world.folder / "tmp"
    temporary.mkdir(exist_ok=True)
    said = world("demo", *options, env={"TMPDIR": str(temporary), **env})
    assert said.code == 0, (said.out, said.err)
    return said.out


def test_a_whole_life_in_under_a_minute(tmp_path: Path, terraform_binary: str) -> None:
    """Whatever git settings and Terraform settings the person has; nothing is left behind."""
    world = World.create(tmp_path)
    config = tmp_path / "gitconfig"
    config.write_text("[commit]\n\tgpgsign = true\n[init]\n\tdefaultBranch = trunk\n")
    began = time.monotonic()
    told = demo(world, GIT_CONFIG_GLOBAL=str(config), TF_CLI_CONFIG_FILE="/nonexistent")
    assert time.monotonic() - began < 60
    for claim in (
        "bob is ready",
        "managed-by=envmgr",
        "no Terraform process was started",
        "its state is archived",
    ):
        assert claim in told
    assert told.count("destroyed with what was last applied, and verified") == 2
    assert list((tmp_path / "tmp").iterdir()) == []
    assert not world.data.exists()


def test_what_is_kept_can_be_looked_at(tmp_path: Path, terraform_binary: str) -> None:
    """The verbs that it names work."""
    world = World.create(tmp_path)
    told = demo(world, "--keep")
    (folder,) = (tmp_path / "tmp").iterdir()
    assert str(folder) in told
    place = ("--config", str(folder / "config"), "--data-dir", str(folder / "data"))
    assert world.ok(*place, "show", "bob", "--json").document["status"] == "ready"
    assert "Apply complete" in world.ok(*place, "logs", "alice").out
    assert re.search(r"shop/alice +destroyed", world.ok(*place, "list", "--all").out)


def test_without_terraform_it_says_so(tmp_path: Path) -> None:
    """And leaves nothing."""
    world = World.create(tmp_path)
    programs = tmp_path / "bin"
    programs.mkdir()
    git = shutil.which("git")
    if git is None:
        pytest.skip("git is absent: put it on the PATH")
    (programs / "git").symlink_to(git)
    said = world("demo", env={"PATH": str(programs)})
    assert said.code == 1
    assert said.err.startswith("Error: There is no terraform on the PATH: install Terraform")
