"""Invariant 14: a disk that is really full stops new runs with a clear message and loses no state."""

from pathlib import Path

import pytest

from tests.integration.full_disk import STORIES
from tests.support.small_disk import run_on

MEGABYTES = 80


@pytest.mark.parametrize("story", STORIES)
def test_a_full_disk_loses_nothing(story: str, tmp_path: Path, terraform_binary: str) -> None:
    """Whenever it fills up: the record says where and what to do, and with room again all converges."""
    del terraform_binary  # asked for only so that the test is skipped without it
    disk, folder = tmp_path / "disk", tmp_path / "folder"
    disk.mkdir()
    folder.mkdir()
    run_on(disk, MEGABYTES, "tests.integration.full_disk", story, str(disk), str(folder))
