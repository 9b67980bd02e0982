"""A whole envmgr in one process, on real git and real Terraform, with a clock that a test moves."""

import os
import shlex
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from ruamel.yaml import YAML

from envmgr.commands.runtime import Runtime
from envmgr.composition.compose import Start, compose
from envmgr.domain.values.environment import Environment, Run, RunKind
from envmgr.domain.values.names import EnvironmentId
from tests.support.git_repository import GitRepository

MODULE = """
variable "environment" { type = string }
variable "size" { default = "small" }
resource "terraform_data" "app" { input = "${var.environment} ${var.size}" }
output "url" { value = "http://${var.environment}.example.com" }
"""


class TestClock:
    """The present, as the test has it."""

    def __init__(self) -> None:
        """Start at the real present."""
        self.now = datetime.now(UTC).replace(microsecond=0)

    def __call__(self) -> datetime:
        """The present."""
        return self.now

    def forward(self, **duration: float) -> None:
        """Let time pass."""
        self.now += timedelta(**duration)


class Remote(Protocol):
    """A repository that is pushed to."""

    @property
    def url(self) -> str:
        """Where it is."""

    def commit(self, branch: str, files: Mapping[str, str | None], message: str = "Change") -> str:
        """Push one commit; None takes a file away."""


R = TypeVar("R", bound=Remote)


class Driver(ABC, Generic[R]):
    """An organization `acme` with repositories of its own, and passes over them one at a time."""

    def __init__(self, folder: Path, clock: TestClock, **organization: Any) -> None:
        """Lay out the folders; `organization` are further keys of the organization file."""
        self.folder = folder
        self.clock = clock
        self.data = folder / "data"
        self.config = folder / "acme.yaml"
        self.repositories: dict[str, R] = {}
        self.environ: dict[str, str] = dict(os.environ)
        self.settings: dict[str, Any] = {
            "organization": "acme",
            "destroy": {"confirmations": 2, "grace_period": "5m", "max_at_once": 5},
            "limits": {"health_networks": ["127.0.0.0/8"]},
            **organization,
        }
        self.repository_settings: dict[str, dict[str, Any]] = {}
        self._application: Runtime | None = None

    @abstractmethod
    def _new_repository(self, name: str) -> R:
        """An empty one."""

    @abstractmethod
    def _compose(self) -> Runtime:
        """An application by the organization file as it is written."""

    @abstractmethod
    def calls(self) -> list[str]:
        """The Terraform commands (first word) that were started since the last call of this."""

    def repository(self, name: str = "shop", **settings: Any) -> R:
        """Add a repository with a default branch to the organization."""
        repository = self._new_repository(name)
        repository.commit("main", {"README.md": "hello"})
        self.repositories[name] = repository
        self.repository_settings[name] = settings
        return repository

    def write(self) -> None:
        """Write the organization file."""
        listed = [
            {"name": name, "url": repository.url, **self.repository_settings[name]}
            for name, repository in self.repositories.items()
        ]
        with self.config.open("w") as file:
            YAML().dump({**self.settings, "repositories": listed}, file)

    @property
    def application(self) -> Runtime:
        """The application by the organization file as it was when last (re)started."""
        if self._application is None:
            self.restart()
        assert self._application is not None
        return self._application

    def restart(self) -> Runtime:
        """End the application, if any, and start another on the same data folder."""
        self.close()
        self.write()
        self._application = self._compose()
        return self._application

    def lose_data(self) -> None:
        """End the application and take its data folder away; what is kept beside the states stays proven."""
        self.close()
        shutil.rmtree(self.data)

    def seal_with_a_key(self) -> None:
        """Have what is kept beside the states sealed by a key that is not in the data folder."""
        secret = self.folder / "bundle.key"
        secret.write_text("k" * 64)
        (self.folder / "daemon.yaml").write_text(f"daemon: {{bundle_key: {{file: {secret}}}}}\n")

    def close(self) -> None:
        """End the application."""
        if self._application is not None:
            self._application.close()
            self._application = None

    def poll(self) -> list[str]:
        """Look at all remotes; gives the errors."""
        application = self.application
        polled = application.poller.poll_all(application.services.repositories.values(), 4)
        return [p.error for p in polled if p.error]

    def work(self) -> None:
        """Do all that is due."""
        application = self.application
        application.workers.run_until_settled(application.services.repositories.values(), frozenset())

    def turn(self, times: int = 1, **pause: float) -> list[str]:
        """Poll and work, so many times, with a pause before each; gives the last errors."""
        errors: list[str] = []
        for _ in range(times):
            self.clock.forward(**pause)
            errors = self.poll()
            self.work()
        return errors

    def environment(self, name: str, repository: str = "shop", application: str = "") -> Environment:
        """The record of an environment, or of an application of it."""
        identity = EnvironmentId(str(self.settings["organization"]), repository, name, application)
        found = self.application.services.store.environment(identity)
        assert found is not None, f"no environment {name}"
        return found

    def statuses(self) -> dict[str, str]:
        """Name and status of all environments, destroyed ones too."""
        found = self.application.services.store.environments(destroyed=True)
        return {e.id.name: e.status.value for e in found}

    def runs(self, kind: RunKind | None = None) -> list[Run]:
        """All runs, oldest first."""
        found = self.application.services.store.runs()
        return sorted((r for r in found if kind in (None, r.kind)), key=lambda r: r.id)

    def actions(self, name: str) -> list[str]:
        """What happened to an environment, by the events."""
        events = self.application.services.store.events(EnvironmentId("acme", "shop", name))
        return [e.action for e in events]


class Engine(Driver[GitRepository]):
    """As `Driver`, on real parts. Terraform is the real one behind a script that writes each call's arguments to a file."""

    def __init__(self, folder: Path, **organization: Any) -> None:
        """As of a `Driver`."""
        self.calls_file = folder / "terraform-calls"
        self.binary = folder / "terraform"
        self.modules: Path | None = None
        parts = {
            "backend": {"local": {"path": str(folder / "state")}},
            "terraform": {"binary": str(self.binary)},
        }
        super().__init__(folder, TestClock(), **{**parts, **organization})
        self.use_terraform()

    def use_terraform(self, script: str = 'exec "$real" "$@"') -> None:
        """Put a shell script in Terraform's place; `$real` is the real one."""
        real = shutil.which("terraform")
        assert real is not None
        text = f'#!/bin/bash\necho "$*" >> {shlex.quote(str(self.calls_file))}\nreal={shlex.quote(real)}\n{script}\n'
        partial = self.binary.with_suffix(".new")
        partial.write_text(text)
        partial.chmod(0o755)
        partial.replace(self.binary)

    def _new_repository(self, name: str) -> GitRepository:
        return GitRepository.create(self.folder / "remotes" / f"{name}.git")

    def _compose(self) -> Runtime:
        return compose(
            Start(
                config=self.config,
                data_dir=self.data,
                actor="daemon",
                environ=self.environ,
                clock=self.clock,
                modules=self.modules,
            )
        )

    def calls(self) -> list[str]:
        """The Terraform commands (first word) that were started since the last call of this."""
        if not self.calls_file.exists():
            return []
        lines = self.calls_file.read_text().splitlines()
        self.calls_file.unlink()
        return [line.split()[0] for line in lines if line]

    def state(self, name: str, repository: str = "shop") -> Path:
        """The state file of an environment."""
        return self.folder / "state" / "acme" / repository / name / "terraform.tfstate"

    def archived(self) -> list[Path]:
        """The archived states."""
        return sorted(p for p in (self.folder / "state" / "archive").rglob("*") if p.is_file())


def code(files: Mapping[str, str] | None = None, module: str = MODULE) -> dict[str, str]:
    """The files of a branch with a Terraform module in the folder `terraform`."""
    return {"terraform/main.tf": module, **(files or {})}


def push(repository: Remote, names: Iterable[str], module: str = MODULE) -> None:
    """Push the module to a branch `env-NAME` for each name."""
    for name in names:
        repository.commit(f"env-{name}", code(module=module))
