"""`envmgr reject`."""

import click

from envmgr.cli.command import environment_argument, json_option, pass_invocation, verb
from envmgr.cli.invocation import Invocation
from envmgr.cli.outcome import emit_done
from envmgr.cli.work import work
from envmgr.commands import operations
from envmgr.commands.pipeline import approvals
from envmgr.domain.errors import NeedsPerson


@verb("reject", example="envmgr reject production --reason freeze", remote=True)
@environment_argument
@click.option("--reason", metavar="TEXT", default="", help="Why; shown wherever the environment is.")
@json_option
@pass_invocation
def reject_command(invocation: Invocation, environment: str, reason: str, as_json: bool) -> None:
    """Turn down a plan that waits for approval; a push, a newer tag, or `envmgr apply`, brings a new one."""
    if invocation.server:
        from envmgr.cli.remote.wishes import wishes

        with wishes(invocation) as asking:
            done = asking.environments(asking.find(environment), "reject", reason=reason or None)
    else:
        with work(invocation) as application:
            records = operations.find_all(application, environment)
            found = [each for each in records if approvals.awaiting(each) is not None]
            if not found:
                raise NeedsPerson(approvals.none_waits(records[0]))
            done = [approvals.reject(application, each, reason) for each in found]
    emit_done(done, as_json, lambda each: f"{each.label}: {each.message}")
