"""Files that lie where code of a branch may write: read only where they are files, and never without bounds."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from envmgr.host.strange import content


def test_a_plain_file_is_read_up_to_its_bound(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"12345")
    assert content(file, 5) == b"12345"
    assert content(file, 4) is None
    assert content(tmp_path / "missing", 4) is None


STRANGE: dict[str, Callable[[Path], object]] = {
    "a pipe": os.mkfifo,
    "a folder": Path.mkdir,
    "a link": lambda path: path.symlink_to("/etc/hostname"),
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a socket": lambda path: socket.socket(socket.AF_UNIX).bind(str(path)),
    "a huge file": lambda path: os.truncate(os.open(path, os.O_CREAT | os.O_WRONLY), 2**30),
}


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("make", STRANGE.values(), ids=STRANGE)
@pytest.mark.timeout(60)
def test_all_else_is_neither_followed_nor_waited_for(tmp_path: Path, make: Callable[[Path], object]) -> None:
    path = tmp_path / "file"
    make(path)
    assert content(path, 1000) is None
