"""Modules and Terraform binaries, kept by what they are while in use."""

import os
import shutil
from pathlib import Path

import pytest

from envmgr.adapters.modules import Modules, packaged_folder
from envmgr.adapters.terraform.binaries import Binaries
from envmgr.domain.errors import NeedsPerson
from tests.support.on_disk import Disk


@pytest.fixture
def modules(tmp_path: Path) -> Modules:
    """One module `site` with a test and a template."""
    folder = tmp_path / "modules" / "site"
    (folder / "tests").mkdir(parents=True)
    (folder / "main.tf").write_text("# one")
    (folder / "page.tftpl").write_text("page")
    (folder / "tests" / "a.tftest.hcl").write_text("")
    return Modules(tmp_path / "modules", tmp_path / "kept")


def test_a_kept_module_stays_as_it_was(modules: Modules, tmp_path: Path) -> None:
    """Though the folder it came from changes."""
    tree = modules.keep("site")
    (tmp_path / "modules" / "site" / "main.tf").write_text("# two")

    modules.checkout("site", tree, tmp_path / "out")

    assert (tmp_path / "out" / "main.tf").read_text() == "# one"
    assert (tmp_path / "out" / "page.tftpl").exists()
    assert not (tmp_path / "out" / "tests").exists()
    assert modules.tree("site") != tree


def test_what_another_keeps_meanwhile_stays_where_it_is(
    modules: Modules, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two applications of one module are applied at once: whoever reads it finds it there all the time."""
    copy, found = shutil.copyfile, list[int]()

    def copy_late(source: Path, target: Path) -> None:
        if not found:
            found.append(0)
            found[0] = (tmp_path / "kept" / "site" / modules.keep("site")).stat().st_ino
        copy(source, target)

    monkeypatch.setattr(shutil, "copyfile", copy_late)
    tree = modules.keep("site")

    assert (tmp_path / "kept" / "site" / tree).stat().st_ino == found[0]
    assert [path.name for path in (tmp_path / "kept" / "site").iterdir()] == [tree]


def test_a_checkout_leaves_nothing_of_what_was_there(modules: Modules, tmp_path: Path) -> None:
    """The folder is replaced as a whole."""
    tree = modules.keep("site")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "stale.tf").touch()

    modules.checkout("site", tree, tmp_path / "out")

    assert not (tmp_path / "out" / "stale.tf").exists()


def test_tests_of_a_module_are_not_part_of_what_it_is(modules: Modules, tmp_path: Path) -> None:
    """A change of them applies nothing."""
    before = modules.tree("site")
    (tmp_path / "modules" / "site" / "tests" / "b.tftest.hcl").write_text("more")
    assert modules.tree("site") == before


def test_only_unused_versions_are_pruned(modules: Modules, tmp_path: Path) -> None:
    """What an environment uses stays."""
    used = modules.keep("site")
    (tmp_path / "modules" / "site" / "main.tf").write_text("# two")
    unused = modules.keep("site")
    assert modules.prune([]) == 0, "they were kept a moment ago"
    for tree in (used, unused):
        os.utime(tmp_path / "kept" / "site" / tree, (0, 0))

    assert modules.prune([("site", used)]) == 1

    modules.checkout("site", used, tmp_path / "out")
    with pytest.raises(NeedsPerson, match="is missing"):
        modules.checkout("site", unused, tmp_path / "other")


@pytest.mark.parametrize("name", ["nosuch", "../modules/site", "", "."])
def test_a_module_that_is_not_there_is_said_with_those_that_are(modules: Modules, name: str) -> None:
    """No path leads out of the folder."""
    with pytest.raises(NeedsPerson, match="site"):
        modules.tree(name)


def test_the_packaged_modules_are_found() -> None:
    """All three of them."""
    modules = Modules(packaged_folder(), Path("/nonexistent"))
    assert len({modules.tree(f"{kind}-environment") for kind in ("aws", "azure", "local")}) == 3


def test_a_binary_is_kept_as_it_was(tmp_path: Path) -> None:
    """Though the file is overwritten in place."""
    binary = tmp_path / "terraform"
    binary.write_text("#!/bin/sh\necho one\n")
    binary.chmod(0o755)
    binaries = Binaries(tmp_path / "kept")
    binaries.keep(str(binary), "1.0.0")
    binary.write_text("#!/bin/sh\necho two\n")

    found = binaries.find("1.0.0")

    assert found is not None
    assert "echo one" in Path(found).read_text()
    assert Path(found).stat().st_mode & 0o100
    assert binaries.find("2.0.0") is None
    assert binaries.prune([]) == 0, "it was kept a moment ago"
    os.utime(tmp_path / "kept" / "1.0.0", (0, 0))
    assert binaries.prune([]) == 1
    assert binaries.find("1.0.0") is None


def test_what_is_kept_outlives_a_power_cut(
    modules: Modules, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A claim relies on it: an empty file under its name would pass for what was applied."""
    disk, kept = Disk(monkeypatch), tmp_path / "kept"
    tree = modules.keep("site")
    assert disk.holds(kept / "site" / tree / "main.tf", kept)
    assert disk.holds(kept / "site" / tree / "page.tftpl", kept)
    Binaries(kept).keep("sh", "1.2.3")
    assert disk.holds(kept / "1.2.3" / "terraform", kept)
