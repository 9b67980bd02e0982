"""The operating system's errors as sentences, and files that are written whole or not at all."""

import errno
from pathlib import Path

import pytest

from envmgr.domain.errors import Transient
from envmgr.host.system import sentences, told, write_private
from tests.support.on_disk import Disk


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device"),
            "It fails: /srv: No space left on device. To fix that, make room on that disk.",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied", "/etc/\x1b[2Jkey"),
            "It fails: /etc/\\x1b[2Jkey: Permission denied. To fix that, let envmgr's user use it.",
        ),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "It fails: Connection refused; it will be tried again."),
        (TimeoutError("timed out"), "It fails: timed out; it will be tried again."),
        (TimeoutError(), "It fails: TimeoutError; it will be tried again."),
    ],
)  # fmt: skip
def test_it_says_where_why_and_what_to_do(error: OSError, sentence: str) -> None:
    assert str(told(error, "It fails", Path("/srv"))) == sentence


def test_only_a_closed_pipe_goes_on_as_it_is() -> None:
    with pytest.raises(BrokenPipeError), sentences():
        raise BrokenPipeError
    with (
        pytest.raises(Transient, match=r"^The operating system refuses: /nowhere: No such file"),
        sentences(),
    ):
        Path("/nowhere").read_text()


def test_a_file_is_whole_and_private_or_as_it_was(tmp_path: Path) -> None:
    """What could not be written leaves nothing behind, and names the file, not its forerunner."""
    file = tmp_path / "file"
    write_private(file, "old")
    write_private(file, b"new")
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("new", 0o600)
    folder = tmp_path / "folder"
    (folder / "full").mkdir(parents=True)
    with pytest.raises(Transient, match=rf"^It fails: {folder}: Is a directory"):
        write_private(folder, "new", "It fails")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_what_is_durable_is_on_disk_with_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rename that is not may be undone by a power cut: then the content is under no name."""
    disk = Disk(monkeypatch)
    write_private(tmp_path / "key", "said", durable=True)
    write_private(tmp_path / "note", "said")
    assert disk.holds(tmp_path / "key", tmp_path)
    assert not disk.holds(tmp_path / "note", tmp_path)
