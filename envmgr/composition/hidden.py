"""What of this host a step in a sandbox may not see: envmgr's own, and everybody's secrets."""

import os
import pwd
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from envmgr.config.expand import secrets_of
from envmgr.config.load import Configuration
from envmgr.config.sections.secrets import Secret, SecretReference, secret_path

# Where systemd, ssh's agent and envmgr keep credentials of a service or a session.
_FOLDERS = ("CREDENTIALS_DIRECTORY", "RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR", "HOME")
_SYSTEM = Path("/usr")


def hidden_paths(
    configuration: Configuration, config: Path, data_dir: Path, environ: Mapping[str, str]
) -> Sequence[Path]:
    """Folders and files: data, configuration, homes, secrets' files and local states of all organizations.

    What the system itself lies in is left out: a service's home may be `/`.
    """
    paths = {config, data_dir, *_of_user(environ), *_of_organizations(configuration, environ)}
    return sorted(path for path in map(Path.absolute, paths) if not _SYSTEM.is_relative_to(path.resolve()))


def _of_user(environ: Mapping[str, str]) -> Iterator[Path]:
    yield from (Path(environ[name]) for name in _FOLDERS if environ.get(name))
    # A user by number alone, as in a container, is in no list of users.
    with suppress(KeyError):
        yield Path(pwd.getpwuid(os.getuid()).pw_dir)


def _of_organizations(configuration: Configuration, environ: Mapping[str, str]) -> Iterator[Path]:
    secrets: list[Secret] = list(configuration.settings.secrets)
    for organization in configuration.organizations:
        secrets += secrets_of(organization)
        if organization.backend.local and organization.backend.local.path:
            yield Path(organization.backend.local.path)
        if organization.terraform.cli_config:
            yield Path(organization.terraform.cli_config)
    for secret in secrets:
        path = secret_path(secret, environ) if isinstance(secret, SecretReference) else None
        if path is not None:
            yield path
