"""How the forge of a repository is made, for each kind."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from envmgr.adapters.forge import github
from envmgr.adapters.forge.github.app import JwtSignIn
from envmgr.domain.values.forge import ForgeKind
from envmgr.ports.forge import Forge

from .parts import Maker, Parts


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


MAKERS: Mapping[ForgeKind, tuple[str, Maker]] = {
    ForgeKind.GITHUB: ("GitHub", _github),
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
