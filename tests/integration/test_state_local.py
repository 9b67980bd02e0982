"""What only the local state store has: a folder that must stay closed, and files that may be in the way."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envmgr.adapters.state.keys import archive_key
from envmgr.adapters.state.local import LocalStateStore
from envmgr.domain.errors import EnvmgrError, NeedsPerson, Transient
from envmgr.domain.values.backend import beside
from tests.support.on_disk import Disk
from tests.support.state_backends import KEY

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
STATE = b'{"version": 4, "serial": 1, "lineage": "l", "resources": [], "outputs": {}}'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "deep/state"


@pytest.fixture
def store(folder: Path) -> LocalStateStore:
    made = LocalStateStore({"path": str(folder)}, {})
    made.ensure()
    return made


@pytest.fixture
def state(store: LocalStateStore, folder: Path) -> Path:
    path = folder / KEY
    path.parent.mkdir(parents=True)
    path.write_bytes(STATE)
    return path


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_the_folder_is_closed_to_others(store: LocalStateStore, folder: Path) -> None:
    assert mode(folder) == 0o700
    folder.chmod(0o755)
    assert "no longer can" in store.ensure()
    assert mode(folder) == 0o700


def test_an_archived_copy_is_private_and_nothing_else_is_left(
    store: LocalStateStore, folder: Path, state: Path
) -> None:
    state.with_name("terraform.tfstate.backup").write_bytes(STATE)
    state.with_name(".terraform.tfstate.lock.info").write_bytes(b"{}")
    store.archive(KEY, NOW)
    copy = folder / archive_key(KEY, NOW)
    assert mode(copy) == 0o600
    assert mode(copy.parent) == 0o700
    assert copy.read_bytes() == STATE
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files == [copy]
    assert not (folder / "acme").exists()


def test_what_code_left_beside_a_state_is_not_followed_and_holds_up_nothing(
    store: LocalStateStore, folder: Path, state: Path
) -> None:
    """Neither the look before a run, nor what is written, nor the end."""
    other = folder / "other"
    other.write_bytes(STATE)
    puts: list[Callable[[Path], object]] = [lambda path: path.symlink_to(other), os.mkfifo, Path.mkdir]
    for put in puts:
        store.put(KEY, STATE)
        for name in beside(state.name):
            put(state.with_name(name))
        store.put(KEY, STATE)
        assert not store.mend(KEY)
        assert [path.name for path in state.parent.iterdir()] == [state.name]
        for name in beside(state.name)[:2]:
            put(state.with_name(name))
        store.archive(KEY, NOW)
        assert not state.parent.exists()
    assert other.read_bytes() == STATE


def test_a_folder_in_the_place_of_a_state_is_named(store: LocalStateStore, state: Path) -> None:
    """By its path, also where the system's error has the number of an open file only."""
    state.unlink()
    state.mkdir()
    with pytest.raises(NeedsPerson) as refused:
        store.read(KEY)
    assert str(refused.value) == f"{state} is in the way: move it elsewhere."


def test_pruning_leaves_no_empty_folders(store: LocalStateStore, folder: Path, state: Path) -> None:
    store.archive(KEY, NOW)
    assert store.prune(datetime.now(UTC)) == 1
    assert list(folder.iterdir()) == []


def test_an_empty_state_is_none(store: LocalStateStore, folder: Path, state: Path) -> None:
    """Terraform's lock creates the file before there is a state."""
    state.write_bytes(b"")
    assert store.read(KEY) is None
    assert store.keys() == []
    store.archive(KEY, NOW)
    assert list(folder.iterdir()) == []


def test_a_copy_that_cannot_be_written_keeps_the_state(
    store: LocalStateStore, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Transient, match="No space left on device"):
        store.archive(KEY, NOW)
    assert state.read_bytes() == STATE
    monkeypatch.undo()
    store.archive(KEY, NOW)
    assert store.read(KEY) is None


@pytest.mark.parametrize("key", ["../outside/terraform.tfstate", "/etc/passwd", "acme/../../x.tfstate"])
def test_a_key_stays_within_the_folder(store: LocalStateStore, key: str) -> None:
    for ask in (store.read, store.lock):
        with pytest.raises(NeedsPerson, match="leaves the state folder"):
            ask(key)
    with pytest.raises(NeedsPerson, match="leaves the state folder"):
        store.archive(key, NOW)


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(EnvmgrError, match=f"{tmp_path}/state is in the way"):
        LocalStateStore({"path": str(tmp_path / "state")}, {}).ensure()


REWRITE = """
import fcntl, sys, time
with open(sys.argv[1], "r+b") as file:
    fcntl.lockf(file, fcntl.LOCK_EX)
    whole = file.read()
    file.seek(0)
    file.truncate(0)
    file.write(whole[: int(sys.argv[2])])
    file.flush()
    print("cut off", flush=True)
    time.sleep(0.2)
    file.write(whole[int(sys.argv[2]) :])
    file.flush()
    sys.stdin.read()
"""


@pytest.mark.parametrize("size", [0, 20])
def test_a_state_that_is_being_rewritten_is_read_whole(tmp_path: Path, size: int) -> None:
    """Terraform truncates and writes it in place, under its lock."""
    path = tmp_path / "acme" / "terraform.tfstate"
    path.parent.mkdir()
    path.write_text('{\n  "version": 4,\n  "serial": 7,\n  "lineage": "one",\n  "resources": []\n}\n')
    argv = [sys.executable, "-c", REWRITE, str(path), str(size)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "cut off\n"

        state = LocalStateStore({"path": str(tmp_path)}, {}).read("acme/terraform.tfstate")

        writer.communicate()
    assert state is not None
    assert state.serial == 7


def test_what_is_no_plain_file_is_not_followed(store: LocalStateStore, folder: Path, state: Path) -> None:
    """Code of a branch may write beside its state: a link would lead to another's, a pipe would be waited for."""
    other = folder / "acme/shop/bob/terraform.tfstate"
    other.parent.mkdir(parents=True)
    other.write_bytes(STATE)
    puts: list[Callable[[], None]] = [
        lambda: state.symlink_to(other),
        lambda: os.mkfifo(state),
        lambda: state.symlink_to("absent"),
    ]
    looks: list[Callable[[str], object]] = [
        store.read,
        store.get,
        store.lock,
        lambda key: store.archive(key, NOW),
    ]
    for put in puts:
        state.unlink()
        put()
        for look in looks:
            with pytest.raises(NeedsPerson, match="is a link or no plain file"):
                look(KEY)
    state.unlink()
    (state.parent / "web").symlink_to(other.parent)
    with pytest.raises(NeedsPerson, match="is a link or no plain file"):
        store.read(f"{Path(KEY).parent}/web/terraform.tfstate")
    assert other.read_bytes() == STATE


def test_a_state_outlives_a_power_cut_in_a_folder_that_was_just_made(
    store: LocalStateStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With each folder above it: on disk without its name in the one above, it is nowhere."""
    disk = Disk(monkeypatch)
    store.create(KEY, STATE)
    assert disk.holds(folder / KEY, folder)
