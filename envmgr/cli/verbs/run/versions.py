"""`envmgr versions list`, `install` and `remove`."""

import click

from envmgr.cli import table
from envmgr.cli.command import LazyGroup, json_option, pass_invocation, verb
from envmgr.cli.invocation import Invocation
from envmgr.cli.screen import emit, emit_json_rows, say, width
from envmgr.cli.work import work
from envmgr.commands.pipeline import versions
from envmgr.config.sections.size import format_size
from envmgr.domain.values.names import counted
from envmgr.views.asking import VersionObject

_SECTIONS = {
    "Verbs": {
        "list": ("run.versions", "What is kept here, and who needs it."),
        "install": ("run.versions", "Fetch and verify a version now."),
        "remove": ("run.versions", "Remove a version that nothing needs."),
    }
}
_COLUMNS = (
    table.Column("TOOL"),
    table.Column("VERSION"),
    table.Column("NEEDED BY"),
    table.Column("SIZE", drop=1),
)
_organization_option = click.option(
    "--organization", metavar="NAME", help="Whose tool, source and keys. [the only ones there are]"
)


@click.group("run.versions", cls=LazyGroup, sections=_SECTIONS)
def versions_command() -> None:
    """Versions of Terraform or OpenTofu that were fetched, as `terraform: {version: …}` asks for them."""


@verb("list", example="envmgr versions list")
@json_option
@pass_invocation
def list_command(invocation: Invocation, as_json: bool) -> None:
    """Versions that are kept here, and which environments were applied with each."""
    with work(invocation) as runtime:
        found = versions.listed(runtime)
    if as_json:
        emit_json_rows(map(_as_object, found))
    elif found:
        emit("\n".join(table.render(_COLUMNS, [_row(each) for each in found], width())))
    else:
        say(
            "None are kept: they are fetched when an environment needs them, or by `envmgr versions install`."
        )


@verb("install", example="envmgr versions install 1.11.4")
@click.argument("version")
@_organization_option
@pass_invocation
def install_command(invocation: Invocation, version: str, organization: str | None) -> None:
    """Fetch a version now, as for a host that will be without a way out; it is verified like any other."""
    with work(invocation) as runtime:
        tool, path = versions.install(runtime, version, organization)
    emit(f"{tool} {version} is verified and kept: {path}.")


@verb("remove", example="envmgr versions remove 1.10.5")
@click.argument("version")
@_organization_option
@pass_invocation
def remove_command(invocation: Invocation, version: str, organization: str | None) -> None:
    """Remove a version; refused while an environment was applied with it."""
    with work(invocation) as runtime:
        tool = versions.remove(runtime, version, organization)
    emit(f"{tool} {version} is removed.")


def _as_object(found: versions.Needed) -> VersionObject:
    kept = found.kept
    return {
        "tool": found.tool,
        "version": kept.version,
        "path": kept.path,
        "size": kept.size,
        "environments": list(found.by),
    }


def _row(found: versions.Needed) -> tuple[str, ...]:
    shown = found.by[0] if len(found.by) == 1 else counted(len(found.by), "environment")
    return (found.tool, found.kept.version, shown if found.by else "nothing", format_size(found.kept.size))
