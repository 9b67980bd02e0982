"""What works without a cage works in one: states in Azure, private modules, complete checkouts, drift, audit, rollback."""

import base64
import hashlib
import socket
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from envmgr.commands.audit import audit_what_is_due
from envmgr.commands.rollback import roll_back
from envmgr.daemon.drift_watch import inspect
from envmgr.domain.values.environment import RunKind, RunStatus, Status
from tests.support.azure import Azurite
from tests.support.certificates import make_certificates
from tests.support.engine import Engine, code
from tests.support.git_repository import Gitlink, GitRepository
from tests.support.git_server import GitServer
from tests.support.ssh_server import SshGit, SshServer

HOST = socket.gethostname()
PASSWORD = "hush-hush-modules"
CONTENT = b"large\n" * 100
POINTER = (
    f"version https://git-lfs.github.com/spec/v1\noid sha256:{hashlib.sha256(CONTENT).hexdigest()}\nsize {len(CONTENT)}\n"
).encode()
CODE = """
module "by_https" { source = "git::%s?ref=main" }
module "by_ssh" { source = "git::%s?ref=main" }
resource "terraform_data" "app" { input = "%s" }
output "words" { value = "${module.by_https.word} ${module.by_ssh.word}" }
output "size" { value = terraform_data.app.output }
"""
CHECK = 'test "$ENVMGR_OUTPUT_WORDS" = "secret secret"; cmp a.bin lib/copy; test -f lib/lib.txt; echo "size $ENVMGR_OUTPUT_SIZE" > "$XDG_CACHE_HOME/deployed"'


pytestmark = pytest.mark.usefixtures("bubblewrap")


class World:
    """An organization whose runs are all caged, and reach what is listed alone; its state is in Azure."""

    def __init__(
        self, folder: Path, azurite: Azurite, git: GitServer, ssh: SshGit, binary: str, shop_url: str
    ) -> None:
        """With a repository that has a submodule and a file in Git LFS."""
        self.engine = Engine(folder)
        self.modules = GitRepository.create(folder / "remotes/modules.git")
        self.modules.commit("main", {"main.tf": 'output "word" { value = "secret" }\n'})
        git.protect("modules", "bot", PASSWORD)
        self.sources = (git.https_url("modules", HOST), ssh.url("modules").replace("@127.0.0.1", f"@{HOST}"))
        lib = GitRepository.create(folder / "remotes/lib.git").commit(
            "main", {"lib.txt": "lib", "copy": CONTENT}
        )
        self.files: dict[str, Any] = {
            ".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n",
            ".gitmodules": '[submodule "lib"]\n\tpath = lib\n\turl = ../lib.git\n',
            "a.bin": POINTER,
            "lib": Gitlink(lib),
        }
        self._configure(folder, azurite, git, ssh, binary)
        self.shop = self.engine.repository(url=shop_url, deploy=[{"name": "app", "run": CHECK}])

    def _configure(self, folder: Path, azurite: Azurite, git: GitServer, ssh: SshGit, binary: str) -> None:
        assert git.certificates is not None
        known_hosts = folder / "known_hosts"
        known_hosts.write_text(ssh.known_hosts.read_text().replace("[127.0.0.1]", f"[{HOST}]"))
        header = folder / "header"
        header.write_text("Authorization: Basic " + base64.b64encode(f"bot:{PASSWORD}".encode()).decode())
        git_host = f"{HOST}:{self.sources[0].split('/')[2].rpartition(':')[2]}"
        ssh_host = f"{HOST}:{ssh.running.server.port}"
        settings = self.engine.settings
        settings["terraform"] = {"binary": binary}
        settings["backend"] = {
            "azurerm": {"storage_account_name": azurite.account, "container_name": f"caged{uuid4().hex}"}
        }
        settings["cage"] = {
            "kind": "bwrap",
            "network": {"allow": ["*.blob.core.windows.net:443", git_host, ssh_host]},
            "networks": ["127.0.0.0/8"],
            "readable": [str(ssh.key), str(known_hosts)],
        }
        settings["environment_variables"] = {
            **azurite.environment,
            "NO_PROXY": HOST,
            "no_proxy": HOST,
            "GIT_SSL_CAINFO": str(git.certificates.authority),
            "GIT_SSH_COMMAND": f"ssh -i {ssh.key} -o IdentitiesOnly=yes -o BatchMode=yes -o UserKnownHostsFile={known_hosts}",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"http.https://{git_host}.extraHeader",
            "GIT_CONFIG_VALUE_0": {"file": str(header)},
        }

    def push(self, size: str) -> str:
        """A commit of env-alice."""
        return self.shop.commit("env-alice", {**code(module=CODE % (*self.sources, size)), **self.files})

    @property
    def deployed(self) -> str:
        """What the last deploy left in its cache."""
        return (self.engine.data / "environment-caches/acme/shop/alice/deployed").read_text()

    def ready(self, commit: str) -> None:
        """Asserts that alice is ready at a commit."""
        alice = self.engine.environment("alice")
        assert (alice.status, alice.applied.commit) == (Status.READY, commit), alice.message


@pytest.mark.timeout(300)
def test_a_life_on_azure_with_private_modules_and_a_complete_checkout(
    folder: Path, azurite: Azurite, ssh_server_process: SshServer, terraform_binary: str
) -> None:
    """By the proxy alone: the backend, modules by https and by ssh; then drift, audit, rollback and a verified end."""
    certificates = make_certificates(folder, [HOST], "127.0.0.1")
    ssh = SshGit(ssh_server_process, folder / "remotes")
    contents = {hashlib.sha256(CONTENT).hexdigest(): CONTENT}
    with (
        GitServer(folder / "remotes", certificates=certificates) as git,
        GitServer(folder / "remotes", lfs=contents) as forge,
    ):
        world = World(folder, azurite, git, ssh, terraform_binary, forge.http_url("shop"))
        engine = world.engine
        try:
            first = world.push("small")
            engine.turn()
            world.ready(first)
            assert world.deployed == "size small\n"
            second = world.push("large")
            engine.turn(seconds=30)
            world.ready(second)

            inspect(engine.application, engine.environment("alice").id)
            drift = engine.environment("alice").drift
            assert drift is not None
            assert drift.status == "none", drift

            audit_what_is_due(engine.application)
            assert "audited" in [event.action for event in engine.application.services.store.events()]

            roll_back(engine.application, engine.environment("alice"), first[:12], lambda *_: True)
            world.ready(first)
            assert world.deployed == "size small\n"

            world.shop.delete("env-alice")
            engine.turn(2, seconds=30)
            engine.turn(minutes=6)
            assert engine.statuses() == {"alice": "destroyed"}, engine.environment("alice").message
            assert {run.status for run in engine.runs()} == {RunStatus.SUCCEEDED}
            assert engine.runs(RunKind.DESTROY)
        finally:
            engine.close()
