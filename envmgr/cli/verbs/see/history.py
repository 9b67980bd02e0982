"""`envmgr history`."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from envmgr.cli import table
from envmgr.cli.command import complete_environment, json_option, pass_invocation, verb
from envmgr.cli.invocation import Invocation
from envmgr.cli.lookup import known_records
from envmgr.cli.screen import colored, emit, emit_json_rows, moment, printable, say, width
from envmgr.config.sections.duration import rounded_duration
from envmgr.domain.values.environment import Run
from envmgr.views import documents

if TYPE_CHECKING:
    from envmgr.cli.remote.records import RemoteRecords
    from envmgr.ports import Store

_NEWEST = 30
_COLUMNS = (
    table.Column("RUN"),
    table.Column("ENVIRONMENT", least=20),
    table.Column("KIND"),
    table.Column("STATUS", paint=colored),
    table.Column("COMMIT", drop=3),
    table.Column("STARTED", drop=4),
    table.Column("TOOK", drop=2),
    table.Column("BY", drop=1),
    table.Column("MESSAGE", least=20),
)


@verb("history", example="envmgr history alice --limit 5", remote=True)
@click.argument("environment", metavar="[ENV]", required=False, shell_complete=complete_environment)
@click.option(
    "--limit", type=click.IntRange(1, 1 << 62), help=f"How many. [{_NEWEST}; all with --json]", metavar="N"
)
@json_option
@pass_invocation
def history_command(
    invocation: Invocation, environment: str | None, limit: int | None, as_json: bool
) -> None:
    """Runs, newest first; `envmgr logs RUN` has what Terraform said."""
    with invocation.shown_records() as store:
        number = limit or (None if as_json else _NEWEST)
        found = _runs(store, environment, number) if environment else store.runs(limit=number)
    if as_json:
        emit_json_rows(map(documents.run, found))
    elif found:
        now = datetime.now(UTC)
        emit("\n".join(table.render(_COLUMNS, [_row(run, now) for run in found], width())))
    else:
        say("Nothing has run yet.")


def _runs(store: "Store | RemoteRecords", environment: str, limit: int | None) -> list[Run]:
    """The newest runs of an environment, of all its applications together."""
    records = known_records(store, environment)
    found = [run for each in records for run in store.runs(each.id, limit=limit)]
    return sorted(found, key=lambda run: run.id, reverse=True)[:limit]


def _row(run: Run, now: datetime) -> tuple[str, ...]:
    return (
        str(run.id),
        run.environment.short,
        run.kind.value,
        run.status.value,
        run.commit[:7],
        moment(run.started_at),
        rounded_duration((run.finished_at or now) - run.started_at),
        printable(run.actor),
        printable(run.message),
    )
