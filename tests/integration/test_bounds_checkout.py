"""Invariant 14: an environment's working folder holds what Terraform can read, not the whole branch."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from envmgr.adapters.git.mirrors import Mirrors
from envmgr.domain.values.environment import Status
from envmgr.domain.values.names import RepositoryId
from envmgr.engine.source.reach import reaches_outside
from envmgr.ports import Remote
from tests.support.engine import MODULE, Engine, code
from tests.support.git_repository import GitRepository
from tests.support.store import having

SHOP = RepositoryId("acme", "shop")
LARGE = 200_000_000
READS = 'output "read" { value = join(" ", fileset(%s, "*.json")) }'


def files(folder: Path) -> set[str]:
    """The paths of all files in a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def disk_bytes(folder: Path) -> int:
    """What a folder's files take on the disk."""
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*"))


def test_a_large_file_outside_the_terraform_folder_is_in_no_working_folder(engine: Engine) -> None:
    """200 MB in the branch: only the mirror has them, once, and compressed."""
    shop = engine.repository()
    large = shop.commit("main", {"assets/film.bin": bytes(LARGE)})
    shop.point(["env-alice", "env-bob"], large)
    for name in ("alice", "bob"):
        shop.commit(f"env-{name}", code())

    engine.turn()

    assert engine.statuses() == {"alice": "ready", "bob": "ready"}
    source = engine.data / "workspaces" / "acme" / "shop" / "alice" / "source"
    assert {path.split("/")[0] for path in files(source)} == {"terraform"}
    assert disk_bytes(engine.data / "workspaces") < LARGE / 5
    assert disk_bytes(engine.data / "mirrors") < 10_000_000


@pytest.mark.parametrize(
    ("directory", "expected"),
    [
        ("terraform", {"terraform/main.tf", "terraform/sub/x.tf", "terraform/crlf.txt"}),
        ("in*f[r]a\\?/de ep", {"in*f[r]a\\?/de ep/main.tf"}),
        (".", None),
    ],
)
def test_a_checkout_holds_exactly_what_is_below_its_folder(
    git_root: Path, tmp_path: Path, directory: str, expected: set[str] | None
) -> None:
    """At its place, by the attributes of the whole commit; a folder's name is no pattern."""
    every: dict[str, str | bytes | None] = {
        ".gitattributes": "crlf.txt text eol=crlf\n",
        "terraform/main.tf": "#",
        "terraform/sub/x.tf": "#",
        "terraform/crlf.txt": "a\nb\n",
        "terraform2/main.tf": "#",
        "sub/terraform/main.tf": "#",
        "in*f[r]a\\?/de ep/main.tf": "#",
        "inxfra\\x/de ep/main.tf": "#",
    }
    shop = GitRepository.create(git_root / "shop.git")
    commit = shop.commit("main", every)
    mirrors = Mirrors(tmp_path / "mirrors")
    mirrors.fetch(Remote(repository=SHOP, url=shop.url), {"main": commit})
    place = tmp_path / "alice"
    place.mkdir()
    (place / "left over").touch()

    mirrors.checkout(SHOP, commit, place, directory)

    assert files(place) == (set(every) if expected is None else expected)
    if directory == "terraform":
        assert (place / "terraform/crlf.txt").read_bytes() == b"a\r\nb\r\n"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("reach", ['"${path.module}/.."', "dirname(abspath(path.module))"])
def test_code_that_reaches_outside_has_the_whole_branch_and_its_destroy_too(
    engine: Engine, reach: str
) -> None:
    """However it does: files it would not find would silently be no files."""
    shop = engine.repository()
    shop.commit("env-alice", code({"terraform/read.tf": READS % reach, "settings.json": "{}"}))
    engine.turn()
    alice = engine.environment("alice")
    assert alice.applied.outputs["read"].value == "settings.json", alice.message
    assert alice.claim is not None
    assert alice.claim.source.scope == "."
    shop.delete("env-alice")

    engine.turn(2, seconds=30)
    engine.turn(minutes=5)

    assert engine.environment("alice").status is Status.DESTROYED, engine.environment("alice").message


def test_a_destroy_finds_what_an_apply_of_an_earlier_version_read(engine: Engine) -> None:
    """A claim may name a folder though its code reads outside it: the code decides, not the record."""
    shop = engine.repository()
    module = MODULE + 'locals { text = file("${path.module}/../settings.json") }'
    shop.commit("env-alice", code({"settings.json": "{}"}, module))
    engine.turn()
    store, alice = engine.application.services.store, engine.environment("alice")
    assert alice.claim is not None
    source = replace(alice.claim.source, tree="a" * 40, scope="terraform")
    claim = replace(alice.claim, source=source)
    store.update(alice.id, None, engine.clock(), having(claim=claim))
    shop.delete("env-alice")

    engine.turn(2, seconds=30)
    engine.turn(minutes=5)

    assert engine.environment("alice").status is Status.DESTROYED, engine.environment("alice").message


@pytest.mark.parametrize(
    ("content", "outside"),
    [
        ({"main.tf": 'source = "../net"'}, True),
        ({"main.tf": '"${path.module}/.."'}, True),
        ({"main.tf": 'dirname("x")'}, True),
        ({"main.tf": "concat(var.a...) # and so on... a..b"}, False),
        ({"main.tf": "", "scripts/run.sh": "cd .. && make"}, True),
        ({"main.tf": "", "scripts/run.sh": 'cd "$(dirname "$0")"'}, False),
        ({"main.tf": "", "page.tftpl": '${file("../x")}'}, True),
        ({"main.tf": "", "prod.tfvars.json": '{"path": "../x"}'}, True),
        ({"main.tf": "", "README.md": "see ../README.md"}, False),
        ({"main.tf": "", "data.zip": "x" * 2_000_000 + " ../x"}, False),
        ({"main.tf": "#" * 17_000_000}, True),
    ],
)
def test_what_counts_as_reaching_outside(tmp_path: Path, content: Mapping[str, str], outside: bool) -> None:
    """Paths with `..`, in code and in what code may run or read; in doubt it does."""
    for name, text in content.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert reaches_outside(tmp_path) is outside


def test_a_symlink_counts_as_reaching_outside(tmp_path: Path) -> None:
    """Wherever it leads."""
    (tmp_path / "main.tf").symlink_to("elsewhere")
    assert reaches_outside(tmp_path)
