"""A whole engine on ports in memory: remotes, records, states and a cloud that outlive any process of envmgr.

A `Life` is one process of it: every call of a port goes through it, and it may be cut off before or after any of
them. What the world has by then stays. Wherever Terraform is about to change anything, the promises are looked at.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

from envmgr.adapters.calendar import CALENDAR
from envmgr.adapters.modules import Modules, packaged_folder
from envmgr.commands.runtime import Runtime
from envmgr.config.sections.secrets import Redactor
from envmgr.domain.documents.owner import Origin
from envmgr.domain.documents.seal import Seal
from envmgr.domain.values.deployment import DeployRules
from envmgr.domain.values.drift import DriftRules
from envmgr.domain.values.environment import Environment, ProcessId, SourceKind, Status
from envmgr.domain.values.names import EnvironmentId, RepositoryId
from envmgr.domain.values.policy import Policy
from envmgr.domain.values.schedule import Windows
from envmgr.domain.values.tags import own, tags_for
from envmgr.engine.context.layout import Layout
from envmgr.engine.context.leases import Leases
from envmgr.engine.context.services import Services
from envmgr.engine.context.tenant import Access, Project, Tenant
from envmgr.engine.reconcile.poller import Poller
from envmgr.engine.reconcile.reconciler import Reconciler
from envmgr.engine.reconcile.workers import Workers
from envmgr.ports import Remote, StepLimits, Terraform
from tests.support.memory_store import MemoryStore

from .cloud import MemoryCloud
from .git import MemoryGit, MemoryRepository
from .kept import MemoryBinaries, NoProviders
from .probe import MemoryProbe
from .processes import Host
from .states import StatePlace
from .steps import MemorySteps
from .terraform import MemoryTerraform, Point

T = TypeVar("T")
Objection = Callable[[Environment], str]
SHOP = RepositoryId("acme", "shop")
RULES = Policy(branches=("env-*",), confirmations=2, grace_period=timedelta(minutes=5), max_at_once=2)
MODULE = """
variable "environment" { type = string }
variable "tags" { type = map(string) }
variable "size" { default = "small" }
resource "aws_sqs_queue" "app" {
  input = "${var.environment} ${var.size}"
  tags  = var.tags
}
output "url" { value = "http://${var.environment}" }
"""
BROKEN = (
    MODULE
    + 'resource "aws_sqs_queue" "broken" {\n  tags = var.tags\n  provisioner "local-exec" { command = "exit 1" }\n}\n'
)


class Killed(BaseException):
    """The process is dead: nothing of it goes on."""


@dataclass
class Life:
    """One process of envmgr. Dies at the call with the number `dies_at`, `after` it was done or before."""

    process: ProcessId
    dies_at: int | None = None
    after: bool = False
    calls: int = 0
    is_dead: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def through(self, port: T) -> T:
        """The port as this process has it."""
        return cast("T", _Mortal(self, port))

    def begin(self) -> bool:
        """Counts a call; whether it is the last, and to be done."""
        with self._lock:
            if self.is_dead:
                raise Killed
            self.calls += 1
            if self.calls != self.dies_at:
                return False
            self.is_dead = True
        if not self.after:
            raise Killed
        return True


class _Mortal:
    def __init__(self, life: Life, port: object) -> None:
        self._life, self._port = life, port

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not callable(found):
            return found

        def call(*arguments: Any, **named: Any) -> Any:
            is_last = self._life.begin()
            done = found(*arguments, **named)
            if is_last:
                raise Killed
            return done

        return call


class World:
    """An organization `acme` with a repository `shop`, and the processes of envmgr that work on it, one after another."""

    def __init__(self, folder: Path, policy: Policy = RULES, deploy: DeployRules | None = None) -> None:
        """`deploy` says how code comes to run, if there is any."""
        self.folder, self.policy, self.deploy = folder, policy, deploy or DeployRules()
        self.now = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
        self.shop = MemoryRepository("memory:shop")
        self.shop.commit("main", {"README.md": "hello"})
        self.store, self.place, self.cloud = MemoryStore(), StatePlace(), MemoryCloud()
        self.git, self.probe = MemoryGit(self.shop), MemoryProbe()
        self.host = Host(lambda: self.now)
        self.binaries, self.steps = MemoryBinaries(), MemorySteps(self.host)
        self.terraform = MemoryTerraform(
            self.host, self.cloud, lambda backend: (self.place, str(backend[1]["key"])), lambda: self.now
        )
        self.terraform.at = self._at
        self.may_destroy: Objection = lambda _: ""
        self.broken: list[str] = []
        self.life = Life(self.host.start())
        self.application = self._compose()

    # --- what happens ---

    def push(self, name: str, module: str = MODULE, **files: str) -> str:
        """A commit on `env-NAME`."""
        return self.shop.commit(f"env-{name}", {"terraform/main.tf": module, **files})

    def delete(self, name: str) -> None:
        """The branch goes away."""
        self.shop.delete(f"env-{name}")

    def turn(self, times: int = 1, **pause: float) -> None:
        """Poll and work, so many times, with a pause before each; a process that dies of it is followed by another."""
        for _ in range(times):
            self.now += timedelta(**pause)
            try:
                self.application.poller.poll(self.application.services.projects[SHOP])
                self.application.workers.run_until_settled(
                    self.application.services.projects.values(), frozenset()
                )
            except Killed:
                pass
            if self.life.is_dead:
                self.restart()

    def restart(
        self, *, kills_terraform: bool = False, dies_at: int | None = None, after: bool = False
    ) -> None:
        """The process ends where it is, and another begins, which may die, too."""
        self.application.workers.close()
        self.application.services.leases.close()
        self.life.is_dead = True
        self.host.end(self.life.process)
        if kills_terraform:
            for child in self.terraform.running:
                self.terraform.kill(child)
        self.life = Life(self.host.start(), dies_at, after)
        self.application = self._compose()

    # --- what there is ---

    def environment(self, name: str) -> Environment:
        """The record of an environment."""
        found = self.store.environment(EnvironmentId("acme", "shop", name))
        assert found is not None, f"no environment {name}"
        return found

    def status(self, name: str) -> Status:
        """Where it stands."""
        return self.environment(name).status

    def in_cloud(self, name: str) -> list[str]:
        """What the cloud has of an environment."""
        identity = EnvironmentId("acme", "shop", name)
        return list(MemoryCloud.remaining(self.cloud, own(tags_for(identity, f"env-{name}"))))

    def actions(self, name: str) -> list[str]:
        """What happened to an environment, by the events."""
        return [e.action for e in self.store.events(EnvironmentId("acme", "shop", name))]

    def check(self) -> None:
        """Raises where a promise was broken: by what Terraform was made to do, or by what is there now."""
        for name in {arn.split("/")[2] for arn in self.cloud.resources}:
            record = self.environment(name)
            if not record.is_open or record.claim is None:
                self.broken.append(f"{name} is {record.status}, but the cloud has {self.in_cloud(name)}")
        assert not self.broken, self.broken

    # --- the promises ---

    def _at(self, point: Point) -> None:
        """Looked at wherever Terraform has come to, before it goes on."""
        if point.command == "apply" and point.step != "written":
            self.life.begin()  # as good a moment to die as a call
        key = str(point.workspace.backend[1]["key"])
        if point.command != "apply" or point.step != "locked":
            return
        record = self.environment(key.split("/")[2])
        claim, name = record.claim, record.id.name
        if claim is None:
            self.broken.append(f"{name}: applied without a claim")
            return
        if self.store.leases(self.now).get(record.id) is None:
            self.broken.append(f"{name}: applied without a lease")
        if record.applied.fingerprint is not None and not point.destroys:
            self.broken.append(f"{name}: passes for applied while it is being applied")
        if self.place.objects.get(record.id.kept_key) is None:
            self.broken.append(f"{name}: nothing is kept beside its state")
        if claim.commit not in self.git.kept(record.id):
            self.broken.append(f"{name}: the commit {claim.commit[:10]} is not kept")
        wanted = self.shop.commits[claim.commit].files["terraform/main.tf"]
        if (point.workspace.root / "main.tf").read_bytes() != wanted:
            self.broken.append(f"{name}: not the code of its claim")
        if point.destroys and (why := self.may_destroy(record)):
            self.broken.append(f"{name}: destroyed, but {why}")

    # --- wiring ---

    def _compose(self) -> Runtime:
        services = self._services()
        reconciler = Reconciler(services)
        return Runtime(
            services=services,
            poller=Poller(services),
            reconciler=reconciler,
            workers=Workers(services, reconciler),
            stopping=threading.Event(),
        )

    def _services(self) -> Services:
        life, layout = self.life, Layout(self.folder / "data").create()
        store, clock = life.through(self.store), lambda: self.now
        tenant = self._tenant(life.through(self.terraform))
        return Services(
            layout=layout,
            store=store,
            git=life.through(self.git),
            modules=Modules(packaged_folder(), layout.modules),
            binaries=life.through(self.binaries),
            providers=lambda _: NoProviders(),
            leases=Leases(store, clock, life.process, self.host),
            steps=life.through(self.steps),
            sites=life.through(self.steps),
            zips=life.through(self.steps),
            probe=life.through(self.probe),
            clock=clock,
            owner=life.process,
            processes=self.host,
            actor="daemon",
            tenants={"acme": tenant},
            projects={SHOP: self._project(tenant)},
            disk_reserve=0,
            retention=timedelta(days=30),
            seal=Seal(b"k" * 32),
            origin=Origin(database="memory", host="memory", folder="data"),
        )

    def _tenant(self, terraform: Terraform) -> Tenant:
        return Tenant(
            name="acme",
            backend=("s3", {"bucket": "states"}),
            binary="terraform",
            terraform=terraform,
            concurrency=1,
            patience=timedelta(minutes=10),
            check_sandbox=lambda: "",
            access=lambda: Access(environment={}, redact=Redactor([])),
            open_state=lambda *_: self.life.through(self.place.open()),
            open_clouds=lambda *_: [self.life.through(self.cloud)],
            home=None,
            open_places=lambda *_: {},
            is_new=lambda: all(e.claim is None for e in self.store.environments(organization="acme")),
        )

    def _project(self, tenant: Tenant) -> Project:
        return Project(
            id=SHOP,
            tenant=tenant,
            branches=("env-*",),
            interval=timedelta(minutes=1),
            source=(SourceKind.DIRECTORY, "terraform"),
            variables={},
            policy=replace(self.policy, deploy=self.deploy.digest),
            remote=lambda: Remote(repository=SHOP, url=self.shop.url),
            module_tree=lambda: "",
            ticks=CALENDAR,
            drift=DriftRules(action="off"),
            windows=Windows(),
            step_limits=StepLimits(output=10_000),
            deploy_rules=lambda _: self.deploy,
        )
