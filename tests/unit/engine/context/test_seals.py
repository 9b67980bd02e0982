"""The data folder's own key: what is sealed by it is worth nothing without."""

from pathlib import Path

import pytest

from envmgr.engine.context.layout import Layout
from envmgr.engine.context.seals import seal_of
from tests.support.on_disk import Disk


def test_the_key_outlives_a_power_cut_before_anything_is_sealed_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bundles may be elsewhere at once: a key that is gone would leave all of them unproven."""
    disk, layout = Disk(monkeypatch), Layout(tmp_path)
    first = seal_of(None, layout, {})
    assert disk.holds(layout.bundle_key, tmp_path)
    assert seal_of(None, layout, {}).mark == first.mark
