"""Files that a person names: read whole, or refused with the reason."""

import os
from pathlib import Path

import pytest

from envmgr.domain.errors import UsageError
from envmgr.host.given import read_given

MIB = 2**20
NO_FILE = "is not a regular file: write a state into one first."


def refused(file: Path) -> str:
    """Why it is not read."""
    with pytest.raises(UsageError) as caught:
        read_given(file, MIB, "a state")
    return str(caught.value).removeprefix(f"{file} ")


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    file = tmp_path / "given"
    file.write_bytes(b"x" * MIB)
    assert read_given(file, MIB, "a state") == b"x" * MIB
    file.write_bytes(b"x" * (MIB + 1))
    assert refused(file) == "has more than 1 MiB, which is too much for a state."


@pytest.mark.timeout(60)
def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    """A pipe that nobody writes to would be waited for without end."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    assert refused(tmp_path / "pipe") == NO_FILE
    assert refused(Path("/dev/zero")) == NO_FILE
    assert refused(tmp_path / "folder") == "cannot be read (Is a directory)."
    assert refused(tmp_path / "missing") == "cannot be read (No such file or directory)."
