"""Versions of Terraform and OpenTofu that are kept here: which, for whom, and those that a person fetches or removes."""

from collections.abc import Sequence
from dataclasses import dataclass

from envmgr.commands.runtime import Runtime
from envmgr.domain.errors import NeedsPerson, NotThere, UsageError
from envmgr.domain.values.names import counted, first
from envmgr.engine.source.tool import noted
from envmgr.ports.kept import KeptVersion, Releases


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """A version that is kept, and which environments were applied with it (their labels)."""

    tool: str
    kept: KeptVersion
    by: Sequence[str]


def listed(runtime: Runtime) -> list[Needed]:
    """All that is kept, the oldest version first."""
    users = _users(runtime)
    return [
        Needed(tool=releases.tool, kept=each, by=users.get(noted(releases, each.version), ()))
        for releases in _all(runtime)
        for each in releases.kept()
    ]


def install(runtime: Runtime, version: str, organization: str | None = None) -> tuple[str, str]:
    """Fetches and verifies a version now; gives its tool and path. Raises as the port does."""
    releases = _one(runtime, organization)
    path = releases.install(version)
    runtime.services.record(None, "version-installed", f"{releases.tool} {version} was fetched and verified.")
    return releases.tool, path


def remove(runtime: Runtime, version: str, organization: str | None = None) -> str:
    """Removes a version that no environment was applied with; gives its tool."""
    releases = _one(runtime, organization)
    users = _users(runtime).get(noted(releases, version), ())
    if users and any(each.version == version for each in releases.kept()):
        said = first(users, 3, ", ", " and {} more")
        raise NeedsPerson(
            f"{releases.tool} {version} is needed by {said}: what was applied with it is destroyed with it."
        )
    if not releases.remove(version):
        raise NotThere(f"{releases.tool} {version} is not kept here; `envmgr versions list` shows what is.")
    runtime.services.record(None, "version-removed", f"{releases.tool} {version} was removed.")
    return releases.tool


def _all(runtime: Runtime) -> list[Releases]:
    """Those of all organizations, each once; the same folder may serve several."""
    organizations = runtime.services.organizations.values()
    found = {
        (each.releases.tool, each.releases.place): each.releases for each in organizations if each.releases
    }
    return list(found.values())


def _one(runtime: Runtime, organization: str | None) -> Releases:
    organizations = runtime.services.organizations
    if organization is not None and organization not in organizations:
        raise NotThere(f"There is no organization {organization}.")
    chosen = organizations.values() if organization is None else [organizations[organization]]
    found = {(each.releases.tool, each.releases.place): each.releases for each in chosen if each.releases}
    if not found:
        raise NeedsPerson(
            "No organization asks for versions: give `terraform: {version: …}` in its file; until then it uses terraform.binary."
        )
    if len(found) > 1:
        raise UsageError(
            f"Organizations use {counted(len(found), 'kind')} of releases: name one by --organization."
        )
    return next(iter(found.values()))


def _users(runtime: Runtime) -> dict[str, list[str]]:
    """By a version as claims note it, the labels of the environments that were applied with it."""
    users: dict[str, list[str]] = {}
    for environment in runtime.services.store.environments():
        if environment.claim is not None:
            users.setdefault(environment.claim.terraform_version, []).append(environment.label)
    return users
