"""Whether all is there that envmgr needs: each check gives a sentence, or raises one with what to do."""

from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from envmgr.commands.hosts import sharing
from envmgr.commands.runtime import Runtime
from envmgr.config.load import Configuration, load
from envmgr.config.locate import service_data
from envmgr.config.settings import Settings
from envmgr.config.settings_file import read_settings
from envmgr.domain.errors import EnvmgrError, NeedsPerson
from envmgr.domain.rules.origins.following import is_there
from envmgr.domain.rules.sign_in import opened
from envmgr.domain.values.cage import CageLimits, CageRules
from envmgr.domain.values.names import counted, matches_any
from envmgr.engine.context import ownership
from envmgr.engine.context.layout import Layout, free_bytes, rights
from envmgr.engine.context.organization import Organization, Repository
from envmgr.engine.context.seals import seal_of
from envmgr.engine.reconcile.listing import asked_of, listed
from envmgr.host.cage.trial import limited, tried
from envmgr.host.children.hidden import has_own_users, hidepid, unseen
from envmgr.host.programs import located, reported_version
from envmgr.ports import Store

# No environment has such a name; asking for it shows whether the credentials let us look.
_NOBODY = {"environment": "0-doctor", "managed-by": "envmgr"}


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The outcome of one check."""

    check: str
    ok: bool
    message: str


@dataclass(frozen=True, slots=True)
class Host:
    """Where envmgr is to run: its configuration (file or folder), its data folder, and how its records are opened."""

    config: Path
    data_dir: Path
    environ: Mapping[str, str]
    open_records: Callable[[], Store]


def look(check: str, find: Callable[[], str]) -> CheckResult:
    """Does one check; what envmgr foresees becomes its result."""
    try:
        return CheckResult(check, True, find())
    except EnvmgrError as error:
        return CheckResult(check, False, str(error))


def of_this_host(host: Host) -> Iterator[CheckResult]:
    """What needs no organization."""
    yield look("configuration", lambda: _configuration(load(host.config, host.environ)))
    yield look("git", _git)
    yield look("processes", _processes)
    yield look("data folder", lambda: _data_folder(host))
    yield look("disk", lambda: _disk(Layout(host.data_dir).create(), _settings(host)))
    yield look("database", lambda: _database(host))
    yield look("bundle key", lambda: _bundle_key(host))


def of_organizations(runtime: Runtime) -> Iterator[CheckResult]:
    """What each organization needs, and whether each remote answers."""
    if any(p.cage.kind != "none" or p.cage.limits != CageLimits() for p in _repositories(runtime)):
        yield look("limits", limited)
    yield look("hosts", lambda: _hosts(runtime))
    for organization in runtime.services.organizations.values():
        name = organization.name
        yield look(f"terraform {name}", lambda organization=organization: _terraform(organization))  # type: ignore[misc]
        if organization.sandbox != "none":
            yield look(f"sandbox {name}", organization.check_sandbox)
        for rules in _cages(runtime, organization):
            yield look(f"cage {name}", lambda rules=rules, name=name: _cage(runtime, name, rules))  # type: ignore[misc]
        credentials = look(f"credentials {name}", lambda of=organization: _credentials(of))  # type: ignore[misc]
        yield credentials
        # Without secrets the next three could only say the same again.
        if credentials.ok:
            yield look(f"backend {name}", lambda organization=organization: organization.state().ensure())  # type: ignore[misc]
            yield look(f"owner {name}", lambda organization=organization: _owner(runtime, organization))  # type: ignore[misc]
            yield look(f"clouds {name}", lambda organization=organization: _clouds(organization))  # type: ignore[misc]
    with ThreadPoolExecutor(runtime.poll_workers) as pool:
        yield from pool.map(
            lambda p: look(f"repository {p.id}", lambda: _remote(runtime, p)),
            _repositories(runtime),
        )


def _hosts(runtime: Runtime) -> str:
    """Whether this host may take work, all that should be heard of are, and all find what they need."""
    fleet = runtime.services.fleet
    hosts = fleet.beat().hosts
    if why := next(filter(None, map(fleet.why_passive, runtime.services.organizations)), ""):
        raise NeedsPerson(why)
    if silent := [host.name for host in hosts if host.is_silent]:
        raise NeedsPerson(
            f"Nothing was heard of {' and '.join(silent)} for half a minute: start envmgr there, or, if a host is gone for "
            f"good, `envmgr hosts forget {silent[0]}`."
        )
    sharing.check(runtime, len(hosts))
    working = sum(host.lives for host in hosts)
    return f"{working or 'no'} {'daemon works' if working == 1 else 'daemons work'} by these records"


def _cages(runtime: Runtime, organization: Organization) -> list[CageRules]:
    """One of each network, and of what may be read, that the cages of an organization's repositories have."""
    rules = [p.cage for p in _repositories(runtime) if p.organization is organization]
    return list({(each.network.reach, each.readable): each for each in rules if each.kind != "none"}.values())


def _cage(runtime: Runtime, organization: str, rules: CageRules) -> str:
    """Whether a cage has an organization's providers to read, and nothing else of the data folder and of local states."""
    services = runtime.services
    providers = services.providers(organization).shared()
    backends = [each.backend for each in services.organizations.values()]
    states = [Path(str(settings["path"])).absolute() for kind, settings in backends if kind == "local"]
    folders = dict.fromkeys([services.layout.root.absolute(), *states])
    return tried(rules, providers, [path for folder in folders for path in _beside(folder, providers)])


def _beside(folder: Path, way: Path) -> Iterator[Path]:
    """What lies in a folder and is not on the way to a path in it."""
    for entry in folder.iterdir() if folder.is_dir() else ():
        if not way.is_relative_to(entry):
            yield entry
        elif entry != way:
            yield from _beside(entry, way)


def _repositories(runtime: Runtime) -> Collection[Repository]:
    return runtime.services.repositories.values()


def _configuration(found: Configuration) -> str:
    repositories = sum(len(o.repositories) for o in found.organizations)
    said = f"{counted(len(found.organizations), 'organization')}, {counted(repositories, 'repository', 'repositories')}"
    return "; ".join([said, *(f"warning: {warning}" for warning in found.warnings)])


def _git() -> str:
    path = located("git", "git 2.34 or newer")
    return f"{reported_version(path)} ({path})"


def _processes() -> str:
    """Whether it can be seen what an earlier envmgr left running: else that counts as running."""
    hides = hidepid()
    if hides and has_own_users():
        raise NeedsPerson(
            f"/proc hides from this user namespace what runs as the same user outside of it ({hides}), so that what an earlier "
            "envmgr started is waited for though it may have ended: take `ProtectProc=` out of the unit, or `hidepid` from /proc."
        )
    if (number := unseen()) is not None:
        raise NeedsPerson(
            f"Nothing can be read of process {number}, which runs as envmgr's user: while it lives, no run that died is taken over, "
            "as it may be that run's Terraform. Wait for its end, or end it where it is none."
        )
    return f"all that runs as this user can be seen{f' ({hides})' if hides else ''}"


def _data_folder(host: Host) -> str:
    layout = Layout(host.data_dir).create()
    mode = rights(layout.root)
    if mode & 0o077:
        raise NeedsPerson(f"{layout.root} is open to other users ({mode:o}): `chmod 700 {layout.root}`.")
    because = f", the service's for {host.config}" if layout.root == service_data(host.config) else ""
    return f"{layout.root} is private to its owner{because}"


def _disk(layout: Layout, settings: Settings) -> str:
    free, reserve = free_bytes(layout.root) // 10**6, settings.disk_reserve // 10**6
    if free < reserve:
        raise NeedsPerson(
            f"Only {free} MB are free in {layout.root}, and no run starts below {reserve} MB: make room, or lower "
            "daemon: disk_reserve."
        )
    return f"{free} MB are free in {layout.root}"


def _settings(host: Host) -> Settings:
    try:
        return read_settings(host.config)
    except EnvmgrError:
        return Settings()  # the check of the configuration says what is wrong there


def _database(host: Host) -> str:
    store = host.open_records()
    try:
        return store.check()
    finally:
        store.close()


def _bundle_key(host: Host) -> str:
    layout, key = Layout(host.data_dir).create(), _settings(host).bundle_key
    mark = seal_of(key, layout, host.environ).mark
    if key is not None:
        return f"{mark}, as configured"
    return (
        f"{mark}, only in {layout.bundle_key}: without it a lost data folder is not rebuilt by itself; keep a copy "
        "elsewhere, or give one as daemon.bundle_key"
    )


def _terraform(organization: Organization) -> str:
    releases = organization.releases
    if releases is not None:
        kept = [each.version for each in releases.kept()]
        return f"{organization.known_version()}, kept here: {', '.join(kept) or 'none yet, it is fetched when needed'}"
    version = organization.terraform.version(organization.binary)
    return f"{version} ({located(organization.binary, 'Terraform')})"


def _credentials(organization: Organization) -> str:
    environment = organization.access().environment
    if not environment:
        return "none are configured"
    said = f"all secrets can be read, {counted(len(environment), 'environment variable')}"
    static = opened(
        environment,
        has_roles=organization.has_roles,
        has_tokens=organization.has_tokens,
        has_signature=organization.has_signature,
    )
    return f"{said}; warning: {static}" if static else said


def _owner(runtime: Runtime, organization: Organization) -> str:
    ownership.require(runtime.services, organization, marking=False)
    return (
        "this data folder's"
        if organization.ownership.is_marked
        else "nobody's yet: the first apply makes it this data folder's"
    )


def _clouds(organization: Organization) -> str:
    clouds = organization.clouds(())
    for cloud in clouds:
        cloud.remaining(_NOBODY)
    said = (
        f"{len(clouds)} can be searched by tags"
        if clouds
        else "no cloud is configured: what Terraform destroys there could not be verified"
    )
    return said + _without_subscription(organization.access().environment)


def _without_subscription(environment: Mapping[str, str]) -> str:
    """A warning where somebody signs in to Azure, maybe for the backend alone, and names no subscription."""
    if environment.get("ARM_SUBSCRIPTION_ID") or not environment.get("ARM_CLIENT_ID"):
        return ""
    return (
        "; warning: ARM_CLIENT_ID is set and ARM_SUBSCRIPTION_ID is not, so that nothing on Azure can be verified: "
        "set it in environment_variables"
    )


def _remote(runtime: Runtime, repository: Repository) -> str:
    services = runtime.services
    services.git.check(repository.id)
    listing = listed(services, repository, None, asked_of(services, repository))
    recorded = services.store.repository(repository.id)
    if recorded.error and not recorded.failures:  # it answers, and yet something about it waits for a person
        raise NeedsPerson(recorded.error)
    number = sum(matches_any(branch, repository.branches) for branch in listing.branches)
    said = f"it answers; branches matching {', '.join(repository.branches)}: {number}"
    missing = [each.name for each in repository.asked.named if not is_there(each, listing)]
    return f"{said}; nothing there yet for {' and '.join(missing)}" if missing else said
