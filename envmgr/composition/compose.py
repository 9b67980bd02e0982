"""The composition root: the only place that names concrete adapters."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from envmgr.adapters.calendar import CALENDAR
from envmgr.adapters.cloud.connect import (
    open_places,
)
from envmgr.adapters.git.mirrors import Mirrors
from envmgr.adapters.health.probe import HealthProbe
from envmgr.adapters.modules import Modules, packaged_folder
from envmgr.adapters.package.upload import ZipUpload
from envmgr.adapters.policy.rego import RegoPolicies
from envmgr.adapters.processes import Processes, current_process
from envmgr.adapters.registry.client import Registries
from envmgr.adapters.site.upload import SiteUpload
from envmgr.adapters.state.connect import open_state_store
from envmgr.adapters.steps.runner import StepRunner
from envmgr.adapters.steps.sandbox import Bubblewrap
from envmgr.adapters.terraform.binaries import Binaries
from envmgr.adapters.terraform.commands import TerraformCommands
from envmgr.adapters.terraform.providers.cache import ProviderCache
from envmgr.adapters.terraform.signed_in import SignedIn
from envmgr.commands.runtime import Runtime
from envmgr.config.branch_file import BranchFile
from envmgr.config.expand import (
    access_of,
    as_named,
    backend_settings,
    build_of,
    commands_of,
    deploy_rules_of,
    drift_rules_of,
    effective,
    gates_of,
    named_of,
    policy_for,
    process_environment,
    redactor_for,
    schedule_of,
    windows_of,
)
from envmgr.config.load import Configuration, load
from envmgr.config.sections.application import Application as ApplicationSection
from envmgr.config.sections.application import CodeSource, in_order
from envmgr.config.sections.models import OrganizationFile, RepositorySection
from envmgr.domain.values.asking.person import on_host
from envmgr.domain.values.deployment import DeployRules
from envmgr.domain.values.digest import digest
from envmgr.domain.values.environment import ProcessId, SourceKind
from envmgr.domain.values.names import EnvironmentId, RepositoryId
from envmgr.domain.values.origins.named import Named
from envmgr.domain.values.step import Step
from envmgr.engine.context.forge_tally import ForgeTally
from envmgr.engine.context.hosts import try_to_beat
from envmgr.engine.context.layout import Layout
from envmgr.engine.context.organization import Access, Organization, Repository, TimeToLive
from envmgr.engine.context.seals import seal_of
from envmgr.engine.context.services import Services
from envmgr.engine.context.shared_clock import present
from envmgr.engine.reconcile.poller import Poller
from envmgr.engine.reconcile.reconciler import Reconciler
from envmgr.engine.reconcile.workers import Workers
from envmgr.host.identity import host_id
from envmgr.ports import Clock, GitLimits, Progress, StepLimits, Store, TerraformLimits

from . import frozen
from .clouds import clouds_of
from .digests import configured
from .forges import Shared, with_forges
from .frozen import freezing
from .held import held, queue_of
from .hidden import hidden_paths
from .images import following
from .left_over import left_over
from .records import open_installation
from .releases import with_releases
from .remotes import remote_of
from .sign_in import sign_in_of
from .webhooks import with_others


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What an application is composed from. `modules` is the folder of Terraform modules.

    `takes_over` makes organizations ours that another data folder worked on.
    """

    config: Path
    data_dir: Path
    actor: str
    environ: Mapping[str, str]
    clock: Clock = present
    modules: Path | None = None
    progress: Callable[[EnvironmentId, Progress], None] = lambda *_: None
    takes_over: bool = False


def compose(start: Start, before: Runtime | None = None) -> Runtime:
    """Everything wired; ConfigurationError where the files have mistakes, with nothing started.

    With the application `before` a reload keeps its store, leases and work.
    """
    configuration = load(start.config, start.environ)
    stopping = before.stopping if before else threading.Event()
    services = _services(start, configuration, stopping, before.services if before else None)
    if before is not None:
        try_to_beat(services.fleet)  # by which files this host works now
    frozen.keep(services, configuration)
    reconciler = Reconciler(services)
    shared = queue_of(configuration.settings, services.store)
    workers = before.workers if before else Workers(services, reconciler, shared)
    workers.reconfigure(services, reconciler)
    made = Runtime(
        services=services,
        poller=Poller(services),
        workers=workers,
        poll_workers=configuration.settings.poll_workers,
        stopping=stopping,
        person=on_host(start.actor),
        access={file.organization: access_of(file) for file in configuration.organizations},
    )
    return with_others(made, before, configuration, start.environ)


def _services(
    start: Start, configuration: Configuration, stopping: threading.Event, before: Services | None
) -> Services:
    layout = before.layout if before else Layout(start.data_dir).create()
    machine = before.owner.machine if before else host_id(layout.host)
    owner, processes = current_process(machine), Processes(machine)
    store, installation = (
        (before.store, before.installation)
        if before
        else open_installation(configuration.settings, layout, start.environ)
    )
    hidden = hidden_paths(configuration, start.config, layout.root, start.environ)
    fleet, leases = held(before, store, start.clock, owner, processes, layout)
    fleet.configure(configured(configuration))
    runner = StepRunner(processes.identify, hidden, own=start.environ)
    modules = Modules(start.modules or packaged_folder(), layout.modules)
    organizations = _organizations(start, layout, store, configuration, processes.identify)
    repositories = {
        identity: freezing(repository, store)
        for identity, repository in _repositories(start, configuration, organizations, modules).items()
    }
    repositories = following(repositories, configuration, store, start.environ)
    accounts: dict[object, Shared] = {}
    known = before.forge_accounts if before else {}
    repositories = with_forges(repositories, configuration, store, start.environ, accounts, known)
    return Services(
        layout=layout.of(installation.database),
        store=store,
        git=Mirrors(layout.mirrors, limits=lambda identity: _git_limits(repositories.get(identity))),
        modules=modules,
        binaries=Binaries(layout.binaries),
        providers=lambda organization: ProviderCache(layout.providers(organization)),
        leases=leases,
        fleet=fleet,
        steps=runner,
        sites=SiteUpload(),
        zips=ZipUpload(),
        probe=HealthProbe(start.environ),
        registry=Registries(start.environ),
        policies=RegoPolicies(),
        clock=fleet.clock,
        owner=owner,
        processes=processes,
        actor=start.actor,
        organizations=organizations,
        repositories=repositories,
        left_over=lambda repository: left_over(organizations.get(repository.organization), repository, store),
        disk_reserve=configuration.settings.disk_reserve,
        retention=configuration.settings.retention,
        seal=seal_of(configuration.settings.bundle_key, layout, start.environ),
        accepts_unsealed=configuration.settings.unsealed_bundles == "accept",
        installation=installation,
        takes_over=start.takes_over and before is None,
        warnings=configuration.warnings,
        stopping=stopping.is_set,
        progress=start.progress,
        forge_accounts=accounts,
        forge_tally=before.forge_tally if before else ForgeTally(),
    )


def _organizations(
    start: Start,
    layout: Layout,
    store: Store,
    configuration: Configuration,
    identify: Callable[[int], ProcessId],
) -> dict[str, Organization]:
    made = {
        file.organization: _organization(start, layout, store, file, configuration, identify)
        for file in configuration.organizations
    }
    return with_releases(made, configuration, layout, start.environ)


def _organization(
    start: Start,
    layout: Layout,
    store: Store,
    file: OrganizationFile,
    configuration: Configuration,
    identify: Callable[[int], ProcessId],
) -> Organization:
    backend = backend_settings(file, layout.root)
    terraform = file.terraform

    def access() -> Access:
        environment = process_environment(file, start.environ)
        # Of all organizations: what one of them may read by mistake is no less another's secret.
        redact = redactor_for(configuration.organizations, start.environ, configuration.settings.secrets)
        return Access(environment=environment, redact=redact)

    sign_in = sign_in_of(file, start.config, layout.credentials, start.environ)
    commands = TerraformCommands(
        layout.private(layout.providers(file.organization)),
        identify,
        cli_config=Path(terraform.cli_config) if terraform.cli_config else None,
        timeout=terraform.timeout,
    )
    return Organization(
        name=file.organization,
        backend=backend,
        binary=terraform.binary,
        terraform=SignedIn(commands, sign_in),
        sign_in=sign_in,
        has_roles=file.credentials.aws is not None,
        has_tokens=file.credentials.azure is not None,
        has_signature=file.credentials.container_signature is not None,
        concurrency=file.limits.concurrency,
        patience=file.limits.silence,
        sandbox=file.sandbox,
        check_sandbox=Bubblewrap(()).check,
        access=access,
        open_state=lambda chosen, environment: open_state_store(*chosen, environment),
        open_clouds=clouds_of,
        home=None if "HOME" in file.environment_variables else start.environ.get("HOME"),
        open_places=lambda environment, roots: open_places(environment, roots, start.environ.get("HOME")),
        is_new=lambda: all(e.claim is None for e in store.environments(organization=file.organization)),
    )


def _repositories(
    start: Start, configuration: Configuration, organizations: Mapping[str, Organization], modules: Modules
) -> dict[RepositoryId, Repository]:
    return {
        identity: _repository(start, identity, file, section, organizations[identity.organization], modules)
        for identity, file, section in configuration.repositories()
    }


def _repository(
    start: Start,
    identity: RepositoryId,
    file: OrganizationFile,
    section: RepositorySection,
    organization: Organization,
    modules: Modules,
) -> Repository:
    """A repository, and what it is for each of its named environments."""

    def composed(asked: RepositorySection) -> Repository:
        return _one_repository(start, identity, file, asked, organization, modules)

    named = {
        each.name: _followed(composed(as_named(section, each)), named_of(each))
        for each in section.environments
    }
    return replace(composed(section), environments=named)


def _followed(repository: Repository, named: Named) -> Repository:
    return repository.everywhere(
        lambda each: replace(each, follows=named, policy=replace(each.policy, is_named=True))
    )


def _one_repository(
    start: Start,
    identity: RepositoryId,
    file: OrganizationFile,
    section: RepositorySection,
    organization: Organization,
    modules: Modules,
) -> Repository:
    rules = effective(file, section)
    repository = Repository(
        id=identity,
        organization=organization,
        branches=section.branches,
        interval=rules.polling.interval,
        source=_source(section.terraform),
        variables=rules.variables,
        policy=policy_for(file, section, ""),
        remote=lambda: remote_of(start.environ, identity, section),
        module_tree=_module_tree(section.terraform, modules),
        ttl=TimeToLive(default=rules.ttl.default, max=rules.ttl.max),
        schedule=schedule_of(rules.schedule),
        windows=windows_of(rules.windows),
        drift=drift_rules_of(rules.drift),
        ticks=CALENDAR,
        step_limits=StepLimits(**dict(rules.limits.deploy)),
        git_limits=GitLimits(**dict(rules.limits.git)),
        terraform_limits=TerraformLimits(**dict(rules.limits.terraform)),
        cage=rules.cage.rules(),
        health_networks=rules.limits.health_networks,
        gates=gates_of(file, section),
        allow_branch_deploy=section.allow_branch_deploy,
        build=build_of(section.build),
    )
    if not section.applications:
        deploying = _deploying(repository, lambda branch_file: deploy_rules_of(section, branch_file))
        return _testing(deploying, commands_of(section.tests))
    parts = [_part(repository, application, modules) for application in in_order(section.applications)]
    return replace(repository, applications={part.application: part for part in parts})


def _git_limits(repository: Repository | None) -> GitLimits:
    """Those of a repository; of one that is not configured any more the usual ones."""
    return repository.git_limits if repository is not None else GitLimits()


def _part(repository: Repository, application: ApplicationSection, modules: Modules) -> Repository:
    """One application of a repository; a branch's own file says nothing of its deploy."""
    part = replace(
        repository,
        application=application.name,
        folder=application.place,
        needs=application.needs,
        source=_source(application.terraform, application.place),
        variables={**repository.variables, **application.variables},
        module_tree=_module_tree(application.terraform, modules),
        allow_branch_deploy=False,
    )
    deploying = _deploying(part, lambda _: deploy_rules_of(application))
    return _testing(deploying, commands_of(application.tests))


def _deploying(repository: Repository, rules: Callable[[BranchFile | None], DeployRules]) -> Repository:
    return replace(
        repository, deploy_rules=rules, policy=replace(repository.policy, deploy=rules(None).digest)
    )


def _testing(repository: Repository, tests: tuple[Step, ...]) -> Repository:
    identified = digest([asdict(step) for step in tests]) if tests else ""
    return replace(repository, tests=tests, policy=replace(repository.policy, tests=identified))


def _source(found: CodeSource, folder: str = ".") -> tuple[SourceKind, str]:
    return SourceKind.MODULE if found.module else SourceKind.DIRECTORY, found.path_in(folder)


def _module_tree(found: CodeSource, modules: Modules) -> Callable[[], str]:
    module = found.module
    return lambda: modules.tree(module) if module else ""
