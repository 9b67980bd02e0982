"""Where a path leads to, in the same words on every Python."""

import errno
from pathlib import Path

import pytest

from envmgr.host.links import followed


@pytest.mark.parametrize("name", ["loop", "one", "one/below", "loop/below/it"])
def test_links_in_a_circle_are_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "one").symlink_to("other")
    (tmp_path / "other").symlink_to("one")
    with pytest.raises(OSError, match="symbolic links") as caught:
        followed(tmp_path / name)
    assert caught.value.errno == errno.ELOOP


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("file", "file"),
        ("link", "file"),
        ("far", "folder/nothing"),
        ("nothing", "nothing"),
        ("file/x", "file/x"),
    ],
)
def test_where_others_lead_is_said_also_to_nothing(tmp_path: Path, name: str, target: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "far").symlink_to("folder/nothing")
    assert followed(tmp_path / name) == tmp_path.resolve() / target
