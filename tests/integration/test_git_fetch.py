"""Fetching into a mirror: once, alone, and from remotes that fail."""

import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest

from envmgr.adapters.git.mirror import Mirror
from envmgr.adapters.git.mirrors import Mirrors
from envmgr.domain.errors import EnvmgrError, NeedsPerson, Transient, UsageError
from envmgr.domain.values.environment import Source, SourceKind
from envmgr.domain.values.names import EnvironmentId, RepositoryId
from envmgr.ports import Remote
from tests.support.git_calls import count_git
from tests.support.git_repository import GitRepository
from tests.support.git_server import GitServer
from tests.support.privileges import as_ordinary_user

MakeRepository = Callable[[str], GitRepository]
SHOP = RepositoryId("acme", "shop")
ALICE = EnvironmentId("acme", "shop", "alice")
BOB = EnvironmentId("acme", "shop", "bob")


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


class TestFetch:
    def test_brings_exactly_what_was_asked_for(
        self, mirrors: Mirrors, shop: GitRepository, there: Remote, folder: Path
    ) -> None:
        a, b = shop.commit("env-a", {"x": "a"}), shop.commit("env-b", {"x": "b"})
        mirrors.fetch(there, {"env-a": a})
        assert mirrors.resolve(SHOP, a[:10]) == a
        assert mirrors.resolve(SHOP, "env-a~1") == shop.head("main")
        with pytest.raises(UsageError):
            mirrors.resolve(SHOP, b)
        mirror = folder / "acme/shop.git"
        assert stat.S_IMODE(mirror.stat().st_mode) == 0o700
        assert stat.S_IMODE(mirror.parent.stat().st_mode) == 0o700

    def test_one_local_process_where_nothing_is_missing(
        self, mirrors: Mirrors, shop: GitRepository, there: Remote, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        mirrors.fetch(there, {"env-a": shop.commit("env-a", {"x": "a"})})
        mirrors.fetch(there, {})
        started = count_git(monkeypatch)
        mirrors.fetch(there, {"env-a": shop.head("env-a") or ""})
        assert started == ["cat-file"]

    def test_many_at_once_by_threads(self, mirrors: Mirrors, shop: GitRepository, there: Remote) -> None:
        commits = {f"env-{i}": shop.commit(f"env-{i}", {"x": str(i)}) for i in range(8)}
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda item: mirrors.fetch(there, dict([item])), commits.items()))
        assert {b: mirrors.resolve(SHOP, b) for b in commits} == commits

    def test_many_at_once_by_processes(
        self, mirrors: Mirrors, shop: GitRepository, there: Remote, folder: Path
    ) -> None:
        commits = {f"env-{i}": shop.commit(f"env-{i}", {"x": str(i)}) for i in range(3)}
        program = (
            "import sys; from pathlib import Path; from envmgr.adapters.git.mirrors import Mirrors\n"
            "from envmgr.ports import Remote; from envmgr.domain.values.names import RepositoryId\n"
            "there = Remote(repository=RepositoryId('acme', 'shop'), url=sys.argv[2])\n"
            "Mirrors(Path(sys.argv[1])).fetch(there, {sys.argv[3]: sys.argv[4]})\n"
        )
        argv = [sys.executable, "-c", program, str(folder), shop.url]
        running = [subprocess.Popen([*argv, branch, commit]) for branch, commit in commits.items()]
        assert [process.wait(60) for process in running] == [0, 0, 0]
        assert {b: mirrors.resolve(SHOP, b) for b in commits} == commits

    def test_a_branch_that_moved_on(self, mirrors: Mirrors, shop: GitRepository, there: Remote) -> None:
        first = shop.commit("env-a", {"x": "1"})
        shop.commit("env-a", {"x": "2"})
        mirrors.fetch(there, {"env-a": first})
        assert mirrors.resolve(SHOP, first) == first
        lost = shop.commit("env-a", {"x": "3"})
        shop.force_push("env-a", {"x": "4"})
        with pytest.raises(Transient, match="env-a changed at the remote"):
            mirrors.fetch(there, {"env-a": lost})

    def test_a_branch_that_went_away(self, mirrors: Mirrors, shop: GitRepository, there: Remote) -> None:
        commit = shop.commit("env-a", {"x": "1"})
        shop.delete("env-a")
        with pytest.raises(Transient, match="next listing"):
            mirrors.fetch(there, {"env-a": commit})

    def test_a_folder_takes_a_branchs_name(
        self, mirrors: Mirrors, shop: GitRepository, there: Remote
    ) -> None:
        mirrors.fetch(there, {"env-a": shop.commit("env-a", {"x": "1"})})
        shop.delete("env-a")
        inner = shop.commit("env-a/b", {"x": "2"})
        mirrors.fetch(there, {"env-a/b": inner})
        assert mirrors.resolve(SHOP, "env-a/b") == inner

    def test_a_cut_connection_leaves_nothing_half_done(
        self, mirrors: Mirrors, shop: GitRepository, git_server: GitServer
    ) -> None:
        commit = shop.commit("env-a", {"big": os.urandom(200_000)})
        there = Remote(repository=SHOP, url=git_server.http_url("shop"))
        git_server.fail("shop", cut_after=100_000)
        with pytest.raises(Transient):
            mirrors.fetch(there, {"env-a": commit})
        git_server.heal("shop")
        mirrors.fetch(there, {"env-a": commit})
        assert mirrors.inspect(SHOP, commit, ".", "x", 9).tree

    def test_a_server_that_falls_silent_is_given_up(
        self, folder: Path, shop: GitRepository, git_server: GitServer
    ) -> None:
        mirrors = Mirrors(folder, timeout=timedelta(seconds=1), fetch_timeout=timedelta(minutes=9))
        git_server.fail("shop", hang=True)
        with pytest.raises(Transient, match="git says"):
            mirrors.fetch(
                Remote(repository=SHOP, url=git_server.http_url("shop")), {"main": shop.head("main") or ""}
            )

    def test_a_lock_that_somebody_holds_is_waited_for_only_so_long(
        self, folder: Path, shop: GitRepository, there: Remote
    ) -> None:
        mirrors = Mirrors(folder, fetch_timeout=timedelta(seconds=0.3))
        commit = shop.commit("env-a", {"x": "1"})
        with Mirror.of(folder, SHOP, 20).locked(1), pytest.raises(Transient, match="Another fetch"):
            mirrors.fetch(there, {"env-a": commit})
        mirrors = Mirrors(folder)
        mirrors.fetch(there, {"env-a": commit})

    def test_git_that_outlives_us_keeps_the_mirror_locked_until_it_ends(
        self, mirrors: Mirrors, shop: GitRepository, there: Remote, folder: Path, git_server: GitServer
    ) -> None:
        program = (
            "import sys; from pathlib import Path; from datetime import timedelta\n"
            "from envmgr.adapters.git.mirrors import Mirrors\n"
            "from envmgr.ports import Remote; from envmgr.domain.values.names import RepositoryId\n"
            "there = Remote(repository=RepositoryId('acme', 'shop'), url=sys.argv[2])\n"
            "Mirrors(Path(sys.argv[1]), timeout=timedelta(seconds=2)).fetch(there, {'main': sys.argv[3]})\n"
        )
        commit = shop.head("main") or ""
        git_server.fail("shop", hang=True)
        running = subprocess.Popen(
            [sys.executable, "-c", program, str(folder), git_server.http_url("shop"), commit]
        )
        while not git_server.requests:
            time.sleep(0.02)
        running.kill()
        running.wait()
        with pytest.raises(Transient, match="Another fetch"), Mirror.of(folder, SHOP, 20).locked(0):
            pass
        mirrors.fetch(there, {"main": commit})
        assert mirrors.resolve(SHOP, "main") == commit

    def test_lock_files_that_a_killed_git_left_are_removed(
        self, folder: Path, shop: GitRepository, there: Remote
    ) -> None:
        mirrors = Mirrors(folder, fetch_timeout=timedelta(seconds=60))
        mirrors.fetch(there, {"env-a": shop.commit("env-a", {"x": "1"})})
        lock = folder / "acme/shop.git/refs/heads/env-a.lock"
        lock.touch()
        with pytest.raises(Transient):
            mirrors.fetch(there, {"env-a": shop.commit("env-a", {"x": "2"})})
        os.utime(lock, (time.time() - 3600,) * 2)
        mirrors.fetch(there, {"env-a": shop.commit("env-a", {"x": "3"})})

    def test_a_name_that_leads_out_of_the_folder_is_refused(
        self, mirrors: Mirrors, shop: GitRepository
    ) -> None:
        there = Remote(repository=RepositoryId("acme", "../evil"), url=shop.url)
        with pytest.raises(UsageError):
            mirrors.fetch(there, {"env-a": shop.head("main") or ""})


@pytest.mark.parametrize("many_refs", [0, 500])
def test_a_sha_256_repository(tmp_path: Path, many_refs: int) -> None:
    """Its mirror has the same hash function, whether it is made by a fetch or by a listing that the server filters."""
    path = tmp_path / "remotes" / "shop.git"
    subprocess.run(
        ["git", "init", "-q", "--bare", "--object-format=sha256", "-b", "main", str(path)], check=True
    )
    server = GitServer(path.parent)
    shop = GitRepository(path)
    shop.commit("main", {"a": "a"})
    commit = shop.commit("env-a", {"terraform/main.tf": "# a"})
    mirrors = Mirrors(tmp_path / "mirrors", many_refs=many_refs)
    with server:
        there = Remote(repository=SHOP, url=server.http_url("shop"))
        for _ in range(2):
            assert mirrors.listing(there, ["env-*"], "main").branches["env-a"] == commit
        mirrors.fetch(there, {"env-a": commit})
    mirrors.checkout(SHOP, commit, tmp_path / "checkout")
    assert (tmp_path / "checkout/terraform/main.tf").read_text() == "# a"
    pack = tmp_path / "pack"
    mirrors.export(SHOP, commit, "terraform", pack)
    tree = mirrors.inspect(SHOP, commit, "terraform", "x", 9).tree
    assert tree is not None
    source = Source(SourceKind.DIRECTORY, "terraform", tree, "terraform")
    mirrors.unpack(pack, commit, source, tmp_path / "unpacked")
    assert (tmp_path / "unpacked/terraform/main.tf").exists()


def test_code_is_packed_though_a_fetch_that_fails_clears_up_meanwhile(
    tmp_path: Path, shop: GitRepository
) -> None:
    """What is half written in the mirror may go at any moment: that of a pack is elsewhere."""
    mirrors, over = Mirrors(tmp_path / "mirrors"), Event()
    commit = shop.commit("env-a", {"terraform/main.tf": os.urandom(8 << 20).hex()})
    mirrors.fetch(Remote(repository=SHOP, url=shop.url), {"env-a": commit})
    written = next((tmp_path / "mirrors").rglob("objects")) / "pack"

    def clear() -> None:
        while not over.is_set():
            for path in written.glob("tmp_*"):
                path.unlink(missing_ok=True)

    with ThreadPoolExecutor(1) as threads:
        clearing = threads.submit(clear)
        try:
            mirrors.export(SHOP, commit, "terraform", tmp_path / "pack")
        finally:
            over.set()
        clearing.result()
    assert (tmp_path / "pack").stat().st_size > 8 << 20


@pytest.mark.parametrize("content", ["", None])
def test_a_mirror_whose_head_was_lost(tmp_path: Path, shop: GitRepository, content: str | None) -> None:
    """A crash left it empty, or none: it is written anew, and what the mirror holds is there as before."""
    mirrors = Mirrors(tmp_path / "mirrors")
    there = Remote(repository=SHOP, url=shop.url)
    first = shop.commit("env-a", {"a": "1"})
    mirrors.fetch(there, {"env-a": first})
    head = tmp_path / "mirrors/acme/shop.git/HEAD"
    head.unlink()
    if content is not None:
        head.write_text(content)
    second = shop.commit("env-a", {"a": "2"})
    mirrors.fetch(there, {"env-a": second})
    assert mirrors.resolve(SHOP, first[:12]) == first
    mirrors.checkout(SHOP, second, tmp_path / "checkout")


def test_a_path_that_may_not_be_entered(tmp_path: Path, shop: GitRepository) -> None:
    """A sentence for a person, in a listing as in a fetch."""
    there = Remote(repository=SHOP, url=shop.url)
    mirrors = Mirrors(tmp_path / "mirrors")
    shop.path.parent.chmod(0)
    try:
        with as_ordinary_user():
            for ask in (
                lambda: mirrors.listing(there, ["env-*"], None),
                lambda: mirrors.fetch(there, {"env-a": "0" * 40}),
            ):
                with pytest.raises(
                    NeedsPerson, match=r"cannot be reached \(Permission denied\): give envmgr's user"
                ):
                    ask()
    finally:
        shop.path.parent.chmod(0o700)


def test_a_push_costs_one_fetch_and_what_is_packed_was_read_before(
    tmp_path: Path, shop: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That a commit is missing shows without a process; what is kept of it was listed as it was checked out."""
    mirrors, there = Mirrors(tmp_path / "mirrors"), Remote(repository=SHOP, url=shop.url)
    mirrors.fetch(there, {"env-a": shop.commit("env-a", {"terraform/main.tf": "# 1", "other": "1"})})
    second = shop.commit("env-a", {"terraform/main.tf": "# 2"})
    started = count_git(monkeypatch)
    mirrors.fetch(there, {"env-a": second})
    assert started == ["fetch"]
    tree = mirrors.inspect(SHOP, second, "terraform", "x", 9).tree
    mirrors.checkout(SHOP, second, tmp_path / "checkout", "terraform")
    started.clear()
    mirrors.export(SHOP, second, "terraform", tmp_path / "pack")
    assert started == ["pack-objects"]
    Mirrors(tmp_path / "mirrors").export(SHOP, second, "terraform", tmp_path / "other")
    assert (tmp_path / "other").read_bytes() == (tmp_path / "pack").read_bytes()
    assert tree is not None
    mirrors.unpack(
        tmp_path / "pack",
        second,
        Source(SourceKind.DIRECTORY, "terraform", tree, "terraform"),
        tmp_path / "out",
    )
    assert (tmp_path / "out/terraform/main.tf").read_text() == "# 2"


def test_what_was_read_is_packed_only_while_the_mirror_has_it(tmp_path: Path, shop: GitRepository) -> None:
    mirrors, there = Mirrors(tmp_path / "mirrors"), Remote(repository=SHOP, url=shop.url)
    commit = shop.commit("env-a", {"terraform/main.tf": "# 1"})
    mirrors.fetch(there, {"env-a": commit})
    mirrors.inspect(SHOP, commit, "terraform", "x", 9)
    mirrors.checkout(SHOP, commit, tmp_path / "checkout", "terraform")
    for pack in (tmp_path / "mirrors/acme/shop.git/objects/pack").iterdir():
        pack.unlink()
    with pytest.raises(EnvmgrError, match="is damaged: move it away"):
        mirrors.export(SHOP, commit, "terraform", tmp_path / "pack")
    assert not (tmp_path / "pack").exists()


@pytest.mark.parametrize("index", [b"", b"\xfftOc\x00\x00\x00\x03" + bytes(2000), b"no index" * 200, None])
def test_where_an_index_is_not_understood_git_is_asked(
    tmp_path: Path, shop: GitRepository, index: bytes | None
) -> None:
    """Without a process only a clear no is told: an index of another version, a torn one, or objects elsewhere are none."""
    mirrors, there = Mirrors(tmp_path / "mirrors"), Remote(repository=SHOP, url=shop.url)
    commit, unknown = shop.commit("env-a", {"a": "1"}), "1" * 40
    mirrors.fetch(there, {"env-a": commit})
    mirror = Mirror.of(tmp_path / "mirrors", SHOP, 9.0)
    assert mirror.surely_lacks(unknown)
    assert mirror.surely_lacks("00" + "1" * 38)
    assert not mirror.surely_lacks(commit)
    if index is None:
        (mirror.path / "objects/info").mkdir(exist_ok=True)
        (mirror.path / "objects/info/alternates").write_text("/nowhere\n")
    else:
        (mirror.path / "objects/pack" / f"pack-{unknown}.idx").write_bytes(index)
    assert not mirror.surely_lacks(unknown)
