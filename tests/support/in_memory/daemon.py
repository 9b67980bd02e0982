"""Where processes of envmgr run in a `World`, one after another, each composed by the world's rules."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from threading import Event
from typing import TYPE_CHECKING

from envmgr.adapters.calendar import CALENDAR
from envmgr.adapters.modules import Modules, packaged_folder
from envmgr.adapters.policy.rego import RegoPolicies
from envmgr.commands.audit import Audit
from envmgr.commands.runtime import Runtime
from envmgr.config.sections.secrets import Redactor
from envmgr.daemon.drift_watch import due, inspect
from envmgr.domain.audit.compare import Finding
from envmgr.domain.documents.owner import Installation
from envmgr.domain.documents.seal import Seal
from envmgr.domain.errors import EnvironmentBusy, EnvmgrError, Interrupted
from envmgr.domain.rules.access.freezing import in_force
from envmgr.domain.values.environment import SourceKind
from envmgr.domain.values.origins.named import Named
from envmgr.engine.context.hosts import Fleet
from envmgr.engine.context.layout import Layout
from envmgr.engine.context.organization import Access, Organization, Repository
from envmgr.engine.context.services import Services
from envmgr.engine.reconcile.poller import Poller
from envmgr.engine.reconcile.reconciler import Reconciler
from envmgr.ports import Remote, StepLimits, Terraform

from .kept import NoProviders
from .life import Killed, Life
from .processes import Host
from .registry import MemoryRegistry
from .rules import SHOP
from .straight import StraightHealth, StraightLeases, StraightLogs, StraightWorkers
from .terraform import MemoryTerraform

if TYPE_CHECKING:
    from .world import World


class Daemon:
    """One of a host's daemons, or a person there: a process that is followed by another where it dies."""

    def __init__(self, world: "World", host: Host, terraform: MemoryTerraform, actor: str = "daemon") -> None:
        self._world, self._host, self._terraform, self._actor = world, host, terraform, actor
        self.checks = ""
        """The environment that is being looked at for drift."""
        self.life = Life(host.start())
        self.application = self._compose()

    def turn(self, **pause: float) -> None:
        """After a pause: polls and works."""
        self._world.forward(**pause)
        self.does(self._pass)

    def work(self) -> None:
        """Works on what is due, without a look at the remote."""
        self.does(self._work)

    def look_for_drift(self) -> None:
        """Checks all that are due."""
        self.does(self._check)

    def ask_health(self) -> None:
        """Asks all that are watched."""
        self.does(self._health.tick)

    def findings(self) -> tuple[Finding, ...]:
        """What an audit finds."""
        return Audit(self.application, self.application.services.organizations["acme"]).findings()

    def does(self, work: Callable[[], object]) -> None:
        """Has this process do something, from which it may die; another follows it then."""
        self._world.acting.append(self)
        try:
            work()
        except Killed:
            pass
        finally:
            self._world.acting.pop()
            self.checks = ""
        if self.life.is_dead:
            self.restart()

    def holds(self, key: str) -> bool:
        """Whether it has, as far as it knows, the lease of the environment with this state."""
        ours = self.application.services.leases._ours
        return any(lease is not None and lease.environment.state_key == key for lease in ours.values())

    def restart(self, *, dies_at: int | None = None, after: bool = False) -> None:
        """The process ends where it is, and another begins, which may die, too."""
        self.application.workers.close()
        self.application.services.leases.close()
        self.life.is_dead = True
        self._host.end(self.life.process)
        self.life = Life(self._host.start(), dies_at, after)
        self.application = self._compose()

    def _pass(self) -> None:
        application = self.application
        application.poller.poll(application.services.repositories[SHOP])
        self._work()

    def _work(self) -> None:
        application = self.application
        application.workers.run_until_settled(application.services.repositories.values(), frozenset())

    def _check(self) -> None:
        for environment in due(self.application, "acme"):
            self.checks = environment.label
            try:
                inspect(self.application, environment.id)
            except (EnvironmentBusy, Interrupted, EnvmgrError):
                continue

    # --- wiring ----------------------------------------------------------------------------------

    def _compose(self) -> Runtime:
        services = self._services()
        reconciler = Reconciler(services)
        made = Runtime(
            services=services,
            poller=Poller(services),
            workers=StraightWorkers(services, reconciler),
            stopping=Event(),
        )
        self._health = StraightHealth(made)
        return made

    def _services(self) -> Services:
        world, life = self._world, self.life
        layout = Layout(world.folder / self._host.name).create()
        store, steps = life.through(world.store), life.through(world.steps)
        fleet = Fleet(store, self._host.clock, life.process, self._host)
        organization = self._organization(life.through(self._terraform))
        return Services(
            layout=layout,
            store=store,
            git=life.through(world.git),
            modules=Modules(packaged_folder(), layout.modules),
            binaries=life.through(world.binaries),
            providers=lambda _: NoProviders(),
            leases=StraightLeases(store, self._host.clock, life.process, self._host, fleet),
            fleet=fleet,
            logs=StraightLogs(),
            steps=steps,
            sites=steps,
            zips=steps,
            probe=life.through(world.probe),
            registry=MemoryRegistry(),
            policies=life.through(RegoPolicies()),
            clock=self._host.clock,
            owner=life.process,
            processes=self._host,
            actor=self._actor,
            organizations={"acme": organization},
            repositories={SHOP: self._repository(organization)},
            disk_reserve=0,
            retention=timedelta(days=30),
            seal=Seal(b"k" * 32),
            installation=Installation(database="memory", host="memory", folder="data"),
        )

    def _organization(self, terraform: Terraform) -> Organization:
        world, life = self._world, self.life
        return Organization(
            name="acme",
            backend=("s3", {"bucket": "states"}),
            binary="terraform",
            terraform=terraform,
            concurrency=1,
            patience=timedelta(minutes=10),
            check_sandbox=lambda: "",
            access=lambda: Access(environment={}, redact=Redactor([])),
            open_state=lambda *_: life.through(world.place.open()),
            open_clouds=lambda *_: [life.through(world.cloud)],
            home=None,
            open_places=lambda *_: {"aws": lambda: world.cloud},
            is_new=lambda: all(e.claim is None for e in world.store.environments(organization="acme")),
        )

    def _repository(self, organization: Organization) -> Repository:
        world, rules, life = self._world, self._world.rules, self.life
        store = self.life.through(world.store)
        repository = Repository(
            id=SHOP,
            organization=organization,
            branches=("env-*",),
            interval=timedelta(minutes=1),
            source=(SourceKind.DIRECTORY, "terraform"),
            variables={},
            policy=replace(rules.policy, deploy=rules.deploy.digest),
            remote=lambda: Remote(repository=SHOP, url=world.shop.url),
            module_tree=lambda: "",
            ticks=CALENDAR,
            drift=rules.drift,
            ttl=rules.ttl,
            schedule=rules.schedule,
            windows=rules.windows,
            step_limits=StepLimits(output=10_000),
            gates=rules.gates,
            forge=life.through(rules.forge) if rules.forge is not None else None,
            forge_rules=rules.forge_rules,
            previews=rules.previews,
            pull=lambda number: store.pull_requests.get(SHOP, number),
            cage=rules.cage,
            deploy_rules=lambda _: rules.deploy,
            frozen=lambda now: in_force(store.freezes.all(), SHOP, now),
        )
        parts = {
            name: replace(
                repository,
                application=name,
                folder=name,
                needs=needs,
                source=(SourceKind.DIRECTORY, f"{name}/terraform"),
            )
            for name, needs in rules.applications.items()
        }
        made = replace(repository, applications=parts)
        return replace(made, environments={each.name: followed(made, each) for each in rules.named})


def followed(repository: Repository, named: Named) -> Repository:
    """What a repository is for a named environment."""

    def of(each: Repository) -> Repository:
        policy = replace(each.policy, branches=branches, protected=("*",), is_named=True)
        return replace(each, branches=branches, follows=named, policy=policy)

    branches = (named.branch or named.tags or "",)
    return repository.everywhere(of)
