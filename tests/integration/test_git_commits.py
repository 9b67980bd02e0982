"""Commits in a mirror: inspected, checked out, kept, let go."""

import os
import stat
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from envmgr.adapters.git import objects
from envmgr.adapters.git.mirrors import Mirrors
from envmgr.domain.errors import NeedsOperator, NeedsPerson, Transient, UsageError
from envmgr.domain.values.names import EnvironmentId, RepositoryId
from envmgr.ports import CommitInfo, Remote
from tests.support.git_calls import count_git
from tests.support.git_objects import commit_of, entry, tree_of, written
from tests.support.git_repository import GitRepository

MakeRepository = Callable[[str], GitRepository]
SHOP = RepositoryId("acme", "shop")
ALICE = EnvironmentId("acme", "shop", "alice")
BOB = EnvironmentId("acme", "shop", "bob")
FILES: dict[str, str | bytes | None] = {
    "terraform/main.tf": "# tf\n",
    "terraform/deep/er/x.tf": "# x\n",
    ".envmgr.yaml": "ttl: 1d\n",
    "run.sh": "#!/bin/sh\n",
    "odd name\twith 'quotes' ünï": "odd\n",
    "crlf.txt": "a\r\nb\r\n",
    "binary": bytes(range(256)),
    ".gitattributes": "* filter=evil export-ignore\n*.txt -text\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "mirrors"


@pytest.fixture
def mirrors(folder: Path) -> Mirrors:
    return Mirrors(folder, timeout=timedelta(seconds=20))


@pytest.fixture
def shop(git_repository: MakeRepository) -> GitRepository:
    repository = git_repository("shop")
    repository.commit("main", {"README": "main\n"})
    return repository


@pytest.fixture
def there(shop: GitRepository) -> Remote:
    return Remote(repository=SHOP, url=shop.url)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


class TestInspection:
    @pytest.fixture
    def commit(self, mirrors: Mirrors, shop: GitRepository, there: Remote) -> str:
        commit = shop.commit("env-a", FILES, "First line\n\nMore\n")
        mirrors.fetch(there, {"env-a": commit})
        return commit

    def test_folders_files_and_authors(self, mirrors: Mirrors, shop: GitRepository, commit: str) -> None:
        tree = shop.git("rev-parse", f"{commit}:terraform")
        root = shop.git("rev-parse", f"{commit}^{{tree}}")
        for path, expected in {
            "terraform": tree,
            "./terraform/": tree,
            ".": root,
            "run.sh": None,
            "nothing": None,
        }.items():
            assert mirrors.inspect(SHOP, commit, path, ".envmgr.yaml", 99).tree == expected
        assert mirrors.read_file(SHOP, commit, ".envmgr.yaml", 99) == b"ttl: 1d\n"
        assert mirrors.read_file(SHOP, commit, "nothing", 99) is None
        assert mirrors.read_file(SHOP, commit, "binary", 256) == bytes(range(256))
        everything = mirrors.inspect(SHOP, commit, None, ".envmgr.yaml", 99)
        assert (everything.tree, everything.file) == (None, b"ttl: 1d\n")
        assert everything.info == CommitInfo(commit, "Test", "First line")
        assert mirrors.inspect(SHOP, commit, "terraform/deep", "nothing", 99).file is None

    def test_an_inspection_takes_one_process_and_its_file_is_known_from_then_on(
        self, mirrors: Mirrors, commit: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        started = count_git(monkeypatch)
        mirrors.inspect(SHOP, commit, "terraform", ".envmgr.yaml", 99)
        assert started == ["cat-file"]
        assert mirrors.read_file(SHOP, commit, ".envmgr.yaml", 99) == b"ttl: 1d\n"
        assert started == ["cat-file"]
        with pytest.raises(NeedsPerson, match="at most 3"):
            mirrors.read_file(SHOP, commit, ".envmgr.yaml", 3)

    @pytest.mark.parametrize(
        "directory", ["terraform", "terraform/deep", "run.sh", "nothing", "a b", ".", None]
    )
    @pytest.mark.parametrize(
        "file", [".envmgr.yaml", "nothing", "terraform/main.tf", "odd name\twith 'quotes' ünï"]
    )
    def test_one_process_says_what_two_say(
        self,
        mirrors: Mirrors,
        commit: str,
        monkeypatch: pytest.MonkeyPatch,
        directory: str | None,
        file: str,
    ) -> None:
        at_once = mirrors.inspect(SHOP, commit, directory, file, 99)
        monkeypatch.setattr(objects, "_at_once", lambda *_: None)
        assert mirrors.inspect(SHOP, commit, directory, file, 99) == at_once

    def test_a_tree_made_by_hand_is_not_read_at_once(
        self, mirrors: Mirrors, shop: GitRepository, there: Remote, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        blob = written(shop.path, b"blob", b"ttl: 1d\n")
        twice = tree_of(shop, [entry("100644", ".envmgr.yaml", blob), entry("100755", ".envmgr.yaml", blob)])
        commit = commit_of(shop, twice)
        shop.point(["env-twice"], commit)
        mirrors.fetch(there, {"env-twice": commit})
        started = count_git(monkeypatch)
        mirrors.inspect(SHOP, commit, None, ".envmgr.yaml", 99)
        assert started == ["cat-file", "ls-tree", "cat-file"]

    def test_an_endless_file_is_not_read_to_its_end(
        self, mirrors: Mirrors, shop: GitRepository, there: Remote
    ) -> None:
        commit = shop.commit("env-b", {".envmgr.yaml": "x" * 5 * 2**20})
        mirrors.fetch(there, {"env-b": commit})
        with pytest.raises(NeedsPerson, match=f"has {5 * 2**20} bytes; at most 99"):
            mirrors.inspect(SHOP, commit, None, ".envmgr.yaml", 99)

    def test_a_file_above_the_limit_is_refused(self, mirrors: Mirrors, commit: str) -> None:
        with pytest.raises(NeedsPerson, match="binary in acme/shop has 256 bytes; at most 255"):
            mirrors.read_file(SHOP, commit, "binary", 255)
        with pytest.raises(NeedsPerson, match="at most 3"):
            mirrors.inspect(SHOP, commit, "terraform", ".envmgr.yaml", 3)

    @pytest.mark.parametrize(("mode", "kind"), [("120000", "blob"), ("160000", "commit"), ("040000", "tree")])
    def test_what_is_no_regular_file_is_refused(
        self, mirrors: Mirrors, shop: GitRepository, there: Remote, mode: str, kind: str
    ) -> None:
        commit = odd_commit(shop, "env-odd", {".envmgr.yaml": (mode, kind)})
        mirrors.fetch(there, {"env-odd": commit})
        with pytest.raises(NeedsPerson, match=f"not a regular file .mode {mode}"):
            mirrors.read_file(SHOP, commit, ".envmgr.yaml", 99)
        with pytest.raises(NeedsPerson, match="not a regular file"):
            mirrors.inspect(SHOP, commit, ".", ".envmgr.yaml", 99)

    @pytest.mark.parametrize("path", ["../x", "/etc", "a/../../b", "a\nb"])
    def test_paths_stay_inside(self, mirrors: Mirrors, commit: str, path: str) -> None:
        with pytest.raises(UsageError):
            mirrors.inspect(SHOP, commit, path, "x", 9)
        with pytest.raises(UsageError):
            mirrors.read_file(SHOP, commit, path, 9)

    def test_special_path_names_are_names(self, mirrors: Mirrors, shop: GitRepository, there: Remote) -> None:
        commit = shop.commit("env-b", {":(top)x": "1", "[a-z]*": "2", "-n": "3"})
        mirrors.fetch(there, {"env-b": commit})
        found = [mirrors.read_file(SHOP, commit, path, 9) for path in (":(top)x", "[a-z]*", "-n", "*")]
        assert found == [b"1", b"2", b"3", None]

    def test_what_was_not_fetched_is_said(self, mirrors: Mirrors, commit: str) -> None:
        unknown = "1" * 40
        for ask in (
            lambda: mirrors.read_file(SHOP, unknown, "x", 9),
            lambda: mirrors.inspect(SHOP, unknown, ".", "x", 9),
            lambda: mirrors.keep(ALICE, "applied", unknown),
        ):
            with pytest.raises(Transient, match="not in the mirror"):
                ask()
        with pytest.raises(Transient, match="no local mirror"):
            mirrors.inspect(RepositoryId("acme", "other"), commit, None, "x", 9)

    @pytest.mark.parametrize(
        "revision",
        ["nothing", "", "--all", "a\nb", "HEAD:README", "-h", "main@{upstream}", "@{u}", "main@{1}", ":./x"],
    )
    def test_revisions_that_are_no_commit(self, mirrors: Mirrors, commit: str, revision: str) -> None:
        assert mirrors.resolve(SHOP, commit) == commit
        with pytest.raises(UsageError, match="has no commit"):
            mirrors.resolve(SHOP, revision)

    def test_people_are_shown_no_control_characters(
        self, mirrors: Mirrors, shop: GitRepository, there: Remote
    ) -> None:
        commit = shop.commit("env-b", {"x": "1"}, "evil \x1b[2J subject")
        mirrors.fetch(there, {"env-b": commit})
        assert mirrors.inspect(SHOP, commit, None, "x", 9).info.subject == "evil \\x1b[2J subject"


class TestCheckout:
    def test_exactly_the_files_replaced_as_a_whole(
        self, mirrors: Mirrors, shop: GitRepository, there: Remote, tmp_path: Path
    ) -> None:
        first, second = shop.commit("env-a", FILES), shop.commit("env-a", {"run.sh": None, "new": "n"})
        mirrors.fetch(there, {"env-a": second})
        place = tmp_path / "work/alice"
        mirrors.checkout(SHOP, first, place)
        expected = {k: v.encode() if isinstance(v, str) else bytes(v or b"") for k, v in FILES.items()}
        assert contents(place) == {"README": b"main\n", **expected}
        assert os.access(place / "run.sh", os.X_OK)
        assert not os.access(place / "crlf.txt", os.X_OK)
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
        (place / "left over").write_text("x")
        (place / "run.sh").write_text("changed")
        mirrors.checkout(SHOP, second, place)
        del expected["run.sh"]
        assert contents(place) == {"README": b"main\n", **expected, "new": b"n"}
        assert [p.name for p in place.parent.iterdir()] == ["alice"]

    def test_symbolic_links_are_made_not_followed(
        self, mirrors: Mirrors, shop: GitRepository, there: Remote, tmp_path: Path
    ) -> None:
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "kept").write_text("kept")
        commit = odd_commit(shop, "env-a", {"link": ("120000", "blob"), "module": ("160000", "commit")})
        mirrors.fetch(there, {"env-a": commit})
        place = tmp_path / "alice"
        place.symlink_to(outside)
        mirrors.checkout(SHOP, commit, place)
        assert not place.is_symlink()
        assert (place / "link").is_symlink()
        assert list((place / "module").iterdir()) == []
        assert contents(outside) == {"kept": b"kept"}

    def test_a_commit_that_is_not_there_leaves_the_old_files(
        self, mirrors: Mirrors, shop: GitRepository, there: Remote, tmp_path: Path
    ) -> None:
        commit = shop.commit("env-a", {"x": "1"})
        mirrors.fetch(there, {"env-a": commit})
        mirrors.checkout(SHOP, commit, tmp_path / "alice")
        with pytest.raises(Transient):
            mirrors.checkout(SHOP, "1" * 40, tmp_path / "alice")
        assert (tmp_path / "alice/x").read_text() == "1"
        with pytest.raises(UsageError):
            mirrors.checkout(SHOP, "--help", tmp_path / "alice")

    def test_what_the_disk_refuses_is_said(
        self, mirrors: Mirrors, shop: GitRepository, there: Remote, tmp_path: Path
    ) -> None:
        commit = shop.commit("env-a", {"x": "1"})
        mirrors.fetch(there, {"env-a": commit})
        (tmp_path / "file").touch()
        with pytest.raises(NeedsOperator, match="could not be checked out"):
            mirrors.checkout(SHOP, commit, tmp_path / "file/alice")

    def test_several_at_once(
        self, mirrors: Mirrors, shop: GitRepository, there: Remote, tmp_path: Path
    ) -> None:
        commits = [shop.commit(f"env-{i}", {"x": str(i)}) for i in range(6)]
        mirrors.fetch(there, {f"env-{i}": commit for i, commit in enumerate(commits)})
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda i: mirrors.checkout(SHOP, commits[i], tmp_path / f"e{i}"), range(6)))
        assert [(tmp_path / f"e{i}/x").read_text() for i in range(6)] == list("012345")


class TestKeeping:
    def expire(self, folder: Path) -> None:
        subprocess.run(
            ["git", "-C", str(folder / "acme/shop.git"), "gc", "--quiet", "--prune=now"], check=True
        )

    def test_kept_commits_outlive_branch_remote_and_gc(
        self, mirrors: Mirrors, shop: GitRepository, there: Remote, folder: Path, tmp_path: Path
    ) -> None:
        kept, other = shop.commit("env-a", {"x": "1"}), shop.commit("env-b", {"x": "2"})
        mirrors.fetch(there, {"env-a": kept, "env-b": other})
        mirrors.keep(ALICE, "applied", kept)
        mirrors.keep(ALICE, "applied", kept)
        shop.delete("env-a", "env-b")
        mirrors.fetch(there, {"env-c": shop.commit("env-c", {"x": "3"})})
        mirrors.tidy(SHOP, ["env-c"])
        self.expire(folder)
        subprocess.run(["rm", "-rf", shop.url], check=True)
        mirrors.checkout(SHOP, kept, tmp_path / "alice")
        assert (tmp_path / "alice/x").read_text() == "1"
        with pytest.raises(UsageError):
            mirrors.resolve(SHOP, other)

    def test_letting_go_ends_the_keeping_of_one_environment(
        self, mirrors: Mirrors, shop: GitRepository, there: Remote, folder: Path
    ) -> None:
        a, b = shop.commit("env-a", {"x": "1"}), shop.commit("env-b", {"x": "2"})
        mirrors.fetch(there, {"env-a": a, "env-b": b})
        mirrors.keep(ALICE, "applied", a)
        mirrors.keep(ALICE, "applying", a)
        mirrors.keep(BOB, "applied", b)
        mirrors.let_go(ALICE)
        mirrors.let_go(ALICE)
        mirrors.tidy(SHOP, [])
        self.expire(folder)
        assert mirrors.resolve(SHOP, b) == b
        with pytest.raises(UsageError):
            mirrors.resolve(SHOP, a)

    def test_names_that_are_no_names_are_refused(self, mirrors: Mirrors) -> None:
        with pytest.raises(UsageError):
            mirrors.keep(ALICE, "../../heads/main", "1" * 40)
        with pytest.raises(UsageError):
            mirrors.let_go(EnvironmentId("acme", "shop", "a b"))

    def test_without_a_mirror_there_is_nothing_to_let_go_or_tidy(
        self, mirrors: Mirrors, folder: Path
    ) -> None:
        mirrors.let_go(ALICE)
        mirrors.tidy(SHOP, [])
        assert not (folder / "acme").exists()


def odd_commit(repository: GitRepository, branch: str, entries: dict[str, tuple[str, str]]) -> str:
    """A commit with entries that are not a regular files; links lead to `../outside`."""
    blob = repository.git("hash-object", "-w", "--stdin", stdin=b"../outside")
    inner = repository.git("mktree", stdin=b"")
    names = {"blob": blob, "tree": inner, "commit": repository.head("main")}
    lines = "".join(f"{mode} {kind} {names[kind]}\t{path}\n" for path, (mode, kind) in entries.items())
    tree = repository.git("mktree", stdin=lines.encode())
    commit = repository.git(
        "-c", "user.name=Test", "-c", "user.email=test@example.com", "commit-tree", "-m", "odd", tree
    )
    repository.point([branch], commit)
    return commit
