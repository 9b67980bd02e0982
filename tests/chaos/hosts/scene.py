"""What all hosts share: database, state store, git server, configuration; and the team that pushes."""

import json
import os
import random
import shlex
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from ruamel.yaml import YAML

from envmgr.adapters.state.connect import open_state_store
from envmgr.domain.values.names import EnvironmentId
from tests.chaos.hosts.judge import End, Locked
from tests.chaos.hosts.machine import Machine
from tests.chaos.hosts.network import Service, served
from tests.chaos.world import lines
from tests.support import aws, postgres
from tests.support.certificates import make_certificates
from tests.support.git_repository import GitRepository
from tests.support.git_server import GitServer

BUCKET = "chaos-hosts"
LISTEN = "127.0.0.1:8420"
# A lock that lasts as long as Terraform does shows two at once, and whoever breaks the lock of a living one.
_SCRIPT = """#!/bin/bash
if [[ $1 != version ]]; then
  [[ $PWD =~ /shop/([a-z0-9-]+) ]]; environment=${{BASH_REMATCH[1]}}
  export WITNESS=$HOSTNAME.$$.$RANDOM.$environment
  exec {{lock}}>>{cloud}/locks/$environment
  flock -n $lock || echo "$environment $WITNESS $1" >>{cloud}/overlaps
  [[ $1 != apply ]] || echo "began $environment $WITNESS" >>{cloud}/history
fi
exec {real} "$@"
"""
_MODULE = """
variable "folder" { type = string }
variable "environment" { type = string }
resource "terraform_data" "it" {
  for_each         = { stays = 0, replaced = VERSION }
  input            = { folder = var.folder, environment = var.environment }
  triggers_replace = each.value
  provisioner "local-exec" {
    working_dir = self.input.folder
    command     = "while test -e held/${var.environment}; do sleep 0.1; done; touch existing/${var.environment}.${each.key}.${self.id}; echo made ${var.environment} ${each.key} ${self.id} $WITNESS >>history; sleep 0.2"
  }
  provisioner "local-exec" {
    when        = destroy
    working_dir = self.input.folder
    command     = "sleep 0.1; rm -f existing/${self.input.environment}.${each.key}.${self.id}; echo ended ${self.input.environment} ${each.key} ${self.id} $WITNESS >>history"
  }
}
output "ids" { value = { for name, resource in terraform_data.it : name => resource.id } }
"""


@dataclass(frozen=True, slots=True)
class Move:
    """What the team did to an environment's branch: a push of a commit, or a deletion where that is empty."""

    name: str
    commit: str
    at: datetime


@dataclass(slots=True)
class Scene:
    """The shared things of a campaign below `folder`, and what is wanted by now.

    `stable` environments are pushed to and never deleted, the `passing` ones come and go. `wanted` are the branches'
    commits by environment, `moves` what led there.
    """

    folder: Path
    machines: list[Machine]
    repository: GitRepository
    database: str
    state: dict[str, str]
    stable: tuple[str, ...]
    passing: tuple[str, ...]
    wanted: dict[str, str] = field(default_factory=dict)
    moves: list[Move] = field(default_factory=list)
    pushes: int = 0
    deletions: int = 0

    @property
    def cloud(self) -> Path:
        """Where resources are."""
        return self.folder / "cloud"

    def push(self, name: str) -> None:
        """The next version of one environment's code."""
        self.pushes += 1
        files = {"terraform/main.tf": _MODULE.replace("VERSION", str(self.pushes))}
        self.wanted[name] = self.repository.commit(f"env-{name}", files)
        self.moves.append(Move(name, self.wanted[name], datetime.now(UTC)))

    @contextmanager
    def held(self, name: str) -> Iterator[None]:
        """Whatever is made of an environment is not made before the end of this."""
        mark = self.cloud / "held" / name
        mark.touch()
        try:
            yield
        finally:
            mark.unlink()

    def move(self, draw: random.Random, *, spared: str = "") -> None:
        """Somebody of the team pushes to an environment that is not spared, or deletes a passing one's branch."""
        name = draw.choice([each for each in (*self.stable, *self.passing) if each != spared])
        if name in self.passing and name in self.wanted and draw.random() < 0.5:
            self.deletions += 1
            self.repository.delete(f"env-{name}")
            del self.wanted[name]
            self.moves.append(Move(name, "", datetime.now(UTC)))
        else:
            self.push(name)

    def end(self, listed: list[dict[str, Any]]) -> End:
        """All that is there now."""
        states = open_state_store("s3", {**aws.S3_BACKEND, "bucket": BUCKET}, self.state)
        known: dict[str, str] = {}
        locks: list[Locked] = []
        with psycopg.connect(self.database) as connection:
            seen = {row[0] for row in connection.execute("SELECT lock_id FROM runs").fetchall()}
        for name in (*self.stable, *self.passing):
            key = EnvironmentId("acme", "shop", name).state_key
            state = states.read(key)
            ids: Any = state.outputs["ids"].value if state and "ids" in state.outputs else {}
            known |= {f"{name}.{key}.{identity}": name for key, identity in ids.items()}
            if (lock := states.lock(key)) is not None:
                locks.append(Locked(name, lock.who.rpartition("@")[2], lock.id in seen))
        return End(
            wanted=dict(self.wanted),
            stable=self.stable,
            listed={each["environment"]: each for each in listed},
            existing=frozenset(path.name for path in (self.cloud / "existing").iterdir()),
            known=frozenset(known),
            locks=tuple(locks),
            history=tuple(lines(self.cloud / "history")),
            overlaps=tuple(lines(self.cloud / "overlaps")),
        )


@contextmanager
def laid_out(
    folder: Path, hosts: int, environments: int, queue: str, *, serves: bool = False
) -> Iterator[Scene]:
    """Starts what is shared, and lays out hosts that are not switched on yet; all is stopped at the end.

    `queue` is the setting of that name; `serves`: each host has page and API.
    """
    programs = postgres.find_programs()
    assert programs is not None, "PostgreSQL is absent: tests/support/install-parts"
    with ExitStack() as ending:
        url = postgres.make_database(ending.enter_context(postgres.running_postgres(programs)), "chaos")
        moto = aws.start_moto(folder)
        ending.callback(moto.stop)
        certificates = make_certificates(folder, ["localhost"], str(Service.GIT))
        git = ending.enter_context(GitServer(folder / "remotes", certificates=certificates))
        port = urlsplit(url).port
        assert port is not None
        ports = {
            Service.DATABASE: port,
            Service.STATE: moto.port,
            Service.GIT: urlsplit(git.http_url("shop")).port or 0,
        }
        ending.enter_context(served(ports))
        repository = GitRepository.create(folder / "remotes" / "shop.git")
        repository.commit("main", {"README.md": "hello"})
        config = _configure(folder, ports, url, queue, serves=serves)
        environ = {
            k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "TF_", "GIT_", "ENVMGR_"))
        }
        environ["GIT_SSL_CAINFO"] = str(certificates.authority)
        machines = [Machine(n, folder / f"host-{n}", config, environ) for n in range(1, hosts + 1)]
        for machine in machines:
            ending.callback(machine.power_off)
        names = [f"e{number}" for number in range(environments)]
        half = len(names) // 2
        yield Scene(
            folder=folder,
            machines=machines,
            repository=repository,
            database=url,
            state=aws.aws_environment(f"http://{Service.STATE}:{ports[Service.STATE]}"),
            stable=tuple(names[:half]),
            passing=tuple(names[half:]),
        )


def _configure(folder: Path, ports: dict[Service, int], url: str, queue: str, *, serves: bool) -> Path:
    cloud = folder / "cloud"
    for name in ("existing", "held", "locks"):
        (cloud / name).mkdir(parents=True)
    real = shutil.which("terraform")
    assert real is not None, "terraform is absent: put it on the PATH"
    binary = folder / "terraform"
    binary.write_text(_SCRIPT.format(cloud=shlex.quote(str(cloud)), real=shlex.quote(real)))
    binary.chmod(0o755)
    state = aws.aws_environment(f"http://{Service.STATE}:{ports[Service.STATE]}")
    organization = {
        "organization": "acme",
        "polling": {"interval": "2s"},
        "backend": {"s3": {**aws.S3_BACKEND, "bucket": BUCKET, "max_retries": 1}},
        "terraform": {"binary": str(binary)},
        "environment_variables": {**state, "GIT_SSL_CAINFO": str(folder / "ca.pem")},
        "limits": {"concurrency": 4},
        "destroy": {"confirmations": 2, "grace_period": "0s", "max_at_once": 50},
        "repositories": [
            {
                "name": "shop",
                "url": f"https://{Service.GIT}:{ports[Service.GIT]}/shop.git",
                "variables": {"folder": str(cloud)},
            }
        ],
    }
    address = url.replace("127.0.0.1", str(Service.DATABASE))
    # The default is not written: releases from before that key do not know it.
    queued = {"queue": queue} if queue != "threads" else {}
    daemon = {
        "daemon": {"database": address, "bundle_key": "b" * 40, **queued},
        **({"server": {"listen": LISTEN}} if serves else {}),
    }
    config = folder / "config"
    config.mkdir()
    for name, document in (("acme.yaml", organization), ("daemon.yaml", daemon)):
        path = config / name
        path.touch(0o600)
        with path.open("w") as file:
            YAML().dump(json.loads(json.dumps(document)), file)
    return config
