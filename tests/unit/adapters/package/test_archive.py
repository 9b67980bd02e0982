"""A folder as a zip file: exact, the same each time, and nothing from outside the checkout."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest

from envmgr.adapters.package import archive
from envmgr.adapters.package.archive import OLDEST, Date, Sizes, packed
from envmgr.domain.errors import Interrupted, NeedsPerson
from envmgr.host.uploads.folder import Folder

MEBIBYTE = 1024 * 1024
SIZES = Sizes(packed=MEBIBYTE, unpacked=2 * MEBIBYTE, advice="use S3")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with two files in `build`."""
    folder = tmp_path / "checkout"
    (folder / "build" / "lib").mkdir(parents=True)
    (folder / "build" / "main.py").write_text("print('hello')\n")
    (folder / "build" / "lib" / "run").write_text("#!/bin/sh\n")
    (folder / "build" / "lib" / "run").chmod(0o700)
    return folder


def pack(
    checkout: Path,
    folder: str = "build",
    sizes: Sizes = SIZES,
    date: Date = OLDEST,
    check: Callable[[], None] = lambda: None,
) -> tuple[bytes, dict[str, tuple[bytes, int]]]:
    """The zip file's bytes, and content and mode by name."""
    temporary = checkout.parent / "temporary"
    temporary.mkdir(exist_ok=True)
    with packed(Folder(checkout, checkout / folder), temporary, sizes, date, check) as made:
        assert not list(temporary.iterdir()), "the file has no name that somebody else could open"
        content = made.file.read()
        assert made.size == len(content)
        with ZipFile(made.file) as zipped:
            assert zipped.testzip() is None
            assert made.files == len(zipped.infolist())
            return content, {i.filename: (zipped.read(i), i.external_attr >> 16) for i in zipped.infolist()}


def refused(checkout: Path, folder: str = "build", sizes: Sizes = SIZES) -> str:
    """The sentence of a refusal."""
    with pytest.raises(NeedsPerson) as caught:
        pack(checkout, folder, sizes)
    return str(caught.value)


def test_files_keep_their_content_and_whether_they_run(checkout: Path) -> None:
    (checkout / "build" / "main.py").chmod(0o600)
    assert pack(checkout)[1] == {
        "lib/run": (b"#!/bin/sh\n", stat.S_IFREG | 0o755),
        "main.py": (b"print('hello')\n", stat.S_IFREG | 0o644),
    }


def test_equal_folders_give_equal_bytes(checkout: Path) -> None:
    """Whenever and in whatever order their files were written; one other byte gives others."""
    first, _ = pack(checkout)
    other = checkout.parent / "other"
    (other / "build").mkdir(parents=True)
    (other / "build" / "main.py").write_text("print('hello')\n")
    (other / "build" / "lib").mkdir()
    (other / "build" / "lib" / "run").write_text("#!/bin/sh\n")
    (other / "build" / "lib" / "run").chmod(0o755)
    os.utime(other / "build" / "main.py", (1, 1))
    assert pack(other)[0] == first
    (other / "build" / "main.py").write_text("print('hullo')\n")
    assert pack(other)[0] != first


def test_every_file_carries_the_date(checkout: Path) -> None:
    assert pack(checkout, date=(2024, 5, 6, 7, 8, 10))[0] != pack(checkout)[0]
    assert archive.now()[0] >= 2024


def test_the_root_goes_without_git(checkout: Path) -> None:
    (checkout / ".git").mkdir()
    (checkout / ".git" / "config").write_text("[credential]")
    (checkout / "build" / ".git").write_text("gitdir: elsewhere")
    assert set(pack(checkout, ".")[1]) == {"build/main.py", "build/lib/run"}


def test_links_within_the_checkout_are_followed(checkout: Path) -> None:
    (checkout / "shared").mkdir()
    (checkout / "shared" / "a.txt").write_text("a")
    (checkout / "build" / "shared").symlink_to("../shared")
    (checkout / "build" / "b.txt").symlink_to("../shared/a.txt")
    names = pack(checkout)[1]
    assert names["shared/a.txt"][0] == names["b.txt"][0] == b"a"


@pytest.mark.parametrize("target", ["/etc", "/etc/passwd", "../../secret", "../.."])
def test_a_link_out_of_the_checkout_is_refused(checkout: Path, target: str) -> None:
    (checkout.parent / "secret").write_text("s3cr3t")
    (checkout / "build" / "x").symlink_to(target)
    assert "build/x is a link that leads out of the checkout" in refused(checkout)


def test_the_folder_itself_is_no_way_out(checkout: Path) -> None:
    (checkout / "out").symlink_to("/etc")
    assert "out is a link that leads out of the checkout" in refused(checkout, "out")


def test_a_link_that_is_turned_while_files_are_packed_is_refused(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an earlier step left running may do so: what was opened counts, not what was looked at."""
    (checkout.parent / "secret").write_text("s3cr3t")
    opened = os.open

    def turn(path: str | Path, flags: int, mode: int = 0o777) -> int:
        if Path(path).name == "main.py":
            Path(path).unlink()
            Path(path).symlink_to("../../secret")
        return opened(path, flags, mode)

    monkeypatch.setattr(os, "open", turn)
    assert "build/main.py is a link that leads out" in refused(checkout)


def test_a_link_in_a_circle_ends(checkout: Path) -> None:
    (checkout / "build" / "lib" / "again").symlink_to("..")
    assert "build/lib/again leads back" in refused(checkout)


def test_what_is_no_file_is_refused_and_does_not_hang(checkout: Path) -> None:
    os.mkfifo(checkout / "build" / "pipe")
    assert "build/pipe is not a regular file" in refused(checkout)


def test_a_link_to_nowhere_is_named(checkout: Path) -> None:
    (checkout / "build" / "gone").symlink_to("nothing")
    assert refused(checkout) == "build/gone cannot be packed: No such file or directory."


def test_a_name_that_is_no_text_is_refused(checkout: Path) -> None:
    Path(os.fsdecode(os.fsencode(checkout / "build") + b"/\xff")).write_text("x")
    assert "its name is not UTF-8" in refused(checkout)


def test_a_missing_and_an_empty_folder_are_told_apart(checkout: Path) -> None:
    (checkout / "empty" / "below").mkdir(parents=True)
    assert "there is no folder dist; does a step before make it?" in refused(checkout, "dist")
    assert "the folder empty holds no files" in refused(checkout, "empty")
    assert "there is no folder build/main.py" in refused(checkout, "build/main.py")


def test_too_much_is_told_with_what_to_do(checkout: Path) -> None:
    """Noise is too large packed, zeros only unpacked."""
    (checkout / "build" / "noise").write_bytes(os.urandom(MEBIBYTE + 1))
    assert refused(checkout) == (
        "the folder build is larger than 1 MiB packed, the most that can be sent: use S3."
    )
    (checkout / "build" / "noise").write_bytes(bytes(2 * MEBIBYTE))
    assert "build is larger than 2 MiB unpacked" in refused(checkout)


def test_a_file_that_grows_while_it_is_packed_ends_where_it_was_to(checkout: Path) -> None:
    """What an earlier step left running may write to it for ever."""
    growing = checkout / "build" / "main.py"
    before = growing.read_bytes()

    def grow() -> None:
        with growing.open("ab") as file:
            file.write(bytes(1000))

    content, there = pack(checkout, check=grow)[1]["main.py"][0], growing.stat().st_size
    assert there > len(before)
    assert len(content) < there, "it grew, at the latest, while it was read"
    assert content.startswith(before)


def test_packing_can_be_stopped(checkout: Path) -> None:
    def stop() -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        pack(checkout, check=stop)
