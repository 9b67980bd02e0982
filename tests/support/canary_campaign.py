"""A campaign with secrets of every kind: three organizations that have them, one that has none, and every verb."""

import hashlib
import json
import shlex
import signal
import socket
import subprocess
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from ruamel.yaml import YAML

from envmgr.composition.records import open_records
from tests.acceptance.world import ENVMGR, World
from tests.support.aws import S3_BACKEND
from tests.support.azure import Azurite
from tests.support.canaries import Seen
from tests.support.git_repository import GitRepository
from tests.support.git_server import GitServer
from tests.support.ssh_server import SshGit
from tests.support.waiting import wait_for

BY_ENV = 'canary-env <1111>&"quoted"+/=%é'
BY_FILE = "canary-file-2222"
BY_SYSTEMD = "canary systemd 3333"
OF_LINES = "-----BEGIN CANARY-----\ncanary-line-4444-aaaaaaaaaaaa\ncanary-line-4444-bbbbbbbbbbbb\n-----END CANARY-----"
GIT_PASSWORD = "canary-git:5555@/pass word"
AWS_SECRET = "canary+aws/6666secret"

CODE = """
variable "environment" {}
variable "by_env" {}
variable "by_systemd" {}
variable "lines" {}
variable "size" { default = 1 }
variable "by_file" { sensitive = true }
locals {
  made = sha256("made by ${var.environment}")
}
resource "terraform_data" "loud" {
  input            = { env = var.by_env, lines = var.lines, many = jsonencode({ (var.by_systemd) = var.by_env }) }
  triggers_replace = var.size
  provisioner "local-exec" {
    command = "echo \\"$E\\"; echo \\"$S\\"; echo \\"$L\\"; echo \\"$L\\" | base64; echo \\"$J\\"; echo \\"$Q\\"; echo \\"$B\\"; echo \\"$T\\""
    environment = {
      E = var.by_env
      S = var.by_systemd
      L = var.lines
      J = jsonencode([var.by_env, var.lines])
      Q = "https://example.com/?q=${urlencode(var.by_env)}"
      B = base64encode("user:${var.by_env}")
      T = "sha256 of what is sensitive: ${nonsensitive(sha256(var.by_file))}"
    }
  }
}
resource "terraform_data" "quiet" { input = var.by_file }
output "made" {
  value     = local.made
  sensitive = true
}
output "nested" {
  value     = { user = "bot", secrets = [var.by_file] }
  sensitive = true
}
output "shown" { value = [var.by_env, { (var.by_systemd) = var.lines }] }
output "url" { value = "https://${urlencode(var.by_env)}@example.com" }
"""

BROKEN = """
resource "terraform_data" "broken" {
  depends_on = [terraform_data.loud]
  input      = local.made
  provisioner "local-exec" {
    command     = "echo \\"no access with $E, $S and $M\\" >&2; echo \\"$L\\" >&2; exit 1"
    environment = { E = var.by_env, S = var.by_systemd, L = var.lines, M = local.made }
  }
}
"""

REFUSED = """
resource "terraform_data" "refused" {
  lifecycle {
    precondition {
      condition     = length(var.by_env) == 0
      error_message = "refused: ${var.by_env} / ${urlencode(var.by_env)} / ${jsonencode([var.by_env])} / ${var.lines}"
    }
  }
}
"""

OUTSIDER = 'resource "terraform_data" "one" {}\n'


@dataclass
class Campaign:
    """Three organizations with secrets, one without, and all that was heard of them."""

    world: World
    acme: GitRepository
    canaries: dict[str, str]
    arguments: Path
    environ: Mapping[str, str]
    heard: dict[str, str] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    seen: set[Seen] = field(default_factory=set)

    def run(self, *arguments: str, code: int | None = 0) -> str:
        """Runs a verb and keeps what it printed; gives standard output."""
        said = self.world(*arguments, env=self.environ)
        self.heard[f"{len(self.heard)} {' '.join(arguments)}"] = said.out + said.err
        assert code is None or said.code == code, (arguments, said.code, said.out, said.err)
        return said.out


def plant(
    folder: Path,
    terraform: str,
    server: GitServer,
    ssh: SshGit,
    azurite: Azurite,
    aws_environment: Mapping[str, str],
) -> Campaign:
    """Writes all organization files, secrets and repositories."""
    repositories = {name: remote(folder / "git", name) for name in ("shop", "wrong", "keyed", "outsider")}
    for name in ("shop", "wrong"):
        server.protect(name, "bot", GIT_PASSWORD)
    key = ssh.key.read_text()
    secret = private_files(
        folder / "secrets",
        {
            "file": BY_FILE,
            "lines": OF_LINES,
            "git": GIT_PASSWORD,
            "wrong": f"not {GIT_PASSWORD}",
            "azure": azurite.key,
            "ssh": key,
            "hosts": ssh.known_hosts.read_text(),
            "cred": BY_SYSTEMD,
        },
    )
    given = {
        "TF_VAR_by_env": {"env": "ACME_SECRET"},
        "TF_VAR_by_file": {"file": secret["file"]},
        "TF_VAR_by_systemd": {"systemd": "cred"},
        "TF_VAR_lines": {"file": secret["lines"]},
    }
    arguments = folder / "arguments"
    binary = wrapper(folder / "terraform", terraform, arguments)
    world = World(folder, repositories["shop"])
    write(
        world,
        organization="acme",
        backend={"azurerm": {"storage_account_name": azurite.account, "container_name": f"c{uuid4().hex}"}},
        terraform={"binary": binary},
        destroy={"confirmations": 1, "grace_period": "0s"},
        environment_variables={**azurite.environment, "ARM_ACCESS_KEY": {"file": secret["azure"]}, **given},
        repositories=[
            http(server, "shop", secret["git"]),
            http(server, "wrong", secret["wrong"]),
        ],
    )
    write(
        world,
        organization="amazon",
        backend={"s3": {**S3_BACKEND, "bucket": f"states-{uuid4().hex}"}},
        terraform={"binary": binary},
        environment_variables={**aws_environment, "AWS_SECRET_ACCESS_KEY": {"env": "AMAZON_SECRET"}},
        repositories=[
            {
                "name": "keyed",
                "url": ssh.url("keyed"),
                "credentials": {"ssh_key": {"file": secret["ssh"]}, "known_hosts": {"file": secret["hosts"]}},
            }
        ],
    )
    write(
        world,
        organization="other",
        terraform={"binary": binary},
        repositories=[{"name": "outsider", "url": repositories["outsider"].url}],
    )
    environ = {
        "ACME_SECRET": BY_ENV,
        "AMAZON_SECRET": AWS_SECRET,
        "CREDENTIALS_DIRECTORY": str(folder / "secrets"),
    }
    canaries = {
        "env": BY_ENV,
        "file": BY_FILE,
        "systemd": BY_SYSTEMD,
        "lines": OF_LINES,
        "git password": GIT_PASSWORD,
        "aws secret": AWS_SECRET,
        "azure key": azurite.key,
        "ssh key": key,
        "sensitive output": hashlib.sha256(b"made by alice").hexdigest(),
    }
    repositories["shop"].commit("env-alice", {"terraform/main.tf": CODE})
    for name in ("keyed", "outsider"):
        repositories[name].commit(f"env-{name}", {"terraform/main.tf": OUTSIDER})
    return Campaign(world, repositories["shop"], canaries, arguments, environ)


def remote(folder: Path, name: str) -> GitRepository:
    """A repository with a default branch."""
    made = GitRepository.create(folder / f"{name}.git")
    made.commit("main", {"README": name})
    return made


def private_files(folder: Path, contents: Mapping[str, str]) -> dict[str, str]:
    """Files for envmgr's user only; gives their paths."""
    folder.mkdir(mode=0o700)
    for name, content in contents.items():
        (folder / name).touch(mode=0o600)
        (folder / name).write_text(f"{content}\n")
    return {name: str(folder / name) for name in contents}


def wrapper(path: Path, terraform: str, arguments: Path) -> str:
    """A Terraform that writes down its arguments."""
    path.write_text(
        f'#!/bin/bash\necho "$*" >> {shlex.quote(str(arguments))}\nexec {shlex.quote(terraform)} "$@"\n'
    )
    path.chmod(0o755)
    return str(path)


def http(server: GitServer, name: str, password: str) -> dict[str, Any]:
    """A repository over HTTP with a password."""
    credentials = {"username": "bot", "password": {"file": password}}
    return {"name": name, "url": server.http_url(name), "credentials": credentials}


def write(world: World, **organization: Any) -> None:
    """Writes one organization file."""
    world.config.mkdir(exist_ok=True)
    with (world.config / f"{organization['organization']}.yaml").open("w") as file:
        YAML().dump(organization, file)


def by_hand(made: Campaign) -> None:
    """Every verb, over create, change, a failed apply and a destroy; people's form or JSON."""
    saved = made.world.folder / "kept" / "alice.plan"
    saved.parent.mkdir(mode=0o700)
    made.run("config", "check")
    made.run("doctor", "--json", code=1)  # one remote refuses its password
    made.run("reconcile", "--verbose", code=1)
    shown = json.loads(made.run("show", "alice", "--json"))
    assert shown["status"] == "ready", shown["message"]
    made.acme.commit("env-alice", {"terraform/main.tf": CODE.replace("default = 1", "default = 2")})
    made.run("plan", "alice", "--save", str(saved), code=2)
    made.run("plan", "alice", "--json", code=2)
    made.run("apply", "alice", "--plan", str(saved), "--json")
    made.acme.commit("env-alice", {"terraform/main.tf": CODE + BROKEN})
    made.run("apply", "alice", "--yes", "--verbose", code=1)
    made.run("unlock", "alice", "--force", "--yes")
    for verb in ("list --all", "show alice", "history --json", "events", "logs alice", "logs alice --json"):
        made.run(*verb.split())
    made.run("output", "alice")
    made.run("output", "alice", "--json")
    made.run("output", "alice", "made", code=1)
    made.run("destroy", "alice", "--yes", "--json")


def by_daemon(made: Campaign) -> None:
    """The daemon fails with an environment, and tells systemd how it goes."""
    made.acme.commit("env-broken", {"terraform/main.tf": CODE + REFUSED})
    environ = {**made.environ, "NOTIFY_SOCKET": str(made.world.folder / "notify")}
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as systemd:
        systemd.bind(environ["NOTIFY_SOCKET"])
        log = made.world.folder / "daemon.log"
        with log.open("wb") as output:
            daemon = subprocess.Popen(
                [ENVMGR, "daemon"],
                env=made.world.environ(environ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            wait_for(lambda: ("broken", "failed") in statuses(made))
        finally:
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(60)
            made.heard["daemon"] = log.read_text()
        made.told = messages(systemd)


def statuses(made: Campaign) -> set[tuple[str, str]]:
    """Name and status of every environment."""
    with closing(open_records(made.world.config, made.world.data, {})) as store:
        return {(each.id.name, each.status.value) for each in store.environments()}


def messages(receiver: socket.socket) -> list[str]:
    """What has come until now."""
    receiver.setblocking(False)
    found = []
    try:
        while True:
            found.append(receiver.recv(65536).decode())
    except BlockingIOError:
        return found
