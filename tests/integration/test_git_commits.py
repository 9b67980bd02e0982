"""Commits in a mirror: fetched once, inspected, checked out, kept, let go."""

import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from envmgr.adapters.git import mirrors as module
from envmgr.adapters.git.mirror import Mirror
from envmgr.adapters.git.mirrors import Mirrors
from envmgr.domain.errors import NeedsPerson, Transient, UsageError
from envmgr.domain.names import EnvironmentId, RepositoryId
from envmgr.ports import Remote
from tests.support.git_repository import GitRepository
from tests.support.git_server import GitServer
from tests.support.ssh_server import SshGit

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


def count_git(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Counts git processes: every one is started by `run`."""
    started: list[str] = []
    for place in (module, sys.modules[Mirror.__module__]):
        real = place.run

        def counted(arguments: list[str], *rest: object, real: Callable = real, **more: object) -> object:
            started.append(arguments[0])
            return real(arguments, *rest, **more)

        monkeypatch.setattr(place, "run", counted)
    return started


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


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
            "from envmgr.ports import Remote; from envmgr.domain.names import RepositoryId\n"
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
        assert mirrors.describe(SHOP, first).commit == first
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
        assert mirrors.tree(SHOP, commit, ".")

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


class TestSsh:
    """The real sshd, with the key that may read."""

    def remote(self, git_ssh: SshGit, **more: str) -> Remote:
        return Remote(repository=SHOP, url=git_ssh.url("shop"), **more)

    def test_a_key_and_the_hosts_key(
        self, mirrors: Mirrors, shop: GitRepository, git_ssh: SshGit, folder: Path
    ) -> None:
        commit = shop.commit("env-a", {"x": "1"})
        there = self.remote(
            git_ssh, ssh_key=git_ssh.key.read_text(), known_hosts=git_ssh.known_hosts.read_text()
        )
        assert mirrors.listing(there, ["env-*"], None).branches["env-a"] == commit
        mirrors.fetch(there, {"env-a": commit})
        assert mirrors.resolve(SHOP, "env-a") == commit
        secret = git_ssh.key.read_bytes().splitlines()[1]
        assert not any(secret in content for content in contents(folder).values())
        assert not (folder / "known_hosts").exists()

    def test_a_host_key_that_nobody_gave_is_remembered_and_then_insisted_on(
        self, mirrors: Mirrors, shop: GitRepository, git_ssh: SshGit, folder: Path
    ) -> None:
        there = self.remote(git_ssh, ssh_key=git_ssh.key.read_text())
        assert mirrors.listing(there, ["env-*"], None).branches == {"main": shop.head("main")}
        known = folder / "known_hosts"
        assert known.read_text().startswith("[127.0.0.1]")
        assert stat.S_IMODE(known.stat().st_mode) == 0o600
        another = git_ssh.key.with_suffix(".pub").read_text().split()[:2]
        known.write_text(f"{git_ssh.known_hosts.read_text().split()[0]} {' '.join(another)}\n")
        with pytest.raises(NeedsPerson, match="host key"):
            mirrors.listing(there, ["env-*"], None)

    def test_an_unknown_host_is_refused_where_host_keys_were_given(
        self, mirrors: Mirrors, shop: GitRepository, git_ssh: SshGit
    ) -> None:
        key = " ".join(git_ssh.known_hosts.read_text().split()[1:])
        there = self.remote(
            git_ssh, ssh_key=git_ssh.key.read_text(), known_hosts=f"elsewhere.example.com {key}"
        )
        with pytest.raises(NeedsPerson, match="known_hosts"):
            mirrors.listing(there, ["env-*"], shop.default_branch)

    def test_a_wrong_key_is_refused(
        self, mirrors: Mirrors, shop: GitRepository, git_ssh: SshGit, tmp_path: Path
    ) -> None:
        wrong = tmp_path / "wrong"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(wrong)], check=True)
        with pytest.raises(NeedsPerson, match="check `credentials`"):
            mirrors.listing(self.remote(git_ssh, ssh_key=wrong.read_text()), ["env-*"], shop.default_branch)
        with pytest.raises(NeedsPerson, match="check `credentials`"):
            mirrors.listing(self.remote(git_ssh, ssh_key="no key"), ["env-*"], shop.default_branch)

    def test_the_key_is_private_while_it_is_used_and_gone_afterwards(
        self,
        folder: Path,
        shop: GitRepository,
        git_ssh: SshGit,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        runtime = tmp_path / "run"
        runtime.mkdir()
        monkeypatch.setenv("RUNTIME_DIRECTORY", str(runtime))
        seen = tmp_path / "seen"
        programs = tmp_path / "bin"
        programs.mkdir()
        spy = programs / "ssh"
        spy.write_text(
            f'#!/bin/sh\nstat -c "%a %n" {runtime}/*/* {runtime}/* >{seen}\nexec /usr/bin/ssh "$@"\n'
        )
        spy.chmod(0o755)
        monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
        there = self.remote(
            git_ssh, ssh_key=git_ssh.key.read_text(), known_hosts=git_ssh.known_hosts.read_text()
        )
        assert Mirrors(folder).listing(there, ["env-*"], None).branches["main"] == shop.head("main")
        modes = [line.split()[0] for line in seen.read_text().splitlines()]
        assert modes == ["600", "600", "700"]
        assert list(runtime.iterdir()) == []


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
            assert mirrors.tree(SHOP, commit, path) == expected
            assert mirrors.inspect(SHOP, commit, path, ".envmgr.yaml", 99).tree == expected
        info = mirrors.describe(SHOP, commit)
        assert (info.commit, info.author, info.subject) == (commit, "Test", "First line")
        assert mirrors.read_file(SHOP, commit, ".envmgr.yaml", 99) == b"ttl: 1d\n"
        assert mirrors.read_file(SHOP, commit, "nothing", 99) is None
        assert mirrors.read_file(SHOP, commit, "binary", 256) == bytes(range(256))
        everything = mirrors.inspect(SHOP, commit, None, ".envmgr.yaml", 99)
        assert (everything.tree, everything.file, everything.info) == (None, b"ttl: 1d\n", info)
        assert mirrors.inspect(SHOP, commit, "terraform/deep", "nothing", 99).file is None

    def test_an_inspection_takes_two_processes(
        self, mirrors: Mirrors, commit: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        started = count_git(monkeypatch)
        mirrors.inspect(SHOP, commit, "terraform", ".envmgr.yaml", 99)
        assert started == ["ls-tree", "cat-file"]

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
        with pytest.raises(NeedsPerson, match=f"no regular file .mode {mode}"):
            mirrors.read_file(SHOP, commit, ".envmgr.yaml", 99)
        with pytest.raises(NeedsPerson, match="no regular file"):
            mirrors.inspect(SHOP, commit, ".", ".envmgr.yaml", 99)

    @pytest.mark.parametrize("path", ["../x", "/etc", "a/../../b", "a\nb"])
    def test_paths_stay_inside(self, mirrors: Mirrors, commit: str, path: str) -> None:
        with pytest.raises(UsageError):
            mirrors.tree(SHOP, commit, path)
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
            lambda: mirrors.tree(SHOP, unknown, "."),
            lambda: mirrors.describe(SHOP, unknown),
            lambda: mirrors.read_file(SHOP, unknown, "x", 9),
            lambda: mirrors.inspect(SHOP, unknown, ".", "x", 9),
            lambda: mirrors.keep(ALICE, "applied", unknown),
        ):
            with pytest.raises(Transient, match="not in the mirror"):
                ask()
        with pytest.raises(Transient, match="no local mirror"):
            mirrors.describe(RepositoryId("acme", "other"), commit)

    @pytest.mark.parametrize("revision", ["nothing", "", "--all", "a\nb", "HEAD:README", "-h"])
    def test_revisions_that_are_no_commit(self, mirrors: Mirrors, commit: str, revision: str) -> None:
        assert mirrors.resolve(SHOP, commit) == commit
        with pytest.raises(UsageError, match="has no commit"):
            mirrors.resolve(SHOP, revision)

    def test_people_are_shown_no_control_characters(
        self, mirrors: Mirrors, shop: GitRepository, there: Remote
    ) -> None:
        commit = shop.commit("env-b", {"x": "1"}, "evil \x1b[2J subject")
        mirrors.fetch(there, {"env-b": commit})
        assert mirrors.describe(SHOP, commit).subject == "evil \\x1b[2J subject"


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
        with pytest.raises(Transient, match="could not be checked out"):
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
    """A commit with entries that are no regular files; links lead to `../outside`."""
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
