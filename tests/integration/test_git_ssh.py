"""Remotes over ssh: keys and host keys, with the real sshd."""

import os
import stat
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from envmgr.adapters.git.mirrors import Mirrors
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.names import EnvironmentId, RepositoryId
from envmgr.ports import Remote
from tests.support.git_repository import GitRepository
from tests.support.ssh_server import SshGit

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


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


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
