"""How the forge of a repository is made, for each kind."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from envmgr.adapters.forge import gitea, github, gitlab
from envmgr.adapters.forge.azure_devops import place as azure_place
from envmgr.adapters.forge.azure_devops.forge import AzureDevOps
from envmgr.adapters.forge.azure_devops.sign_in import AccessTokenSignIn, EntraSignIn, account_of
from envmgr.adapters.forge.bitbucket import cloud, data_center
from envmgr.adapters.forge.github.app import JwtSignIn
from envmgr.config.sections.forge.forge import Identity
from envmgr.domain.rules.forge.place import is_bitbucket_cloud
from envmgr.domain.values.forge import ForgeKind
from envmgr.ports.forge import Forge

from .parts import Maker, Parts

if TYPE_CHECKING:
    from envmgr.adapters.forge.signing import SignIn
    from envmgr.host.credentials.azure import AzureAccount


def _github(parts: Parts) -> Forge:
    base, dialect, pause = github.base(parts.url), github.dialect(parts.where), github.write_pause(parts.url)
    app = parts.section.app
    if app is None:
        return github.GitHub(parts.client(base, dialect, parts.token(), pause), parts.repository)
    jwt = JwtSignIn(app.id, parts.read(app.key), parts.where)
    sign_in = github.AppSignIn(parts.client(base, dialect, jwt, whose=f"app {app.id}"), parts.repository)
    # What is left to be asked is each installation's own, of which there is one for each owner.
    owner = parts.repository.partition("/")[0]
    client = parts.client(base, dialect, sign_in, pause, f"app {app.id} of {owner}")
    return github.GitHub(client, parts.repository, sign_in)


def _bitbucket(parts: Parts) -> Forge:
    if is_bitbucket_cloud(parts.url):
        base, page = cloud.places(parts.url)
        asks = parts.client(base, cloud.dialect(parts.where), parts.token())
        return cloud.BitbucketCloud(asks, parts.repository, page)
    client = parts.client(f"{parts.url}{data_center.API}", data_center.dialect(parts.where), parts.token())
    return data_center.BitbucketDataCenter(client, parts.repository, parts.url)


def _azure_devops(parts: Parts) -> Forge:
    place = azure_place.place_of(parts.url, parts.repository)
    dialect, identity = azure_place.dialect(parts.where), parts.section.identity
    sign_in: SignIn
    if identity is None:
        whose, sign_in = None, AccessTokenSignIn(parts.token().read, parts.where)
    else:
        whose = f"identity {identity.client_id}"
        sign_in = EntraSignIn(partial(_account, parts, identity), parts.where)
    client = parts.client(place.base, dialect, sign_in, whose=whose)
    people = client
    if place.identities != place.base:
        people = parts.client(place.identities, dialect, sign_in, whose=whose)
    return AzureDevOps(client, people, place, needs_labels=parts.needs_labels)


def _account(parts: Parts, identity: Identity) -> "AzureAccount":
    secret = parts.read(identity.client_secret)() if identity.client_secret is not None else None
    return account_of(parts.environ, identity.tenant_id, identity.client_id, secret)


def _gitlab(parts: Parts) -> Forge:
    client = parts.client(f"{parts.url}/api/v4", gitlab.dialect(parts.where), parts.token())
    return gitlab.GitLab(client, parts.repository)


def _gitea(parts: Parts) -> Forge:
    sign_in = parts.token(form="token {}")
    client = parts.client(f"{parts.url}/api/v1", gitea.dialect(parts.where), sign_in)
    return gitea.Gitea(client, parts.repository)


MAKERS: Mapping[ForgeKind, tuple[str, Maker]] = {
    ForgeKind.GITHUB: ("GitHub", _github),
    ForgeKind.BITBUCKET: ("Bitbucket", _bitbucket),
    ForgeKind.AZURE_DEVOPS: ("Azure DevOps", _azure_devops),
    ForgeKind.GITLAB: ("GitLab", _gitlab),
    ForgeKind.GITEA: ("Gitea", _gitea),
}
"""For each kind its name, as people know it, and what makes one."""


def where(kind: ForgeKind, url: str) -> str:
    """A forge in sentences: its name, and the host where that is not what everybody thinks of."""
    name, host = MAKERS[kind][0], urlsplit(url).hostname or ""
    return (
        name
        if host in ("github.com", "gitlab.com", "bitbucket.org", "dev.azure.com")
        else f"{name} at {host}"
    )
