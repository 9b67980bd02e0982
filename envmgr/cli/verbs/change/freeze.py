"""`envmgr freeze` and `envmgr thaw`."""

from datetime import UTC, datetime

import click

from envmgr.cli.command import json_option, pass_invocation, verb
from envmgr.cli.invocation import Invocation
from envmgr.cli.screen import emit, emit_json_rows, moment, printable, say
from envmgr.cli.work import work
from envmgr.commands import freezing
from envmgr.config.sections.times import read_moment
from envmgr.views import documents

_place = click.argument("place", metavar="[ORG[/REPO]]", required=False)


@verb(
    "freeze",
    example="envmgr freeze acme/shop --reason migration --until 4h\nenvmgr freeze --reason incident   # everything",
    remote=True,
)
@_place
@click.option("--reason", required=True, metavar="TEXT", help="Why; shown wherever its environments are.")
@click.option(
    "--until", metavar="WHEN", help="When it ends by itself: 2026-12-01T06:00Z, or 4h from now. [by `thaw`]"
)
@json_option
@pass_invocation
def freeze_command(
    invocation: Invocation, place: str | None, reason: str, until: str | None, as_json: bool
) -> None:
    """Stop all applying and destroying in an organization, a repository, or everywhere; what runs ends in peace."""
    end = _end(until)
    if invocation.server:
        from envmgr.cli.remote.freezing import freeze

        done = freeze(invocation, place, reason, end)
    else:
        with work(invocation) as runtime:
            found = freezing.spots(runtime, place)
            done = [freezing.freeze(runtime, spot, reason, end) for spot in found]
    if as_json:
        emit_json_rows(map(documents.freeze, done))
        return
    for each in done:
        until_when = f"until {moment(each.until)}" if each.until else f"until `envmgr thaw {each.place}`"
        emit(f"{each.place} is frozen {until_when}.")


def _end(text: str | None) -> datetime | None:
    return read_moment(text, datetime.now(UTC), f"--until {printable(text)!r}") if text is not None else None


@verb("thaw", example="envmgr thaw acme/shop", remote=True)
@_place
@json_option
@pass_invocation
def thaw_command(invocation: Invocation, place: str | None, as_json: bool) -> None:
    """End a freeze; without a place all that people made. What waited for that goes on."""
    if invocation.server:
        from envmgr.cli.remote.freezing import thaw

        done = thaw(invocation, place)
    else:
        with work(invocation) as runtime:
            done = [freezing.thaw(runtime, spot) for spot in freezing.thawable(runtime, place)]
    if as_json:
        emit_json_rows(map(documents.freeze, done))
    elif done:
        for each in done:
            emit(f"{each.place} is thawed; it was frozen by {printable(each.by)} ({each.reason}).")
    else:
        say("Nothing is frozen by people.")
