"""Keeping disk and database bounded: what nothing needs any more is deleted, never what is in use."""

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path

import structlog

from envmgr.commands.forge.tokens import warn_of_ends
from envmgr.domain.audit.compare import KEPT
from envmgr.domain.errors import EnvironmentBusy, EnvmgrError
from envmgr.domain.values.environment import Claim, Environment, RunStatus, SourceKind
from envmgr.domain.values.hosts.duty import Task
from envmgr.domain.values.names import EnvironmentId, RepositoryId
from envmgr.engine.context import by_hand, logs
from envmgr.engine.context.layout import Layout
from envmgr.engine.context.services import Services
from envmgr.engine.context.tidying import each_part
from envmgr.engine.source import kept, sealing, step_caches
from envmgr.engine.source.tool import noted
from envmgr.engine.source.workspaces import holds_state
from envmgr.host.leftovers import ASIDE, clear
from envmgr.host.temporary import Temporary

log = structlog.get_logger()

PROVIDERS = timedelta(days=30)


def tidy(services: Services, is_ending: Callable[[], bool] = lambda: False) -> None:
    """One round: records and logs past their retention, modules, binaries and workspaces without an owner.

    What may take minutes comes last, once there is room; where `is_ending` says so it ends early, and so does all of it.
    """
    environments = services.store.environments()
    claims = [e.claim for e in environments if e.claim is not None]
    parts: tuple[Callable[[], object], ...] = (
        # First: what it forgets of runs is what keeps their logs.
        lambda: _tidy_what_is_shared(services, is_ending),
        lambda: _prune_logs(services),
        lambda: logs.catch_up(services),
        lambda: logs.prune_copies(services),
        lambda: kept.clear_left(services),
        services.leases.prune,
        lambda: services.modules.prune(_modules(claims)),
        lambda: services.binaries.prune(claim.terraform_version for claim in claims),
        lambda: _prune_releases(services, claims),
        lambda: _prune_workspaces(services, environments, is_ending),
        lambda: _prune_providers(services, claims),
        lambda: step_caches.prune(services, environments),
        lambda: _tidy_mirrors(services, environments, is_ending),
        lambda: _seal_anew(services, environments, is_ending),
    )
    each_part(parts, is_ending)


def _seal_anew(
    services: Services, environments: Sequence[Environment], is_ending: Callable[[], bool]
) -> None:
    if services.fleet.takes(Task.TIDYING):
        sealing.seal_anew(services, environments, is_ending)


def _tidy_what_is_shared(services: Services, is_ending: Callable[[], bool]) -> None:
    """What is not this host's alone; of several hosts one does it."""
    if not services.fleet.takes(Task.TIDYING):
        return
    each_part(
        (
            lambda: services.store.prune(services.clock() - services.retention),
            *(partial(logs.prune, services, each) for each in services.organizations.values()),
            lambda: _keep_what_was_set(services),
            lambda: _prune_archives(services),
            lambda: warn_of_ends(services),
        ),
        is_ending,
    )


def _keep_what_was_set(services: Services) -> None:
    for repository in services.repositories:
        by_hand.catch_up(services, repository, all_of_them=True)


def _prune_releases(services: Services, claims: Iterable[Claim]) -> None:
    """What was applied with a version is destroyed with it, so that one stays."""
    used = {claim.terraform_version for claim in claims}
    for organization in services.organizations.values():
        releases = organization.releases
        if releases is not None:
            releases.prune(
                [each.version for each in releases.kept() if noted(releases, each.version) in used]
            )


def _modules(claims: Iterable[Claim]) -> list[tuple[str, str]]:
    return [(c.source.path, c.source.tree) for c in claims if c.source.kind is SourceKind.MODULE]


def _prune_logs(services: Services) -> None:
    """Deletes logs whose run is gone from the database, and a step's own output that outlived its run.

    Only of this database: what another one knows, as one in whose place this is, is not ours to judge. Older releases
    named logs by the number alone; of these go those that no database would keep any more.
    """
    layout, begun = services.layout, services.clock() - services.retention
    for path in layout.own_logs.glob("*/*.log*"):
        if _number(path) is not None and path.parent.name.isdigit():
            _prune_log(services, path)
    for path in layout.logs.glob("[0-9][0-9][0-9][0-9]*/*.log*") if layout.records else ():
        run = services.store.run(_number(path) or 0)
        is_known = run is not None and run.log == str(path.with_suffix(".log").relative_to(layout.root))
        if is_known or (path.parent.name.isdigit() and path.stat().st_mtime < begun.timestamp()):
            _prune_log(services, path, is_known=is_known)


def _number(path: Path) -> int | None:
    number = path.name.partition(".")[0]
    return int(number) if number.isdigit() else None


def _prune_log(services: Services, path: Path, *, is_known: bool = True) -> None:
    run = services.store.run(_number(path) or 0) if is_known else None
    is_left = path.name.endswith(".log.output") and run is not None and run.status is not RunStatus.RUNNING
    if run is None or is_left:
        path.unlink(missing_ok=True)


def _prune_workspaces(
    services: Services, environments: Iterable[Environment], is_ending: Callable[[], bool]
) -> None:
    """Deletes working folders of environments that are closed, under their lease."""
    open_ones = {e.id for e in environments}
    found = services.layout.workspaces.glob("*/*/*")
    each_part((partial(_prune_workspace, services, path, open_ones) for path in found), is_ending)


def _prune_workspace(services: Services, path: Path, open_ones: Collection[EnvironmentId]) -> None:
    if path.name.startswith(ASIDE):
        clear(path)
        return
    organization, repository, component = path.relative_to(services.layout.workspaces).parts
    identity = EnvironmentId.of_component(RepositoryId(organization, repository), component)
    if identity not in open_ones:
        _remove(services, identity, path)


def _remove(services: Services, identity: EnvironmentId, path: Path) -> None:
    try:
        with services.leases.hold(identity, "housekeeping"):
            found = services.store.environment(identity)
            # Asked again under the lease. A folder may hold the only copy of a state that could not be
            # written to its backend.
            if (found is None or not found.is_open) and not holds_state(path):
                Temporary(services.layout.temporary(identity)).clear()
                clear(path)
    except EnvironmentBusy:
        return


def _prune_providers(services: Services, claims: Iterable[Claim]) -> None:
    layout = services.layout
    for folder in layout.providers("").glob("*"):
        locks = [c.lock_file for c in claims if c.lock_file and c.tags.get("organization") == folder.name]
        spaces = partial(layout.workspaces.glob, f"{folder.name}/*/*/terraform")
        try:
            services.providers(folder.name).prune(locks, spaces, PROVIDERS.total_seconds())
        except OSError as error:
            log.warning(f"Terraform's providers: {error}", action="providers-not-pruned")
    _remove_shared_providers(layout)


def _remove_shared_providers(layout: Layout) -> None:
    """Deletes the cache that all organizations shared in older releases, once no working folder leads there."""
    old = layout.cache / "providers"
    links = layout.workspaces.glob("*/*/*/terraform/providers/*/*/*/*/*")
    if old.is_dir() and not any(link.is_symlink() and link.readlink().is_relative_to(old) for link in links):
        clear(old)
        clear(layout.cache / "satisfied")


def _prune_archives(services: Services) -> None:
    for organization in services.organizations.values():
        try:
            organization.state().prune(services.clock() - KEPT)
        except EnvmgrError as error:
            log.warning(str(error), action="archive-not-pruned", organization=organization.name)


def _tidy_mirrors(
    services: Services, environments: Iterable[Environment], is_ending: Callable[[], bool]
) -> None:
    branches: dict[RepositoryId, list[str]] = {identity: [] for identity in services.repositories}
    for environment in environments:
        branches.setdefault(environment.id.repository_id, []).extend((environment.branch, environment.ref))
    open_ones = {environment.id for environment in environments}
    for repository, wanted in branches.items():
        if is_ending():  # each may take minutes
            return
        try:
            _let_go(services, repository, open_ones)
            services.git.tidy(repository, wanted)
        except EnvmgrError as error:
            log.warning(str(error), action="mirror-not-tidied", repository=str(repository))


def _let_go(services: Services, repository: RepositoryId, open_ones: Collection[EnvironmentId]) -> None:
    """Ends the keeping of commits for environments that were closed by a process that died right then."""
    for identity in services.git.keeping(repository):
        if identity in open_ones:
            continue
        with suppress(EnvironmentBusy), services.leases.hold(identity, "housekeeping"):
            found = services.store.environment(identity)
            if found is None or found.claim is None:
                services.git.let_go(identity)
