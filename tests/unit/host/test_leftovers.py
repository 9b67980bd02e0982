"""Whatever a branch's code leaves where envmgr works, it goes, or it is put aside; nothing outside is touched."""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from envmgr.domain.errors import NeedsPerson
from envmgr.host.leftovers import ASIDE, accessible, clear, make_plain, private, temporary, tidy
from tests.support.privileges import as_ordinary_user

STRANGER = 65534
IS_ROOT = os.geteuid() == 0  # who alone can leave files of another user


@pytest.fixture(autouse=True)
def ordinary(tmp_path: Path) -> Iterator[None]:
    """Permissions hold for us; pytest itself could not remove all that is left here."""
    with as_ordinary_user():
        yield
    for left in tmp_path.iterdir():
        assert clear(left) is None


def nested(folder: Path, depth: int, mode: int = 0o700) -> None:
    """Folders in folders, deeper than a path may be long."""
    folder.mkdir()
    here = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("a" * 10, mode, dir_fd=here)
        inner = os.open("a" * 10, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(os.open("file", os.O_CREAT, dir_fd=here))
    os.close(here)


def test_what_stands_in_the_place_of_a_file_goes(tmp_path: Path) -> None:
    """Where a link leads stays; a file that is one stays too, its owner's to read and write again."""
    path, victim = tmp_path / "file", tmp_path / "victim"
    victim.write_text("precious")
    puts: list[Callable[[], object]] = [
        lambda: path.symlink_to(victim),
        lambda: path.symlink_to("absent"),
        lambda: os.mkfifo(path),
        lambda: nested(path, 3),
    ]
    for put in puts:
        put()
        make_plain(path)
        assert not os.path.lexists(path)
    make_plain(path)
    assert victim.read_text() == "precious"
    for mode in (0, 0o444, 0o600):
        victim.chmod(mode)
        make_plain(victim)
        assert victim.read_text() == "precious"
        assert victim.stat().st_mode & 0o700 == 0o600


def read_only(folder: Path) -> None:
    """As Go leaves its module cache."""
    (folder / "mod/a/b").mkdir(parents=True)
    (folder / "mod/a/b/file").write_text("")
    for path in (folder / "mod/a/b/file", folder / "mod/a/b", folder / "mod/a", folder / "mod", folder):
        path.chmod(0o444 if path.is_file() else 0o555)


def closed(folder: Path) -> None:
    """Not even its owner may look into it."""
    (folder / "in").mkdir(parents=True)
    (folder / "in").chmod(0)
    folder.chmod(0)


def crowded(folder: Path) -> None:
    """More names than are taken at once, some of them odd."""
    folder.mkdir()
    for number in range(1_050):
        (folder / f"{number}").touch()
    (folder / "\udcff\n").touch()
    os.mkfifo(folder / "pipe")


LEFT: dict[str, Callable[[Path], object]] = {
    "a file": lambda path: path.write_text(""),
    "an empty folder": lambda path: path.mkdir(),
    "a dangling link": lambda path: path.symlink_to("/nowhere"),
    "a read-only tree": read_only,
    "closed folders": closed,
    "a crowd": crowded,
    "1,500 nested folders": lambda path: nested(path, 1_500),
    "a pipe": os.mkfifo,
}


@pytest.mark.parametrize("leave", LEFT.values(), ids=LEFT)
def test_it_goes(tmp_path: Path, leave: Callable[[Path], object]) -> None:
    leave(tmp_path / "left")
    assert clear(tmp_path / "left") is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", [0o555, 0], ids=oct)
@pytest.mark.parametrize("leave", ["a file", "a dangling link", "a read-only tree"])
def test_it_goes_from_a_closed_folder(tmp_path: Path, leave: str, mode: int) -> None:
    LEFT[leave](tmp_path / "left")
    tmp_path.chmod(mode)
    assert clear(tmp_path / "left") is None
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_no_error(tmp_path: Path) -> None:
    assert clear(tmp_path / "nothing") is None


def test_no_link_is_followed(tmp_path: Path) -> None:
    """Neither the one that is cleared nor those in it; what they lead to keeps its permissions too."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own/file").write_text("precious")
    (tmp_path / "own").chmod(0o500)
    (tmp_path / "left").mkdir()
    (tmp_path / "left/in").symlink_to(tmp_path / "own")
    (tmp_path / "link").symlink_to(tmp_path / "own")
    assert clear(tmp_path / "left") is None
    assert clear(tmp_path / "link") is None
    assert (tmp_path / "own/file").read_text() == "precious"
    assert stat.S_IMODE((tmp_path / "own").stat().st_mode) == 0o500


def test_a_link_in_the_place_of_the_folder_around_it_is_refused(tmp_path: Path) -> None:
    """It would lead out of what is ours."""
    (tmp_path / "own/tmp").mkdir(parents=True)
    (tmp_path / "steps").symlink_to(tmp_path / "own")
    with pytest.raises(NeedsPerson, match=r"steps/tmp can be neither removed nor put aside"):
        clear(tmp_path / "steps/tmp")
    assert (tmp_path / "own/tmp").is_dir()


@pytest.mark.parametrize("leave", LEFT.values(), ids=LEFT)
def test_a_folder_of_ours_takes_its_place(tmp_path: Path, leave: Callable[[Path], object]) -> None:
    """What is a folder already is kept, and made private."""
    leave(tmp_path / "tmp")
    private(tmp_path / "tmp")
    assert not (tmp_path / "tmp").is_symlink()
    assert stat.S_IMODE((tmp_path / "tmp").stat().st_mode) & 0o700 == 0o700


def test_a_private_folder_is_open_to_nobody_else(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir(mode=0o700)
    (tmp_path / "tmp").chmod(0o777)
    private(tmp_path / "tmp")
    assert stat.S_IMODE((tmp_path / "tmp").stat().st_mode) == 0o700


def test_folders_to_go_on_with_are_ours_again(tmp_path: Path) -> None:
    read_only(tmp_path / "data")
    closed(tmp_path / "data2")
    assert accessible(tmp_path)
    (tmp_path / "data/mod/a/b/new").touch()
    (tmp_path / "data2/in/new").touch()


@pytest.mark.slow
def test_a_temporary_folder_goes_however_deep_it_is(tmp_path: Path) -> None:
    with temporary(tmp_path, ".work-") as folder:
        nested(folder / "deep", 1_500)
    assert list(tmp_path.iterdir()) == []


if IS_ROOT:

    def strangers(folder: Path, mode: int = 0o755) -> None:
        """A full folder of another user."""
        folder.mkdir(parents=True)
        (folder / "file").write_text("")
        folder.chmod(mode)
        os.chown(folder, STRANGER, STRANGER)

    def test_another_users_folder_is_put_aside(tmp_path: Path) -> None:
        """Under a name that begins as others can find it; the next round of tidying tries it again."""
        strangers(tmp_path / "tmp")
        aside = clear(tmp_path / "tmp")
        assert aside is not None
        assert aside.name.startswith(ASIDE)
        assert (aside / "file").exists()
        assert list(tmp_path.iterdir()) == [aside]
        assert tidy([tmp_path]) == list(tmp_path.iterdir()) != []
        os.chown(next(tmp_path.iterdir()), os.geteuid(), -1)
        assert tidy([tmp_path]) == []
        assert list(tmp_path.iterdir()) == []

    def test_what_is_around_another_users_folder_goes(tmp_path: Path) -> None:
        """Only what cannot be removed stays, and the name is free."""
        strangers(tmp_path / "left/deep/theirs")
        strangers(tmp_path / "left/open", 0o777)
        (tmp_path / "left/ours").mkdir()
        (tmp_path / "left/ours/file").touch()
        aside = clear(tmp_path / "left")
        assert aside is not None
        assert [path.name for path in aside.rglob("*") if path.is_file()] == ["file"]
        assert not (tmp_path / "left").exists()

    def test_another_users_files_go(tmp_path: Path) -> None:
        """In a folder of ours; and an empty folder of theirs."""
        (tmp_path / "left").mkdir()
        (tmp_path / "left/file").touch()
        (tmp_path / "left/empty").mkdir()
        os.chown(tmp_path / "left/file", STRANGER, STRANGER)
        os.chown(tmp_path / "left/empty", STRANGER, STRANGER)
        (tmp_path / "left").chmod(0o1777)
        assert clear(tmp_path / "left") is None
        assert list(tmp_path.iterdir()) == []

    def test_another_users_folder_is_no_private_one(tmp_path: Path) -> None:
        strangers(tmp_path / "tmp")
        private(tmp_path / "tmp")
        assert (tmp_path / "tmp").stat().st_uid == os.geteuid()
        assert list((tmp_path / "tmp").iterdir()) == []

    def test_what_cannot_even_be_moved_needs_a_person(tmp_path: Path) -> None:
        """In a folder that is another's."""
        strangers(tmp_path / "theirs")
        with pytest.raises(NeedsPerson, match="remove it as its owner or as root"):
            clear(tmp_path / "theirs/file")

    def test_not_all_is_ours_again(tmp_path: Path) -> None:
        strangers(tmp_path / "data/theirs", 0o700)
        assert not accessible(tmp_path / "data")
