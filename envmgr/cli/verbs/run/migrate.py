"""`envmgr migrate`."""

from typing import TYPE_CHECKING

import click

from envmgr.cli.command import json_option, pass_invocation, verb
from envmgr.cli.invocation import Invocation
from envmgr.cli.screen import emit, emit_json, say
from envmgr.composition.migration import migrate, target_of

if TYPE_CHECKING:
    from envmgr.views import objects


@verb("migrate", example="envmgr migrate --to file:/etc/envmgr/database-url")
@click.option(
    "--to",
    "target",
    required=True,
    metavar="DATABASE",
    help="file:/path, env:NAME or systemd:NAME that holds the URL; or the URL itself, if it has no password.",
)
@json_option
@pass_invocation
def migrate_command(invocation: Invocation, target: str, as_json: bool) -> None:
    """Copy all records to another, empty database, and compare both. Stop the daemon first.

    It is one transaction: afterwards all of it is there, or nothing. The present database is only read.
    """
    chosen = target_of(target)
    with invocation.records() as store:
        place, counts = migrate(store, chosen, invocation.data_dir, invocation.environ)
        if as_json:
            copied: objects.MigrationObject = {"from": store.place, "to": place, "rows": dict(counts)}
            emit_json(copied)
            return
        for table, count in counts.items():
            emit(f"{table:<14}{count:>8}")
        emit(f"All of it was copied to the {place}, and compared.")
    say(
        "Now name it as `daemon: {database: …}`, then start the daemon. The old database was not touched; this data folder refuses it once it has worked with the new one."
    )
