"""From files to a checked configuration, or to all that is wrong with them at once."""

import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from envmgr.config.sections.daemon import DaemonFile
from envmgr.config.sections.forge.forge import secrets_of_forge
from envmgr.config.sections.models import OrganizationFile, RepositorySection
from envmgr.config.sections.pipeline.images import Image
from envmgr.config.sections.run_credentials import RunCredentials
from envmgr.config.sections.secrets import (
    Secret,
    SecretReference,
    exposure,
    looks_secret,
    password_in,
    shortness,
)
from envmgr.config.sections.watching import watched_twice
from envmgr.domain.errors import UsageError
from envmgr.domain.values.names import RepositoryId

from . import parsing
from .missing import missing
from .parsing import parse, validate
from .settings import Settings, config_files
from .uncaged import uncaged
from .yaml_tree import Path as KeyPath
from .yaml_tree import Problem, Tree

_MAX_FILE = 4 << 20
_Model = TypeVar("_Model", bound=BaseModel)


class ConfigurationError(UsageError):
    """The configuration has mistakes: `problems` has a line for each, `file:line: path: what and how to fix it`."""

    def __init__(self, problems: Sequence[str]) -> None:
        """Takes at least one line."""
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """All organizations, the daemon's settings, and sentences about what is accepted but deserves a look.

    `missing` are such sentences, too: of files that are not there on this host.
    """

    organizations: tuple[OrganizationFile, ...]
    settings: Settings
    warnings: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    def organization(self, name: str) -> OrganizationFile | None:
        """The organization of a name; None where no file has it."""
        return next((item for item in self.organizations if item.organization == name), None)

    def repositories(self) -> Iterator[tuple[RepositoryId, OrganizationFile, RepositorySection]]:
        """Every repository with its organization, in the files' order."""
        for organization in self.organizations:
            for repository in organization.repositories:
                yield RepositoryId(organization.organization, repository.name), organization, repository


@dataclass(slots=True)
class _File:
    """One file on its way to a model."""

    path: Path
    tree: Tree
    model: BaseModel | None = None

    @property
    def name(self) -> str:
        return str(self.path)

    def lines(self) -> list[str]:
        return parsing.lines(self.name, self.tree)

    def add(self, path: KeyPath, sentence: str) -> None:
        self.tree.problems.append(Problem(self.tree.line(path), path, sentence))

    def warning(self, path: KeyPath, sentence: str) -> str:
        return f"{self.name}:{Problem(self.tree.line(path), path, sentence)}"


def load(path: Path, environ: Mapping[str, str] | None = None) -> Configuration:
    """Reads the organization files (and daemon settings) of a file or folder.

    Raises ConfigurationError with every problem of every file. `environ` is only used to find files of
    secrets for the warnings.
    """
    files = [_read(file) for file in _find(path)]
    _check_unique(files)
    _check_watched_once(files)
    organizations = [file.model for file in files if isinstance(file.model, OrganizationFile)]
    problems = [line for file in files for line in file.lines()]
    if not problems and not organizations:
        problems = [f"{path}: there is no organization file; `envmgr config init` writes one"]
    if problems:
        raise ConfigurationError(problems)
    return Configuration(
        organizations=tuple(organizations),
        settings=next(
            (file.model.settings() for file in files if isinstance(file.model, DaemonFile)), Settings()
        ),
        warnings=tuple(line for file in files for line in _warnings(file, environ or {})),
        missing=tuple(line for file in files for line in _missing(file)),
    )


def is_settings(value: Mapping[str, object]) -> bool:
    """Whether a file's top keys are those of the settings, and not an organization's."""
    return "organization" not in value and not value.keys().isdisjoint(("daemon", "server"))


def load_settings(files: Sequence[Path]) -> Settings:
    """The daemon's settings among some files; the defaults where none of them is a file of settings."""
    read = [_read(file, only_settings=True) for file in files]
    _check_unique(read)
    if problems := [line for file in read for line in file.lines()]:
        raise ConfigurationError(problems)
    return next((file.model.settings() for file in read if isinstance(file.model, DaemonFile)), Settings())


def unreadable(folder: Path, error: OSError) -> ConfigurationError:
    """That a folder of files cannot be listed."""
    return ConfigurationError([f"{folder}: the folder cannot be read ({error.strerror}); check its rights"])


def _find(path: Path) -> Sequence[Path]:
    try:
        files = config_files(path)
    except OSError as error:
        raise unreadable(path, error) from error
    if not files:
        raise ConfigurationError(
            [f"{path}: there is no *.yaml file in this folder; `envmgr config init` writes one"]
        )
    return files


def _read(path: Path, *, only_settings: bool = False) -> _File:
    file = _File(path, Tree())
    content = _content(file)
    if content is None:
        return file
    file.tree = parse(content)
    value = file.tree.value
    if isinstance(value, dict) and is_settings(value):
        file.model = _validate(file, DaemonFile)
    elif not only_settings:
        file.model = _organization(file)
    else:
        file.tree.problems.clear()
    return file


def _content(file: _File) -> bytes | None:
    try:
        with file.path.open("rb") as stream:
            content = stream.read(_MAX_FILE + 1)
    except FileNotFoundError:
        file.add((), "there is no such file; `envmgr config init` writes one")
    except OSError as error:
        file.add((), f"it cannot be read ({error.strerror}); check its rights")
    else:
        if len(content) <= _MAX_FILE:
            return content
        file.add((), "it is larger than 4 MiB; is it the right file?")
    return None


def _organization(file: _File) -> OrganizationFile | None:
    if file.tree.value is None and not file.tree.problems:
        file.add((), "it is empty; `envmgr config init` writes one to start from")
    return _validate(file, OrganizationFile) if file.tree.value is not None else None


def _validate(file: _File, model: type[_Model]) -> _Model | None:
    if not isinstance(file.tree.value, dict):
        file.add((), "it must be a mapping of keys to values, beginning with `organization: …`")
        return None
    return validate(file.tree, model, file.tree.value)


def _check_unique(files: Sequence[_File]) -> None:
    """One file for each organization, one of settings; one repository of a name in each.

    Looks at what is written, not at the models: also a file with other mistakes is told.
    """
    first: dict[str, _File] = {}
    settings: _File | None = None
    for file in files:
        value = file.tree.value if isinstance(file.tree.value, dict) else {}
        if is_settings(value):
            if settings is not None:
                file.add((next(iter(value)),), f"{settings.name} has daemon settings already; keep one")
            settings = settings or file
        elif isinstance(name := value.get("organization"), str):
            if name in first:
                file.add(("organization",), f"{first[name].name} is {name} already; rename or join them")
            first.setdefault(name, file)
        _check_repositories(file, value.get("repositories"))


def _check_repositories(file: _File, repositories: object) -> None:
    first: dict[str, int] = {}
    for index, repository in enumerate(repositories if isinstance(repositories, list) else ()):
        name = repository.get("name") if isinstance(repository, dict) else None
        if not isinstance(name, str):
            continue
        path = ("repositories", index, "name")
        if name in first:
            line = file.tree.line(("repositories", first[name], "name"))
            file.add(path, f"a repository {name} is there already, on line {line}; rename one")
        first.setdefault(name, index)


def _check_watched_once(files: Sequence[_File]) -> None:
    """Each branch of each address by one entry: else it would get two environments."""
    entries = [
        ((file, index), repository.url, repository.branches)
        for file in files
        if isinstance(file.model, OrganizationFile) and not file.tree.problems  # which may be why
        for index, repository in enumerate(file.model.repositories)
    ]
    for (file, index), (other, before), branch in watched_twice(entries):
        where = f"{other.name}:{other.tree.line(('repositories', before))}"
        file.add(
            ("repositories", index, "branches"),
            f"the entry at {where} watches the same branches of the same address (such as {branch}); keep one of them, "
            "give each its own branches, or list `applications` in one",
        )


# --- warnings --------------------------------------------------------------------------------


def _warnings(file: _File, environ: Mapping[str, str]) -> Iterator[str]:
    if file.model is not None:
        for path, secret in secrets_in(file.model):
            if sentence := exposure(secret, environ) or _literal_exposure(file, path, secret):
                yield file.warning(path, sentence)
            if sentence := shortness(str(path[-1]), secret, environ):
                yield file.warning(path, sentence)

    if isinstance(file.model, OrganizationFile):
        for path, sentence in uncaged(file.model):
            yield file.warning(path, sentence)
    if (
        isinstance(file.model, DaemonFile)
        and file.model.server is not None
        and file.model.server.settings().is_exposed
    ):
        yield file.warning(
            ("server", "listen"),
            "others on the network can read tokens on their way; give `tls`, or an https `public_url` of a proxy in "
            "front, or listen on 127.0.0.1",
        )


def _missing(file: _File) -> Iterator[str]:
    if isinstance(file.model, OrganizationFile):
        for path, sentence in missing(file.model):
            yield file.warning(path, sentence)


def _literal_exposure(file: _File, path: KeyPath, secret: Secret) -> str | None:
    if isinstance(secret, SecretReference) or not (looks_secret(str(path[-1])) or password_in(secret)):
        return None
    if not file.path.stat().st_mode & stat.S_IROTH:
        return None
    return "everybody on this machine can read this secret; write a reference such as {file: /path} instead"


def secrets_in(model: BaseModel) -> Iterator[tuple[KeyPath, Secret]]:
    """Every literal or reference of a file where a secret may be, with its path."""
    if isinstance(model, DaemonFile):
        for name in ("database", "bundle_key"):
            if (secret := getattr(model.daemon, name)) is not None:
                yield ("daemon", name), secret
        oidc = model.server.sign_in.oidc if model.server is not None else None
        if oidc is not None and oidc.client_secret is not None:
            yield ("server", "sign_in", "oidc", "client_secret"), oidc.client_secret
    elif isinstance(model, OrganizationFile):
        for name, secret in model.environment_variables.items():
            yield ("environment_variables", name), secret
        yield from _signing(("credentials",), model.credentials)
        yield from _of_notifications(model)
        for index, repository in enumerate(model.repositories):
            at: KeyPath = ("repositories", index)
            for name, secret in _credentials(repository):
                yield (*at, "credentials", name), secret
            for way, secret in secrets_of_forge(repository.forge):
                yield ("repositories", index, "forge", *way), secret
            yield from _logins(at, repository.images)
            for number, environment in enumerate(repository.environments):
                of = (*at, "environments", number)
                yield from _logins(of, environment.images)
                if environment.credentials is not None:
                    yield from _signing((*of, "credentials"), environment.credentials)


def _signing(at: KeyPath, found: RunCredentials) -> Iterator[tuple[KeyPath, Secret]]:
    for name, section in (("aws", found.aws), ("azure", found.azure)):
        if section is not None and section.signing_key is not None:
            yield (*at, name, "signing_key"), section.signing_key


def _logins(at: KeyPath, images: Iterable[Image]) -> Iterator[tuple[KeyPath, Secret]]:
    for number, image in enumerate(images):
        if image.credentials is not None:
            yield (*at, "images", number, "credentials", "password"), image.credentials.password


def _of_notifications(model: OrganizationFile) -> Iterator[tuple[KeyPath, Secret]]:
    for index, notification in enumerate(model.notifications):
        for name in ("url", "secret"):
            if (secret := getattr(notification, name)) is not None:
                yield ("notifications", index, name), secret


def _credentials(repository: RepositorySection) -> Iterator[tuple[str, Any]]:
    credentials = repository.credentials
    for name in ("password", "ssh_key", "known_hosts") if credentials else ():
        if (secret := getattr(credentials, name)) is not None:
            yield name, secret
