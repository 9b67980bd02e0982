"""`envmgr hosts`, `hosts drain` and `hosts forget`."""

from collections.abc import Iterable, Sequence
from typing import Any

import click

from envmgr.cli import table
from envmgr.cli.command import LazyGroup, json_option, pass_invocation, verb
from envmgr.cli.invocation import Invocation
from envmgr.cli.screen import emit, emit_json_rows, moment, printable, say, width
from envmgr.cli.work import work
from envmgr.commands.hosts import standing
from envmgr.domain.values.hosts.host import HostStatus, Standing
from envmgr.views import asking

_SECTIONS = {
    "Verbs": {
        "list": ("run.hosts", "All hosts, and what each works on."),
        "drain": ("run.hosts", "Let a host take no new work."),
        "forget": ("run.hosts", "Say that a host is gone for good."),
    }
}
_COLUMNS = (
    table.Column("HOST"),
    table.Column("STATUS"),
    table.Column("VERSION", drop=2),
    table.Column("SINCE", drop=1),
    table.Column("HEARD OF"),
    table.Column("WORKS ON", least=20),
)


@click.group("run.hosts", cls=LazyGroup, sections=_SECTIONS, invoke_without_command=True)
@click.pass_context
def hosts_command(context: click.Context) -> int:
    """The hosts that work by these records. Without a verb: all of them."""
    if context.invoked_subcommand is not None:
        return 0
    return _show(context.ensure_object(Invocation), as_json=False)


@verb("list", example="envmgr hosts list", remote=True)
@json_option
@pass_invocation
def list_command(invocation: Invocation, as_json: bool) -> int:
    """All hosts, and what each works on; exit code 1 where one is silent."""
    return _show(invocation, as_json=as_json)


def _show(invocation: Invocation, *, as_json: bool) -> int:
    found, objects = _elsewhere(invocation) if invocation.server else _here(invocation)
    if as_json:
        emit_json_rows(objects)
    else:
        emit("\n".join(table.render(_COLUMNS, [_row(each) for each in found], width())))
        for each in found:
            if each.why:
                say(printable(each.why))
    return 1 if any(each.status is HostStatus.SILENT for each in found) else 0


def _here(invocation: Invocation) -> tuple[Sequence[Standing], Iterable[Any]]:
    with work(invocation) as runtime:
        found = standing.standings(runtime)
    return found, map(asking.host, found)


def _elsewhere(invocation: Invocation) -> tuple[Sequence[Standing], Iterable[Any]]:
    from envmgr.cli.remote.hosts import standings

    told = standings(invocation)
    return [found for found, _ in told], [each for _, each in told]


def _row(found: Standing) -> tuple[str, ...]:
    host = found.host
    works_on = ", ".join(f"{lease.environment} ({printable(lease.purpose)})" for lease in found.works_on)
    return (
        printable(host.name),
        found.status.value,
        printable(host.version),
        moment(host.started_at),
        _ago(host.silence.total_seconds()),
        works_on,
    )


def _ago(seconds: float) -> str:
    if seconds < 120:
        return f"{max(0, round(seconds))}s ago"
    return f"{round(seconds / 60)}m ago" if seconds < 7200 else f"{round(seconds / 3600)}h ago"


@verb("drain", example="envmgr hosts drain build-2", remote=True)
@click.argument("name")
@click.option("--off", is_flag=True, help="Let it take work again.")
@pass_invocation
def drain_command(invocation: Invocation, name: str, off: bool) -> None:
    """Let a host take no new work, as before its maintenance; what runs there goes on to its end."""
    if invocation.server:
        from envmgr.cli.remote.hosts import drain

        host = drain(invocation, name, draining=not off)
    else:
        with work(invocation) as runtime:
            host = standing.drain(runtime, name, draining=not off)
    emit(f"{host.name} takes new work again." if off else f"{host.name} takes no new work from now on.")


@verb("forget", example="envmgr hosts forget build-2", remote=True)
@click.argument("name")
@pass_invocation
def forget_command(invocation: Invocation, name: str) -> None:
    """Say that a silent host is gone for good: others take over what it had begun, and break its locks.

    Only say so of a host that is off: a Terraform that still works there would work beside the next one.
    """
    if invocation.server:
        from envmgr.cli.remote.hosts import forget

        host = forget(invocation, name)
    else:
        with work(invocation) as runtime:
            host = standing.forget(runtime, name)
    emit(f"{host.name} is forgotten: what it had begun is taken over.")
