"""What an uploading step takes of a checkout."""

from pathlib import Path

import pytest

from envmgr.domain.errors import NeedsPerson
from envmgr.host.uploads import folder as folder_module
from envmgr.host.uploads.folder import Folder


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """With a folder `public`, and beside it what is not to be sent."""
    made = tmp_path / "checkout"
    (made / "public").mkdir(parents=True)
    (made / "public" / "a").touch()
    (made / "library" / ".git").mkdir(parents=True)
    (made / "library" / ".git" / "config").write_text("[credential]")
    return made


def listed(checkout: Path, folder: str = "public") -> list[str]:
    """The names of all files, each opened once."""
    found = Folder(checkout, checkout / folder)
    names = []
    for path, name in found.files():
        with found.opened(path):
            names.append(name)
    return names


def refused(checkout: Path, folder: str = "public") -> str:
    """The sentence of a refusal."""
    with pytest.raises(NeedsPerson) as caught:
        listed(checkout, folder)
    return str(caught.value)


def test_a_folder_that_links_to_itself_is_no_folder(checkout: Path) -> None:
    (checkout / "loop").symlink_to("loop")
    assert refused(checkout, "loop") == "loop is a link that leads in a circle."
    assert refused(checkout, "loop/below") == "loop/below is a link that leads in a circle."


@pytest.mark.parametrize("target", ["../library/.git/config", "../library/.git"])
def test_a_link_into_git_is_refused(checkout: Path, target: str) -> None:
    """Wherever a step or a submodule has made one."""
    (checkout / "public" / "x").symlink_to(target)
    assert refused(checkout) == "public/x leads into .git: it is not sent."


def test_git_is_no_folder_to_send(checkout: Path) -> None:
    assert refused(checkout, "library/.git") == "library/.git leads into .git: it is not sent."


@pytest.mark.parametrize("last", ["a file", "nothing"])
def test_links_that_double_at_each_step_are_cut_off(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    """Twenty folders with two links each to the next are a million, and need no file for it."""
    monkeypatch.setattr(folder_module, "_MOST", 50)
    for number in range(20):
        (checkout / f"d{number}").mkdir()
        for name in "ab":
            (checkout / f"d{number}" / name).symlink_to(f"../d{number + 1}")
    (checkout / "d20").mkdir()
    if last == "a file":
        (checkout / "d20" / "file").touch()
    assert refused(checkout, "d0").startswith("the folder d0 holds more than 50 files and folders")


def test_as_many_as_may_be_are_taken(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_module, "_MOST", 3)
    (checkout / "public" / "b").mkdir()
    (checkout / "public" / "b" / "c").touch()
    assert listed(checkout) == ["a", "b/c"]


def test_folders_that_nest_too_deep_are_refused(checkout: Path) -> None:
    deep = checkout / "public"
    for _ in range(252):
        deep /= "d"
        deep.mkdir()
    assert "deeper than 250 folders" in refused(checkout)
