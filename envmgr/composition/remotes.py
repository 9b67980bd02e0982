"""How the remotes of repositories are reached."""

from collections.abc import Mapping

from envmgr.config.sections.models import RepositorySection
from envmgr.config.sections.secrets import resolve
from envmgr.domain.values.names import RepositoryId
from envmgr.ports import Remote


def remote_of(environ: Mapping[str, str], identity: RepositoryId, section: RepositorySection) -> Remote:
    """A repository's remote, with its credentials as they are now; raises NeedsPerson where one cannot be read."""
    credentials = section.credentials
    if credentials is None:
        return Remote(repository=identity, url=section.url)
    secrets = {
        name: resolve(value, environ)
        for name in ("password", "ssh_key", "known_hosts")
        if (value := getattr(credentials, name)) is not None
    }
    return Remote(repository=identity, url=section.url, username=credentials.username, **secrets)
