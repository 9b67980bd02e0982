"""The copy that is kept before an upgrade."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from envmgr.adapters.store.sqlite import copy
from tests.support.on_disk import Disk


def test_the_copy_before_an_upgrade_outlives_a_power_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The upgrade is on disk with its commit: without the copy there would be no way back."""
    file, kept = tmp_path / "envmgr.db", tmp_path / "envmgr.db.before-1"
    with closing(sqlite3.connect(file)) as made:
        made.execute("CREATE TABLE each (number)")
    disk = Disk(monkeypatch)
    copy(file, kept)
    assert disk.holds(kept, tmp_path)
