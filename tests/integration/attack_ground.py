"""A host with two organizations and an unprivileged service user, on which code of a branch tries what it can.

Each attack is a script, started as a deploy step or a command of Terraform is. What it comes by it prints behind a
mark, so that without a cage is seen that it is one.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

from envmgr.adapters.steps.confinement import confinement
from envmgr.adapters.steps.environment import step_environment
from envmgr.adapters.terraform.cli_configuration import cli_configuration
from envmgr.adapters.terraform.confinement import Confinement
from envmgr.adapters.terraform.providers.cache import ProviderCache
from envmgr.domain.rules.cage import TERRAFORM
from envmgr.domain.values.cage import Cage, CageKind, CageLimits, CageRules, Network, Purpose, Reach
from envmgr.domain.values.names import EnvironmentId
from envmgr.domain.values.step import Step
from envmgr.engine.context.layout import Layout
from envmgr.host.cage.bubblewrap import caged
from envmgr.host.children.child import Start
from envmgr.ports import Place, StepLimits, Workspace

SERVICE = 4242
"""The service's user; nobody on a test's host has this number."""
LOOT = "LOOT"
SECRET = "the-secret-of-another"
ALICE = EnvironmentId("acme", "shop", "alice")
BOB = EnvironmentId("acme", "shop", "bob")
UMBRA = EnvironmentId("umbra", "shop", "alice")


AS_SERVICE: Mapping[str, Any] = (
    {"user": SERVICE, "group": SERVICE, "extra_groups": []} if os.getuid() == 0 else {}
)
"""How a process becomes the service's; without root it is the test's own user's."""


OWN: Mapping[str, str] = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "CREDENTIALS_DIRECTORY": f"/run/credentials/{SECRET}",
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "ENVMGR_DATABASE": f"postgresql://envmgr:{SECRET}@127.0.0.1/envmgr",
}
"""envmgr's own environment."""


@dataclass
class AttackGround:
    """The data folder of a service, a place of Alice's in it, and what is others'.

    `facts` are variables for attackers: what they know of this host.
    """

    folder: Path
    layout: Layout
    run_as: Mapping[str, Any]
    host_tmp: Path
    facts: dict[str, str] = field(default_factory=dict)
    others: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def place(self) -> Path:
        """Where Alice's steps run."""
        return self.layout.steps(ALICE)

    @property
    def log(self) -> Path:
        """Where a run's log would be; what its cage refused is told beside it."""
        return self.folder / "attack.log"

    @property
    def user(self) -> int:
        """Whose number attackers have."""
        return int(self.run_as.get("user", os.getuid()))

    @property
    def workspace(self) -> Workspace:
        """Where Alice's Terraform runs."""
        source = self.layout.workspace(ALICE) / "source"
        return Workspace(
            root=source / "terraform",
            checkout=source,
            data=self.layout.terraform_data(ALICE),
            binary="sh",
            backend=("local", {"path": str(self.folder / "state/acme/shop/alice/terraform.tfstate")}),
            variables={},
            environment={},
            outside=(self.folder / "www/acme/shop/alice",),
        )

    @property
    def arriving(self) -> Path:
        """Where an `init` of Alice's may put providers."""
        return self.layout.providers("acme") / "incoming/alice"

    def targets_of(self, purpose: Purpose) -> Mapping[str, Path]:
        """What a child of Alice's must not read; Terraform may read its own state, and its organization's providers."""
        legitimate = {"own_state", "providers"} if purpose in TERRAFORM else set()
        return {name: path for name, path in self.targets.items() if name not in legitimate}

    @property
    def targets(self) -> Mapping[str, Path]:
        """What belongs to others, by what it is."""
        layout, data = self.layout, self.layout.root
        return {
            "own_state": self.folder / "state/acme/shop/alice/terraform.tfstate",  # a step has no state
            "state": self.folder / "state/acme/shop/bob/terraform.tfstate",
            "state_of_umbra": self.folder / "state/umbra/shop/alice/terraform.tfstate",
            "bundle": self.folder / "state/acme/shop/bob/kept.zip",
            "workspace": layout.workspace(BOB) / "source/main.tf",
            "workspace_of_umbra": layout.workspace(UMBRA) / "source/main.tf",
            "plan": layout.plans(BOB) / "0123.tfplan",
            "step_cache": layout.step_cache(BOB) / "node_modules",
            "providers": layout.providers("acme") / "packages/provider",
            "providers_of_umbra": layout.providers("umbra") / "packages/provider",
            "mirror": layout.mirrors / "acme/shop.git/HEAD",
            "binaries": layout.binaries / "1.11.4/terraform",
            "log": layout.log(7),
            "database": data / "envmgr.db",
            "bundle_key": layout.bundle_key,
            "configuration": self.folder / "etc/acme.yaml",
            "secret": self.folder / "etc/secret",
            "credential": self.folder / "credentials/acme-token",
            "home": self.folder / "home/.aws/credentials",
            "rotating": self.folder / "credentials/rotating",
            "service_tmp": self.folder / "tmp/provider.sock",
            "terraform_tmp": layout.temporary(BOB) / "provider.sock",
            "host_tmp": self.host_tmp / "file",
            "site": self.folder / "www/acme/shop/bob/index.html",
        }

    def attack(
        self,
        kind: CageKind,
        script: str,
        *arguments: str,
        limits: CageLimits | None = None,
        reach: Reach = Reach.NOTHING,
        purpose: Purpose = Purpose.DEPLOY,
        keep_open: tuple[int, ...] = (),
    ) -> str:
        """Runs a script as a child of Alice's; gives what it printed."""
        rules = CageRules(kind=kind, network=Network(reach=reach), limits=limits or CageLimits())
        cage, folder, environment = (self._terraform if purpose in TERRAFORM else self._step)(purpose, rules)
        with tempfile.TemporaryFile() as output:
            start = Start(
                argv=("sh", "-c", script, "attack", *arguments),
                folder=folder,
                environment={**environment, "LOOT": LOOT, **self.facts},
                output=output.fileno(),
                errors=output.fileno(),
                keep_open=keep_open,
            )
            # The cage is made by the service's user, as whom only what is started here runs.
            with (
                mock.patch("envmgr.host.cage.devices.os.geteuid", return_value=self.user),
                caged(start, cage, self.log) as made,
            ):
                self._run(made)
            output.seek(0)
            return output.read().decode(errors="replace")

    def _step(self, purpose: Purpose, rules: CageRules) -> tuple[Cage, Path, dict[str, str]]:
        place = Place(
            checkout=self.place / "checkout",
            home=self.place / "home",
            temporary=self.place / "tmp",
            cache=self.layout.step_cache(ALICE),
            environment={},
            limits=StepLimits(output=1_000_000),
            cage=rules,
            purpose=purpose,
            readable=(self.place / "outputs.json",),
            outside=self.workspace.outside,
        )
        step = Step(name="attack", run="", timeout=timedelta(seconds=30))
        cage = confinement(step, place, OWN)
        return cage, place.checkout, step_environment(place, OWN, cage.inherits, self.log)

    def _terraform(self, purpose: Purpose, rules: CageRules) -> tuple[Cage, Path, dict[str, str]]:
        workspace, cache = replace(self.workspace, cage=rules), self.layout.providers("acme")
        confinement = Confinement(
            workspace=workspace,
            providers=ProviderCache(cache),
            own=OWN,
            home=workspace.data / "home",
            cli_config=cli_configuration(None, cache),
            settings=cache,
        )
        arriving = self.arriving if purpose is Purpose.INIT else None
        cage = confinement.of(purpose.value, rules.limits, self.layout.temporary(ALICE), arriving)
        return cage, workspace.root, confinement.environment(cage)

    def other(self, *argv: str, **environment: str) -> subprocess.Popen[bytes]:
        """A process of the service's that is not Alice's."""
        started = subprocess.Popen(
            argv,
            env={"PATH": "/usr/bin:/bin", **environment},
            cwd="/",
            stdout=subprocess.PIPE,
            start_new_session=True,
            **self.run_as,
        )
        self.others.append(started)
        return started

    def _run(self, start: Start) -> None:
        subprocess.run(
            start.argv,
            cwd=start.folder,
            env=dict(start.environment),
            stdin=subprocess.DEVNULL,
            stdout=start.output,
            stderr=start.errors,
            pass_fds=start.keep_open,
            start_new_session=True,
            timeout=200,
            check=False,
            **self.run_as,
        )


@contextmanager
def attack_ground(run_as: Mapping[str, Any] = AS_SERVICE) -> Iterator[AttackGround]:
    """Made for whom the attackers run as."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp", prefix="envmgr-attack-"))
    host_tmp = Path(tempfile.mkdtemp(dir="/tmp", prefix="envmgr-attack-"))
    ground = AttackGround(folder, Layout(folder / "data").create(), run_as, host_tmp)
    try:
        for path in (ground.place / "outputs.json", *ground.targets.values()):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.write_text(SECRET)
            path.chmod(0o600)
        for name in ("checkout", "home", "tmp"):
            (ground.place / name).mkdir()
        workspace = ground.workspace
        for made in (
            workspace.root,
            workspace.data / "home",
            ground.layout.temporary(ALICE),
            *workspace.outside,
        ):
            made.mkdir(parents=True, exist_ok=True)
        for made in (ground.layout.step_cache(ALICE), ground.arriving):
            made.mkdir(parents=True, exist_ok=True)
        cli_configuration(None, ground.layout.providers("acme"))
        if run_as:
            for path in (folder, *folder.rglob("*"), host_tmp, *host_tmp.rglob("*")):
                os.chown(path, SERVICE, SERVICE, follow_symlinks=False)
        yield ground
    finally:
        for other in ground.others:
            other.kill()
            other.communicate()
        shutil.rmtree(folder)
        shutil.rmtree(host_tmp)
