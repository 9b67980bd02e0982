"""Terraform's temporary folder: private, short enough for sockets, found again, and never a way to somebody else's files."""

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from envmgr.host.leftovers import clear
from envmgr.host.temporary import Temporary
from tests.support.privileges import as_ordinary_user

SOCKETS_LONGEST, GOS_LONGEST_NAME = 107, len("/plugin4294967295")


@pytest.fixture(params=["short", "long"])
def place(
    request: pytest.FixtureRequest, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A place whose path a socket may have, and one whose path none may have."""
    folder = tmp_path / ("a" * 120 if request.param == "long" else "a")
    folder.mkdir()
    yield folder / "tmp"
    Temporary(folder / "tmp").clear()


def listen(folder: Path) -> None:
    """Leave a socket, as a provider that was killed does."""
    descriptor = os.open(folder, os.O_PATH)  # whose path may be longer than a socket's
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"/proc/self/fd/{descriptor}/plugin1234567890")
    os.close(descriptor)


def test_it_is_private_short_and_the_same_until_it_is_cleared(place: Path) -> None:
    folder = Temporary(place).ready()
    (folder / "made by a plan").touch()

    assert len(os.fsencode(folder)) + GOS_LONGEST_NAME <= SOCKETS_LONGEST
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert place.resolve() == folder
    assert Temporary(place).ready() == folder
    assert (folder / "made by a plan").exists()

    Temporary(place).clear()
    assert not folder.exists()
    assert not place.is_symlink()


def test_a_killed_ones_sockets_go_and_other_files_stay(place: Path) -> None:
    folder = Temporary(place).ready()
    (folder / "read by an apply").touch()
    listen(folder)

    Temporary(place).tidy()
    assert [path.name for path in folder.iterdir()] == ["read by an apply"]

    (folder / "read by an apply").unlink()
    listen(folder)
    Temporary(place).tidy()
    assert not folder.exists()
    assert not place.is_symlink()


def test_what_code_did_to_it_does_not_block_the_next_one(place: Path) -> None:
    folder = Temporary(place).ready()
    folder.chmod(0)
    Temporary(place).tidy()
    assert stat.S_IMODE(Temporary(place).ready().stat().st_mode) == 0o700

    clear(folder)
    folder.write_text("")
    Temporary(place).tidy()
    assert Temporary(place).ready().is_dir()


@pytest.mark.parametrize("name", ["precious", "envmgr-0123456789abcdef"])
def test_a_link_that_was_put_in_its_place_leads_nowhere(place: Path, tmp_path: Path, name: str) -> None:
    """Whatever has the link's name or the target's: nothing below another folder is touched."""
    precious = tmp_path / name / "in"
    precious.mkdir(parents=True)
    listen(precious)
    folder = Temporary(place).ready()
    clear(folder)
    clear(place)
    (place if name == "precious" or folder == place else folder).symlink_to(precious)

    Temporary(place).tidy()
    again = Temporary(place).ready()
    Temporary(place).clear()

    assert again != precious
    assert len(list(precious.iterdir())) == 1


def test_the_folder_around_it_may_be_gone(place: Path) -> None:
    """Somebody tidied up while the daemon ran."""
    Temporary(place).ready()
    clear(place)
    clear(place.parent)
    assert Temporary(place).ready().is_dir()


if os.geteuid() == 0:  # who alone can leave files of another user

    def test_a_name_that_somebody_else_took_is_left_to_them(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As others can, in a temporary folder for all, once a reboot has cleared it."""
        shared, place = tmp_path / "shared", tmp_path / ("a" * 120)
        shared.mkdir()
        monkeypatch.setattr("tempfile.tempdir", str(shared))
        monkeypatch.setattr("envmgr.host.temporary._LONGEST", len(str(shared)) + 24)
        taken = Temporary(place).ready()
        (taken / "file").touch()
        os.chown(taken, 65534, 65534)
        os.chown(shared, 65534, 65534)
        shared.chmod(0o1777)

        with as_ordinary_user():
            folder = Temporary(place).ready()

        assert folder not in (taken, place)
        assert (folder.stat().st_uid, taken.stat().st_uid) == (0, 65534)


def test_the_systems_temporary_folder_may_be_too_long_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("a" * 120)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))

    folder = Temporary(long / "tmp").ready()

    assert folder.parent == Path("/tmp")
    Temporary(long / "tmp").clear()
    assert not folder.exists()
