"""`envmgr config check`, `init`, `schema` and `issuer`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from envmgr.cli.command import LazyGroup, json_option, pass_invocation, verb
from envmgr.cli.invocation import Invocation
from envmgr.cli.screen import emit, emit_json, say
from envmgr.config import document
from envmgr.config.load import Configuration, ConfigurationError, load
from envmgr.config.sections.application import Application, CodeSource, in_order
from envmgr.config.sections.models import RepositorySection
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.names import counted

if TYPE_CHECKING:
    from envmgr.views import objects

_MISTAKES = 2
_SECTIONS = {
    "Verbs": {
        "check": ("start.config", "Check all files."),
        "init": ("start.config", "Write a commented organization file."),
        "schema": ("start.config", "Print the JSON Schema for editors."),
        "issuer": ("start.config", "Write what a cloud checks our tokens by."),
    }
}


@click.group("start.config", cls=LazyGroup, sections=_SECTIONS)
def config_command() -> None:
    """The organization files: check them, write a first one, get the JSON Schema, publish an issuer."""


@verb("check", example="envmgr config check\nenvmgr config check --config ./acme.yaml")
@json_option
@pass_invocation
def check_command(invocation: Invocation, as_json: bool) -> int:
    """Check all files; all mistakes are shown at once, as `file:line: path: what and how to fix it`."""
    path = invocation.config
    try:
        configuration = load(path, invocation.environ)
    except ConfigurationError as error:
        if as_json:
            wrong: objects.ConfigurationObject = {
                "problems": list(error.problems),
                "warnings": [],
                "organizations": [],
            }
            emit_json(wrong)
        else:
            emit("\n".join(error.problems))
            emit(counted(len(error.problems), "problem"))
        return _MISTAKES
    if as_json:
        emit_json(_document(configuration))
    else:
        _print(path, configuration)
    return 0


def _print(path: Path, configuration: Configuration) -> None:
    for organization in configuration.organizations:
        emit(f"{organization.organization}: state in {organization.backend.type}")
        for repository in organization.repositories:
            code = "" if repository.applications else f" ({_code(repository.terraform, '.')})"
            emit(f"  {repository.name}: {_watched(repository)} of {repository.url}{code}")
            for application in in_order(repository.applications):
                emit(f"    {_application(application)}")
        if not organization.repositories:
            emit("  no repositories yet")
    for warning in (*configuration.warnings, *configuration.missing):
        say(f"warning: {warning}")
    emit(f"{path}: no problems")


def _watched(found: RepositorySection) -> str:
    """What has environments: branches by their patterns, pull requests by the name of theirs, and the named."""
    previews = [f"pull requests as {found.previews.name}"] if found.previews is not None else []
    named = [f"{each.branch or f'tags {each.tags}'} as {each.name}" for each in found.environments]
    return ", ".join([*found.branches, *previews, *named])


def _application(found: Application) -> str:
    needs = f", needs {' and '.join(found.needs)}" if found.needs else ""
    return f"{found.name} ({_code(found.terraform, found.place)}{needs})"


def _code(source: CodeSource, folder: str) -> str:
    return f"module {source.module}" if source.module else f"folder {source.path_in(folder)}"


def _document(configuration: Configuration) -> "objects.ConfigurationObject":
    return {
        "problems": [],
        "warnings": [*configuration.warnings, *configuration.missing],
        "organizations": [
            {
                "organization": organization.organization,
                "backend": organization.backend.type,
                "repositories": [
                    {"name": r.name, "url": r.url, "branches": list(r.branches)}
                    for r in organization.repositories
                ],
            }
            for organization in configuration.organizations
        ],
    }


@verb("init", example="envmgr config init ./config\nenvmgr config init /etc/envmgr/acme.yaml")
@click.argument("path", required=False, type=click.Path(path_type=Path))
@pass_invocation
def init_command(invocation: Invocation, path: Path | None) -> None:
    """Write a commented organization file at PATH (a file, or a folder for it), and its JSON Schema beside it."""
    chosen = path or invocation.config
    file = chosen if chosen.suffix in {".yaml", ".yml"} else chosen / "organization.yaml"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as target:
            target.write(document.sample())
        schema = file.parent / document.SCHEMA_FILE
        if not schema.exists():
            schema.write_text(json.dumps(document.json_schema(), indent=2) + "\n", encoding="utf-8")
    except FileExistsError as error:
        raise NeedsPerson(f"{file} already exists and was left as it is: name another path.") from error
    except OSError as error:
        raise NeedsPerson(f"{file} cannot be written ({error.strerror}): name another path.") from error
    emit(f"Wrote {file}.")
    say(f"Put your repositories there, then: envmgr --config {file.parent} config check")


@verb("schema", example="envmgr config schema > organization.schema.json")
def schema_command() -> None:
    """Print the JSON Schema of all files, for editors."""
    emit_json(document.json_schema())


@verb("issuer", example="envmgr config issuer acme /var/www/envmgr")
@click.argument("organization")
@click.argument("folder", type=click.Path(path_type=Path))
@pass_invocation
def issuer_command(invocation: Invocation, organization: str, folder: Path) -> None:
    """Write to FOLDER the two files that are to be had at the `issuer` of `credentials`: they hold no secret.

    Azure or AWS fetches them to check the tokens that runs of the ORGANIZATION sign in with.
    """
    from envmgr.config.sections.secrets import resolve
    from envmgr.host.credentials.azure_token import IssuerKey, published
    from envmgr.host.system import sentences

    found = load(invocation.config, invocation.environ).organization(organization)
    signing = found.credentials.signing if found is not None else None
    if signing is None:
        raise NeedsPerson(
            f"{organization} signs no tokens: give its file `credentials: {{azure: {{issuer: …, signing_key: …}}}}`, or "
            "the same under `aws`."
        )
    issuer, secret = signing
    key = IssuerKey(resolve(secret, invocation.environ))
    with sentences("The files cannot be written", folder):
        for name, text in published(issuer, key).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
    emit(f"Wrote {folder}.")
    say(f"Publish it, so that {issuer}/.well-known/openid-configuration is to be had.")
