"""Whether all that an environment needs is where each of several hosts finds it."""

from collections.abc import Iterator
from pathlib import Path

from envmgr.commands.runtime import Runtime
from envmgr.domain.errors import EnvmgrError, NeedsPerson
from envmgr.domain.values.names import counted
from envmgr.engine.context.organization import Organization
from envmgr.engine.context.seals import is_own

_LOOKED_AT = 20
"""Environments whose states are looked for, of each organization."""


def check(runtime: Runtime, hosts: int) -> None:
    """Raises NeedsPerson where `hosts` work by these records and one of them alone has the key, or the states."""
    services = runtime.services
    if hosts < 2 or not services.fleet.is_shared:
        return
    if is_own(services.seal, services.layout):
        raise NeedsPerson(
            f"{hosts} hosts work by these records, and the bundle key is only in {services.layout.bundle_key}: what one of "
            "them keeps, another cannot use. Give all of them the same one as daemon.bundle_key."
        )
    for organization in services.organizations.values():
        if why := next(_apart(runtime, organization), ""):
            raise NeedsPerson(
                f"{hosts} hosts work by these records, and {why}: use a backend that all hosts see, S3 or Azure, or "
                "mount one folder on all of them."
            )


def _apart(runtime: Runtime, organization: Organization) -> Iterator[str]:
    """Why the states of an organization are not where all hosts find them, as far as that can be seen from here."""
    kind, settings = organization.backend
    if kind != "local":
        return
    services, path = runtime.services, Path(str(settings["path"]))
    if services.layout.holds(organization.backend):
        yield f"the states of {organization.name} are in this host's own data folder ({path})"
    records = services.store.environments(organization=organization.name)
    applied = [
        e for e in records if e.applied.resources and e.claim and e.claim.backend == organization.backend
    ]
    missing = [e.label for e in applied[:_LOOKED_AT] if not _is_there(organization, e.id.state_key)]
    if missing:
        yield (
            f"of {counted(len(applied[:_LOOKED_AT]), 'environment')} of {organization.name} the state of {missing[0]} is not in "
            f"{path} as this host sees it, though it was applied"
        )


def _is_there(organization: Organization, key: str) -> bool:
    try:
        return organization.state().get(key) is not None
    except EnvmgrError:  # the check of the backend says so
        return True
