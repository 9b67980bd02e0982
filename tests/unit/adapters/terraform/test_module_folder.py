"""The modules of a data folder, whatever a branch's own processes left there."""

import json
import os
import zipfile
from pathlib import Path

import pytest

from envmgr.adapters.terraform.modules import ModuleFolder
from envmgr.domain.errors import NeedsPerson


def made(data: Path, code: str = "one", **more: str) -> ModuleFolder:
    """A data folder with a module `net`, which calls a folder of its own, and `more` by their sources."""
    folder = data / "modules"
    (folder / "net" / "sub").mkdir(parents=True)
    (folder / "net" / ".git").mkdir()
    (folder / "net" / ".git" / "HEAD").write_text("ref")
    (folder / "net" / "main.tf").write_text(code)
    (folder / "net" / "sub" / "main.tf").write_text("sub")
    entries = [
        {"Key": "", "Source": "", "Dir": "."},
        {"Key": "local", "Source": "./local", "Dir": "local"},
        {"Key": "net", "Source": "git::https://example.com/net?ref=main", "Dir": str(folder / "net")},
        {"Key": "net.sub", "Source": "./sub", "Dir": str(folder / "net" / "sub")},
    ]
    for key, source in more.items():
        (folder / key).mkdir()
        (folder / key / "main.tf").write_text(key)
        entries.append({"Key": key, "Source": source, "Dir": str(folder / key)})
    (folder / "modules.json").write_text(json.dumps({"Modules": entries}))
    return ModuleFolder(data)


def test_they_are_known_by_their_code_wherever_they_are(tmp_path: Path) -> None:
    """Not by what Terraform or git left beside it."""
    here, there = made(tmp_path / "a"), made(tmp_path / "b")
    (tmp_path / "b" / "modules" / "net" / ".git" / "HEAD").write_text("another")
    (tmp_path / "b" / "modules" / "old").mkdir()
    (tmp_path / "b" / "modules" / "old" / "main.tf").write_text("of an earlier commit")
    assert here.digest() == there.digest() != ""
    assert made(tmp_path / "c", "two").digest() != here.digest()
    assert ModuleFolder(tmp_path / "nothing").digest() == ""


def test_a_module_may_have_links_to_its_own_files(tmp_path: Path) -> None:
    here, there = made(tmp_path / "a"), made(tmp_path / "b")
    before = here.digest()
    for folder in ("a", "b"):
        (tmp_path / folder / "modules/net/versions.tf").symlink_to("sub/main.tf")
    assert before != here.digest() == there.digest()
    packed = tmp_path / "packed"
    here.pack(packed)
    there.unpack(packed)
    assert (tmp_path / "b/modules/net/versions.tf").read_text() == "sub"
    assert there.digest() == here.digest()


def test_no_more_is_read_than_modules_are(tmp_path: Path) -> None:
    here = made(tmp_path / "a")
    with (tmp_path / "a/modules/net/huge").open("wb") as file:
        file.truncate(2 * 1024**3)
    for read in (here.digest, lambda: here.pack(tmp_path / "packed")):
        with pytest.raises(NeedsPerson, match="more than 200,000 files or 1GiB"):
            read()


def test_they_come_back_as_they_were(tmp_path: Path) -> None:
    here, there = made(tmp_path / "a"), made(tmp_path / "b", "two")
    packed = tmp_path / "packed"
    here.pack(packed)
    there.unpack(packed)
    assert there.digest() == here.digest()
    listed = json.loads((tmp_path / "b" / "modules" / "modules.json").read_text())["Modules"]
    assert {e["Dir"] for e in listed} == {
        ".",
        "local",
        str(tmp_path / "b/modules/net"),
        str(tmp_path / "b/modules/net/sub"),
    }
    with pytest.raises(NeedsPerson, match="cannot be read"):
        there.unpack(packed, 3)


@pytest.mark.parametrize(
    ("source", "moves"),
    [
        ("git::https://example.com/m.git", True),
        ("git::https://example.com/m.git?ref=main", True),
        ("git::https://example.com/m.git?ref=release-1", True),
        ("git::https://example.com/m.git?ref=v1.2.3", False),
        ("git::https://example.com/m.git//sub?ref=1.2", False),
        ("git::https://example.com/m.git?depth=1&ref=" + "a" * 40, False),
        ("https://example.com/m.zip", True),
    ],
)
def test_a_ref_that_is_no_version_may_move(tmp_path: Path, source: str, moves: bool) -> None:
    folder = made(tmp_path, m=source)
    assert [m.key for m in folder.moving()] == ["net", *(["m"] if moves else [])]
    folder.forget_moving()
    assert [m.key for m in folder.elsewhere()] == ([] if moves else ["m"])


def test_links_pipes_and_names_that_are_no_text_lead_nowhere(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hush")
    folder, plain = made(tmp_path / "a"), made(tmp_path / "b")
    net = tmp_path / "a" / "modules" / "net"
    (net / "out.tf").symlink_to(secret)
    os.mkfifo(net / "pipe.tf")
    (net / os.fsdecode(b"\xff.tf")).write_text("x")
    assert folder.digest() == plain.digest()
    folder.pack(tmp_path / "packed")
    with zipfile.ZipFile(tmp_path / "packed") as archive:
        assert sorted(archive.namelist()) == [
            "modules.json",
            "modules/net/main.tf",
            "modules/net/sub/main.tf",
        ]


def test_a_link_in_the_folders_place_is_neither_read_nor_written_through(tmp_path: Path) -> None:
    packed = tmp_path / "packed"
    made(tmp_path / "a").pack(packed)
    elsewhere = made(tmp_path / "elsewhere")
    before = elsewhere.digest()
    for name in ("modules", "modules.new"):
        (tmp_path / "b").mkdir(exist_ok=True)
        (tmp_path / "b" / name).symlink_to(tmp_path / "elsewhere" / "modules")
    victim = ModuleFolder(tmp_path / "b")
    assert victim.digest() == ""
    victim.unpack(packed)
    assert victim.digest() != ""
    assert elsewhere.digest() == before
    assert not (tmp_path / "b" / "modules").is_symlink()


@pytest.mark.parametrize(
    "text", ["", "[]", '{"Modules": 1}', '{"Modules": [{"Key": 1}]}', "{" * 100_000, "\0"]
)
def test_a_list_that_is_none_lists_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "modules.json").write_text(text)
    assert ModuleFolder(tmp_path).digest() == ""
    assert ModuleFolder(tmp_path).moving() == []
