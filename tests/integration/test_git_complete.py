"""A checkout as a person has it: with submodules and Git LFS files, and with nothing else of theirs."""

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from envmgr.adapters.git import completion, connection, process
from envmgr.adapters.git.mirrors import Mirrors
from envmgr.adapters.git.submodules import submodules
from envmgr.domain.errors import NeedsOperator, NeedsPerson, NotHere, Transient
from envmgr.domain.values.names import EnvironmentId, RepositoryId
from envmgr.ports import GitLimits, Remote
from tests.support.engine import Engine, code
from tests.support.git_repository import Gitlink, GitRepository, Symlink
from tests.support.git_server import GitServer

MakeRepository = Callable[[str], GitRepository]
SHOP = RepositoryId("acme", "shop")
ALICE = EnvironmentId("acme", "shop", "alice")
PASSWORD = "pa55word-canary"
TWO_WEEKS_AGO = timedelta(days=15).total_seconds()


RAN = Path("/tmp/envmgr-ran-a-command-of-gitmodules")
"""What is there once git ran a command of a `.gitmodules`."""


def modules(**urls: str) -> str:
    """A `.gitmodules` with a submodule at each path."""
    return "".join(
        f'[submodule "{path}"]\n\tpath = {path}\n\turl = {url}\n\tupdate = !touch {RAN}\n'
        for path, url in urls.items()
    )


def files(folder: Path) -> dict[str, str]:
    """All regular files by path."""
    found = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return {str(path.relative_to(folder)): path.read_text() for path in found}


class Shop:
    """A repository `shop`, its mirror, and a checkout of its branch."""

    def __init__(self, folder: Path, repository: GitRepository, url: str) -> None:
        self.mirrors = Mirrors(folder / "mirrors", timeout=timedelta(seconds=30))
        self.folder = folder
        self.repository = repository
        self.remote = Remote(repository=SHOP, url=url, username="bot", password=PASSWORD)
        self.commit = ""

    @property
    def checkout(self) -> Path:
        """Where it is checked out."""
        return self.folder / "run" / "checkout"

    def push(self, content: dict[str, str | bytes | None]) -> None:
        """Pushes a commit and fetches it."""
        self.commit = self.repository.force_push("env-alice", content)
        self.mirrors.fetch(self.remote, {"env-alice": self.commit})

    def completed(self) -> dict[str, str]:
        """The files of a complete checkout."""
        self.mirrors.checkout(SHOP, self.commit, self.checkout)
        self.mirrors.complete(self.remote, self.commit, self.checkout)
        assert not list(self.checkout.rglob(".git"))
        return files(self.checkout)

    def refused(self) -> str:
        """Why it cannot be completed."""
        with pytest.raises(NeedsPerson) as caught:
            self.completed()
        return str(caught.value)

    def forget(self) -> None:
        """The branch goes, and the mirror is tidied."""
        self.mirrors.tidy(SHOP, [])


@pytest.fixture
def shop(tmp_path: Path, git_repository: MakeRepository, git_server: GitServer) -> Shop:
    """Behind a password; so are `lib` and `deep`."""
    repository = git_repository("shop")
    repository.commit("main", {"README": "main"})
    for name in ("shop", "lib", "deep"):
        git_server.protect(name, "bot", PASSWORD)
    return Shop(tmp_path, repository, git_server.http_url("shop"))


@pytest.fixture
def local(tmp_path: Path, git_repository: MakeRepository) -> Shop:
    """A folder of this host."""
    repository = git_repository("shop")
    repository.commit("main", {"README": "main"})
    return Shop(tmp_path, repository, repository.url)


class TestSubmodules:
    """Fetched once, into mirrors beside the repository's own."""

    @pytest.fixture
    def nested(self, shop: Shop, git_repository: MakeRepository, git_server: GitServer) -> Shop:
        """`vendor/lib` by a relative URL, and in it `deep` by an absolute one."""
        deep = git_repository("deep").commit("main", {"deep.txt": "deep"})
        inner = {".gitmodules": modules(deep=git_server.http_url("deep")), "deep": Gitlink(deep)}
        lib = git_repository("lib").commit("main", {"lib.txt": "lib", "run.sh": "#!/bin/sh\n", **inner})
        shop.push(
            {
                "app.txt": "app",
                ".gitmodules": modules(**{"vendor/lib": "../lib.git"}),
                "vendor/lib": Gitlink(lib),
            }
        )
        return shop

    def test_they_are_in_the_checkout_with_their_own(self, nested: Shop) -> None:
        found = nested.completed()
        assert found.keys() == {
            "app.txt",
            ".gitmodules",
            *(
                "vendor/lib/lib.txt",
                "vendor/lib/run.sh",
                "vendor/lib/.gitmodules",
                "vendor/lib/deep/deep.txt",
            ),
        }
        assert found["vendor/lib/deep/deep.txt"] == "deep"
        assert os.access(nested.checkout / "vendor/lib/run.sh", os.X_OK)
        assert not RAN.exists(), "no command of .gitmodules runs"

    def test_a_second_time_costs_no_network(self, nested: Shop, git_server: GitServer) -> None:
        first = nested.completed()
        git_server.requests.clear()
        assert nested.completed() == first
        assert not git_server.requests

    def test_no_password_stays_behind(self, nested: Shop) -> None:
        nested.completed()
        left = [p for p in nested.folder.rglob("*") if p.is_file() and PASSWORD.encode() in p.read_bytes()]
        assert not left
        assert {p.stat().st_mode & 0o77 for p in (nested.folder / "mirrors/acme").iterdir()} == {0}

    def test_their_mirrors_live_as_long_as_the_commit_is_kept(self, nested: Shop) -> None:
        nested.completed()
        nested.mirrors.keep(ALICE, "deployed", nested.commit)
        nested.forget()
        mirrors = nested.folder / "mirrors/acme/shop.modules"
        assert len(list(mirrors.glob("*.git"))) == 2
        nested.completed()
        nested.mirrors.let_go(ALICE)
        nested.forget()
        assert not list(mirrors.glob("*.git"))

    def test_a_commit_that_was_never_pushed_is_named(
        self, shop: Shop, git_repository: MakeRepository
    ) -> None:
        git_repository("lib").commit("main", {"lib.txt": "lib"})
        shop.push({".gitmodules": modules(lib="../lib.git"), "lib": Gitlink("ab" * 20)})
        assert shop.refused() == (
            "Submodule lib of acme/shop: its repository has no commit ababababab; push it there."
        )

    def test_wrong_credentials_name_the_submodule(self, nested: Shop, git_server: GitServer) -> None:
        git_server.protect("lib", "bot", "another")
        assert "could not be completed with its submodule vendor/lib: the remote refuses the credentials" in (
            nested.refused()
        )

    def test_another_host_of_plain_http_is_refused(
        self, shop: Shop, git_repository: MakeRepository, git_root: Path
    ) -> None:
        lib = git_repository("lib").commit("main", {"lib.txt": "lib"})
        with GitServer(git_root) as other:
            shop.push({".gitmodules": modules(lib=other.http_url("lib")), "lib": Gitlink(lib)})
            assert "is not on the repository's own host" in shop.refused()
            assert not other.requests

    def test_another_host_is_asked_without_anybodys_credentials(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        given: list[Mapping[str, str]] = []
        real = process.run

        def run(command: list[str], environment: Mapping[str, str], *rest: Any, **more: Any) -> Any:
            given.append(environment)
            return real(command, environment, *rest, **more)

        shop.push({".gitmodules": modules(lib="https://127.0.0.1:9/lib.git"), "lib": Gitlink("ab" * 20)})
        monkeypatch.setattr(connection, "run", run)
        with pytest.raises(
            Transient, match="submodule lib, asked without credentials since it is on another"
        ):
            shop.completed()
        assert {environment["HOME"] for environment in given} == {"/dev/null"}
        assert PASSWORD not in str(given)

    def test_gitmodules_must_be_a_file(self, shop: Shop) -> None:
        """Git itself checks out no link of that name; what reads it does not follow one either."""
        shop.push({".gitmodules": Symlink("/etc/passwd"), "lib": Gitlink("ab" * 20)})
        with pytest.raises(NeedsPerson, match=r"git refuses the path \.gitmodules"):
            shop.completed()
        with pytest.raises(NeedsPerson, match="is not a regular file"):
            submodules(shop.mirrors._mirror(shop.remote.repository), shop.commit)

    @pytest.mark.parametrize("path", ["../out", "/etc", "a/../../out"])
    def test_a_path_that_leads_outside_is_refused(self, shop: Shop, path: str) -> None:
        shop.push({".gitmodules": modules(**{path: "../lib.git"})})
        assert "is not a path inside the repository" in shop.refused()

    @pytest.mark.parametrize("text", ["[submodule", modules(lib="../lib.git")])
    def test_a_broken_file_is_refused(self, shop: Shop, text: str) -> None:
        shop.push({".gitmodules": text + "[x\n"})
        assert ".gitmodules in acme/shop cannot be read" in shop.refused()

    def test_what_is_no_submodule_is_left_alone(self, shop: Shop) -> None:
        """Sections without a commit, commits without a section, and those not to be updated."""
        text = modules(src="../x.git", gone="../x.git") + '[submodule "z"]\npath = z\nupdate = none\n'
        shop.push({".gitmodules": text, "src/a": "a", "orphan": Gitlink("ab" * 20), "z": Gitlink("ab" * 20)})
        assert shop.completed()["src/a"] == "a"

    def test_there_is_an_end_of_them(self, nested: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(completion, "_MOST", 1)
        assert "more than 1 submodules in all" in nested.refused()

    def test_a_local_one_lies_beside_the_repository(
        self, local: Shop, git_repository: MakeRepository
    ) -> None:
        lib = git_repository("lib").commit("main", {"lib.txt": "lib"})
        local.push({".gitmodules": modules(lib="../lib.git"), "lib": Gitlink(lib)})
        assert local.completed()["lib/lib.txt"] == "lib"


def pointer(content: bytes) -> bytes:
    """What stands in a commit for this content."""
    oid = hashlib.sha256(content).hexdigest()
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(content)}\n".encode()


ATTRIBUTES = "*.bin filter=lfs diff=lfs merge=lfs -text\n"
CONTENT = b"large\n" * 1000


@pytest.fixture
def git_lfs() -> None:
    """The real git-lfs."""
    if shutil.which("git-lfs") is None:
        pytest.skip("git-lfs is absent: install Debian's git-lfs")


class TestLfs:
    """Contents come from the repository's own server, and lie in the mirror."""

    @pytest.fixture
    def large(self, shop: Shop, git_server: GitServer) -> Shop:
        """A file in Git LFS, another that only looks so, and a `.lfsconfig` that leads elsewhere."""
        git_server.lfs[hashlib.sha256(CONTENT).hexdigest()] = CONTENT
        shop.push(
            {
                ".gitattributes": ATTRIBUTES,
                ".lfsconfig": '[lfs]\n\turl = "http://127.0.0.1:9/elsewhere"\n',
                "deep/er/a.bin": pointer(CONTENT),
                "b.txt": pointer(CONTENT),
            }
        )
        return shop

    @pytest.mark.usefixtures("git_lfs")
    def test_contents_are_in_the_checkout(self, large: Shop, git_server: GitServer) -> None:
        found = large.completed()
        assert found["deep/er/a.bin"] == CONTENT.decode()
        assert found["b.txt"] == pointer(CONTENT).decode(), "without the attribute a file is what it is"
        git_server.requests.clear()
        assert large.completed() == found
        assert not git_server.requests, "a second time costs no network"
        left = [p for p in large.folder.rglob("*") if p.is_file() and PASSWORD.encode() in p.read_bytes()]
        assert not left
        assert "elsewhere" not in (large.folder / "mirrors/acme/shop.git/config").read_text()

    @pytest.mark.usefixtures("git_lfs")
    def test_one_that_the_server_lacks_is_told(self, large: Shop, git_server: GitServer) -> None:
        git_server.lfs.clear()
        assert "its server lacks 1 Git LFS file of " in (said := large.refused())
        assert "git lfs push --all" in said

    @pytest.mark.usefixtures("git_lfs")
    def test_wrong_credentials_are_told(self, large: Shop, git_server: GitServer) -> None:
        git_server.protect("shop", "bot", "another")
        assert "could not be completed with its Git LFS files: the remote refuses the credentials" in (
            said := large.refused()
        )
        assert PASSWORD not in said

    def test_without_git_lfs_it_is_to_be_installed(
        self, large: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        git = shutil.which("git")
        assert git is not None
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin/git").symlink_to(git)
        monkeypatch.setenv("PATH", str(tmp_path / "bin"))
        assert "git-lfs is not on this host: install git-lfs" in large.refused()

    @staticmethod
    def put(repository: GitRepository, content: bytes, oid: str) -> None:
        """A content in a local repository's own storage."""
        place = repository.path / "lfs/objects" / oid[:2] / oid[2:4] / oid
        place.parent.mkdir(parents=True)
        place.write_bytes(content)

    def test_a_folder_of_this_host_needs_no_git_lfs(self, local: Shop) -> None:
        self.put(local.repository, CONTENT, hashlib.sha256(CONTENT).hexdigest())
        local.push({".gitattributes": ATTRIBUTES, "a.bin": pointer(CONTENT)})
        assert local.completed()["a.bin"] == CONTENT.decode()

    def test_another_content_of_the_same_size_is_not_taken(self, local: Shop) -> None:
        self.put(local.repository, CONTENT[::-1], hashlib.sha256(CONTENT).hexdigest())
        local.push({".gitattributes": ATTRIBUTES, "a.bin": pointer(CONTENT)})
        assert "1 Git LFS file " in local.refused()

    def test_contents_live_as_long_as_the_commit_or_two_weeks(self, local: Shop) -> None:
        oid = hashlib.sha256(CONTENT).hexdigest()
        self.put(local.repository, CONTENT, oid)
        local.push({".gitattributes": ATTRIBUTES, "a.bin": pointer(CONTENT)})
        local.completed()
        (kept,) = (local.folder / "mirrors").rglob(oid)

        def grow_old() -> None:
            then = kept.stat().st_mtime - TWO_WEEKS_AGO
            os.utime(kept, (then, then))

        grow_old()
        local.mirrors.keep(ALICE, "deployed", local.commit)
        local.forget()
        assert kept.exists(), "a kept commit needs it"
        local.mirrors.let_go(ALICE)
        os.utime(kept)
        local.forget()
        assert kept.exists(), "it was just used"
        grow_old()
        local.forget()
        assert not kept.exists()

    def test_one_that_goes_away_meanwhile_is_fetched_again(
        self, local: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        oid = hashlib.sha256(CONTENT).hexdigest()
        self.put(local.repository, CONTENT, oid)
        local.push({".gitattributes": ATTRIBUTES, "a.bin": pointer(CONTENT)})
        real = os.utime

        def lost(path: Path) -> None:
            path.unlink()
            real(path)

        with monkeypatch.context() as patch:
            patch.setattr(os, "utime", lost)
            with pytest.raises(NotHere, match="it is fetched again"):
                local.completed()
        assert local.completed()["a.bin"] == CONTENT.decode()


@pytest.mark.parametrize(("size", "files"), [(299, 2), (300, 1), (300, 2)])
def test_submodules_and_lfs_files_share_what_a_checkout_may_hold(
    local: Shop, git_repository: MakeRepository, size: int, files: int
) -> None:
    """By what pointers say, before anything is fetched; each file counts, though several have one content."""
    lib = git_repository("lib").commit("main", {"a": "x" * 50, "b": "x" * 50})
    content = b"y" * 100
    local.push(
        {
            ".gitattributes": ATTRIBUTES,
            "a.bin": pointer(content),
            "b.bin": pointer(content),
            ".gitmodules": modules(one="../lib.git", two="../lib.git"),
            "one": Gitlink(lib),
        }
    )
    local.mirrors.checkout(SHOP, local.commit, local.checkout)
    local.mirrors = Mirrors(local.folder / "mirrors", limits=lambda _: GitLimits(size=size, files=files))
    name = hashlib.sha256(content).hexdigest()
    place = local.repository.path / "lfs/objects" / name[:2] / name[2:4] / name
    place.parent.mkdir(parents=True)
    place.write_bytes(content)
    if (size, files) == (300, 2):
        local.mirrors.complete(local.remote, local.commit, local.checkout)
        assert (local.checkout / "one/a").exists()
        return
    with pytest.raises(NeedsOperator, match=r"limits\.git\.(size|files)"):
        local.mirrors.complete(local.remote, local.commit, local.checkout)


def test_what_lfs_pointers_claim_is_counted_before_it_is_fetched(shop: Shop, git_server: GitServer) -> None:
    large = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 3000000000\n" % (b"ab" * 32)
    shop.push({".gitattributes": ATTRIBUTES, "a.bin": large})
    shop.mirrors.checkout(SHOP, shop.commit, shop.checkout)
    git_server.requests.clear()
    assert "have 3GB in all, and at most 2GB are checked out" in shop.refused()
    assert not [r for r in git_server.requests if "lfs" in r]


def test_steps_get_a_complete_checkout(engine: Engine, tmp_path: Path) -> None:
    """Through the whole of envmgr."""
    told = tmp_path / "told"
    shop = engine.repository(deploy=[{"name": "app", "run": f"cat lib/lib.txt a.bin > {told}"}])
    shared = GitRepository.create(shop.path.parent / "lib.git").commit("main", {"lib.txt": "from lib\n"})
    TestLfs.put(shop, CONTENT, hashlib.sha256(CONTENT).hexdigest())
    more = {".gitmodules": modules(lib="../lib.git"), ".gitattributes": ATTRIBUTES}
    shop.commit("env-alice", {**code(), **more, "lib": Gitlink(shared), "a.bin": pointer(CONTENT)})
    engine.turn()
    assert told.read_bytes() == b"from lib\n" + CONTENT
