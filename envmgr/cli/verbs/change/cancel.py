"""`envmgr cancel`."""

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from envmgr.cli.command import environment_argument, json_option, pass_invocation, verb
from envmgr.cli.duration_type import Duration
from envmgr.cli.invocation import Invocation
from envmgr.cli.screen import emit, emit_json, printable
from envmgr.cli.work import work
from envmgr.commands import cancellation, operations
from envmgr.commands.cancellation import Cancelled
from envmgr.config.sections.duration import parse_duration
from envmgr.views import documents

if TYPE_CHECKING:
    from envmgr.views import objects

_WAIT = "5m"


@verb("cancel", example="envmgr cancel alice\nenvmgr cancel shop/alice:api --wait 30m", remote=True)
@environment_argument
@click.option(
    "--wait",
    type=Duration(),
    metavar="DURATION",
    help=f"How long to wait for it to end. [{_WAIT}]",
)
@json_option
@pass_invocation
def cancel_command(invocation: Invocation, environment: str, wait: timedelta | None, as_json: bool) -> int:
    """Ask the Terraform or step that runs there to stop, in whatever process, and say how it ended.

    Terraform gets SIGINT: it finishes what it is doing, writes its state and releases its lock. What was cancelled is not
    started again until a push or `envmgr resume`. Exit code 1: it still runs, or nothing did.
    """
    if invocation.server:
        from envmgr.cli.remote.changing import cancelled

        if wait is not None:
            raise click.UsageError(f"--wait works on envmgr's own host alone: a server waits for {_WAIT}.")
        done = Cancelled(*cancelled(invocation, environment))
    else:
        patience = wait if wait is not None else parse_duration(_WAIT)
        with work(invocation) as application:
            found = operations.find(application, environment)
            done = cancellation.cancel(
                application, found, patience, lambda: not application.stopping.is_set()
            )
    if as_json:
        run = documents.run(done.run) if done.run is not None else None
        document: objects.CancelledObject = {
            "environment": documents.environment(done.environment),
            "run": run,
            "over": done.is_over,
        }
        emit_json(document)
    else:
        emit(_said(done))
    return 0 if done.is_over else 1


def _said(done: Cancelled) -> str:
    label, run = done.environment.label, done.run
    if not done.is_over:
        return f"{label} was asked to stop and is still working: `envmgr logs {label} --follow` shows how far it has got."
    ended = f"run {run.id} ({run.kind}) {run.status}" if run is not None else "what ran has ended"
    said = f": {printable(run.message)}" if run is not None and run.message else ""
    return (
        f"{label}: {ended}{said}\n{label} is {done.environment.status}: {printable(done.environment.message)}"
    )
