"""What a repository may ask of this host: counted before it is used, and refused with the limit's name."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from envmgr.adapters.git.mirrors import Mirrors
from envmgr.domain.errors import NeedsOperator, NeedsPerson
from envmgr.domain.values.names import RepositoryId
from envmgr.ports import GitLimits, Remote
from tests.support.git_objects import commit_of, entry, tree_of
from tests.support.git_repository import GitRepository
from tests.support.git_server import GitServer

SHOP = RepositoryId("acme", "shop")
MIB = 1024**2


@pytest.fixture
def shop(git_root: Path) -> GitRepository:
    repository = GitRepository.create(git_root / "shop.git")
    repository.commit("main", {"terraform/main.tf": "#"})
    return repository


def fetched(tmp_path: Path, shop: GitRepository, commit: str, **limits: int) -> Mirrors:
    """Mirrors with such limits that have a commit."""
    shop.point(["env-a"], commit)
    mirrors = Mirrors(tmp_path / "mirrors", limits=lambda _: GitLimits(**limits))
    mirrors.fetch(Remote(repository=SHOP, url=shop.url), {"env-a": commit})
    return mirrors


def blob(shop: GitRepository) -> str:
    return shop.git("hash-object", "-w", "--stdin", stdin=b"x")


def bomb(shop: GitRepository, depth: int, *, empty: bool = False) -> str:
    """A commit of few objects that has 10 to the power of `depth` files, or folders without a file."""
    mode, name = ("40000", tree_of(shop, [])) if empty else ("100644", blob(shop))
    for _ in range(depth):
        mode, name = "40000", tree_of(shop, [entry(mode, f"f{i}", name) for i in range(10)])
    return commit_of(shop, name)


@pytest.mark.parametrize("empty", [False, True])
def test_of_a_tree_that_means_a_billion_files_none_is_written(
    tmp_path: Path, shop: GitRepository, empty: bool
) -> None:
    """Eleven objects; git's own index of them would take more than 100 GB."""
    mirrors = fetched(tmp_path, shop, commit := bomb(shop, 9, empty=empty))
    for scope in (".", "f0"):
        with pytest.raises(NeedsOperator, match=r"more than 200000 files.*limits\.git\.files"):
            mirrors.checkout(SHOP, commit, tmp_path / "checkout", scope)
    assert not (tmp_path / "checkout").exists()
    assert [path.name for path in tmp_path.iterdir() if "checkout" in path.name] == []
    # And a question about it ends as well.
    assert mirrors.changed(SHOP, shop.head("main") or "", commit) is None


def test_files_are_counted_and_measured(tmp_path: Path, shop: GitRepository) -> None:
    """By what would be written: the same content twice is twice as much."""
    commit = shop.commit("env-a", {f"data/{i}": bytes(1000) for i in range(10)})
    mirrors = fetched(tmp_path, shop, commit, files=10, size=10_000)
    with pytest.raises(NeedsOperator, match="holds more than 10 files"):
        mirrors.checkout(SHOP, commit, tmp_path / "checkout")
    mirrors.checkout(SHOP, commit, tmp_path / "checkout", "data")
    mirrors = fetched(tmp_path, shop, commit, files=11, size=9_999)
    with pytest.raises(
        NeedsOperator, match=r"files of commit .* have 10KB in all, and at most 9999B.*limits\.git\.size"
    ):
        mirrors.checkout(SHOP, commit, tmp_path / "checkout", "data")


def test_git_gets_no_more_memory_than_it_may(tmp_path: Path, shop: GitRepository) -> None:
    """A commit's object is read as a whole, whatever it says."""
    commit = commit_of(shop, shop.git("rev-parse", "main^{tree}"), "x" * (40 * MIB))
    mirrors = fetched(tmp_path, shop, commit, memory=1024 * MIB)
    mirrors = Mirrors(tmp_path / "mirrors", limits=lambda _: GitLimits(memory=32 * MIB))
    with pytest.raises(NeedsOperator, match=r"git needs more memory than the 32MiB.*limits\.git\.memory"):
        mirrors.inspect(SHOP, commit, None, "x", 9)


@pytest.mark.parametrize("over_http", [False, True])
def test_refs_are_counted(
    tmp_path: Path, shop: GitRepository, git_server: GitServer, over_http: bool
) -> None:
    shop.point([f"b-{i}" for i in range(30)], shop.head("main") or "")
    url = git_server.http_url("shop") if over_http else shop.url
    there = Remote(repository=SHOP, url=url)
    few = Mirrors(tmp_path / "m", limits=lambda _: GitLimits(refs=20))
    enough = Mirrors(tmp_path / "m", limits=lambda _: GitLimits(refs=40))
    with pytest.raises(NeedsOperator, match=r"more than 20 refs; .*limits\.git\.refs"):
        few.listing(there, ["env-*"], None)
    assert enough.listing(there, ["env-*"], None).default_branch == "main"


class _Endless(BaseHTTPRequestHandler):
    """A server that sends refs without end."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/x-git-upload-pack-advertisement")
        self.end_headers()
        ref = b"%s refs/heads/env-BBBBBB%%03d" % (b"a" * 40)
        length = len(ref % 0) + 5
        # Made once: a server that is slow to make them is given up for its time, and not for what it sends.
        lines = b"".join(b"%04x" % length + ref % i + b"\n" for i in range(1000))
        try:
            self.wfile.write(b"001e# service=git-upload-pack\n0000")
            first = b"a" * 40 + b" HEAD\0symref=HEAD:refs/heads/env-000000000\n"
            self.wfile.write(b"%04x" % (len(first) + 4) + first)
            for block in range(1_000_000):
                self.wfile.write(lines.replace(b"BBBBBB", b"%06d" % block))
        except OSError:
            return

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def endless() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Endless)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/shop.git"
    finally:
        server.shutdown()
        server.server_close()


def test_a_server_that_sends_refs_without_end_is_given_up(tmp_path: Path) -> None:
    """By the memory of git, which holds all of them before it prints the first."""
    mirrors = Mirrors(tmp_path / "mirrors", limits=lambda _: GitLimits(refs=1000))
    with endless() as url, pytest.raises(NeedsOperator, match="more than 1000 refs"):
        mirrors.listing(Remote(repository=SHOP, url=url), ["env-*"], None)


NAMES: list[tuple[str, list[str]]] = [
    (".git", [".git"]),
    (".GIT", [".GIT"]),
    ("git~1", ["git~1"]),
    ("HFS", [".g\u200cit"]),
    ("..", [".."]),
    (".", ["."]),
    ("a slash", ["a/b"]),
    ("out by a slash", ["../../out"]),
    ("absolute", ["/tmp/out"]),
    ("twice", ["same", "same"]),
    ("too long", ["x" * 300]),
]


@pytest.mark.parametrize(("case", "names"), NAMES, ids=[case for case, _ in NAMES])
@pytest.mark.parametrize("kind", ["file", "folder", "submodule"])
def test_a_tree_that_is_none_of_files_in_folders_is_refused(
    tmp_path: Path, shop: GitRepository, case: str, names: list[str], kind: str
) -> None:
    """With one sentence for a person, and nothing is written."""
    inner = tree_of(shop, [entry("100755", "config", blob(shop))])
    what = {
        "file": ("100644", blob(shop)),
        "folder": ("40000", inner),
        "submodule": ("160000", "ab" * 20),
    }[kind]
    tree = tree_of(shop, [entry(what[0], name, what[1]) for name in names])
    commit = commit_of(shop, tree_of(shop, [entry("40000", "terraform", tree)]))
    mirrors = fetched(tmp_path, shop, commit)
    for scope in (".", "terraform"):
        with pytest.raises(NeedsPerson, match="is malformed") as told:
            mirrors.checkout(SHOP, commit, tmp_path / "place/checkout", scope)
        assert not isinstance(told.value, NeedsOperator), told.value
    assert not (tmp_path / "place/checkout").exists()
    assert not Path("/tmp/out").exists()


@pytest.mark.parametrize(("depth", "said"), [(1100, "a path in it is too long")])
def test_folders_that_are_nested_too_deep_are_refused(
    tmp_path: Path, shop: GitRepository, depth: int, said: str
) -> None:
    name = shop.git("rev-parse", "main^{tree}")
    for _ in range(depth):
        name = tree_of(shop, [entry("40000", "d", name)])
    mirrors = fetched(tmp_path, shop, commit := commit_of(shop, name))
    with pytest.raises(NeedsPerson, match=said):
        mirrors.checkout(SHOP, commit, tmp_path / "checkout")


def test_a_link_in_place_of_the_folder_is_not_written(tmp_path: Path, shop: GitRepository) -> None:
    link = entry("120000", "terraform", shop.git("hash-object", "-w", "--stdin", stdin=b"/etc"))
    commit = commit_of(shop, tree_of(shop, [link]))
    mirrors = fetched(tmp_path, shop, commit)
    mirrors.checkout(SHOP, commit, tmp_path / "checkout", "terraform")
    assert list((tmp_path / "checkout").iterdir()) == []


def test_git_ends_where_it_is_read_no_further(tmp_path: Path, shop: GitRepository) -> None:
    """No process of it is left."""
    mirrors = fetched(tmp_path, shop, commit := bomb(shop, 8))
    with pytest.raises(NeedsOperator):
        mirrors.checkout(SHOP, commit, tmp_path / "checkout")
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert f"ls-tree -r -l -z --full-tree {commit}" not in running
