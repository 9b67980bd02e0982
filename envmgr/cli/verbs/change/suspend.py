"""`envmgr suspend` and `envmgr resume`."""

import click

from envmgr.cli.command import environment_argument, json_option, pass_invocation, verb
from envmgr.cli.invocation import Invocation
from envmgr.cli.outcome import emit_done
from envmgr.cli.work import work
from envmgr.commands import operations, steering
from envmgr.domain.values.environment import Environment


@verb("suspend", example="envmgr suspend alice --reason audit", remote=True)
@environment_argument
@click.option("--reason", metavar="TEXT", default="", help="Why; shown wherever the environment is.")
@json_option
@pass_invocation
def suspend_command(invocation: Invocation, environment: str, reason: str, as_json: bool) -> None:
    """Leave an environment alone, whatever its branch does, until `envmgr resume`."""
    if invocation.server:
        from envmgr.cli.remote.wishes import wishes

        with wishes(invocation) as asking:
            done = asking.environments(asking.find(environment), "suspend", reason=reason or None)
    else:
        with work(invocation) as application:
            found = operations.find_all(application, environment)
            done = [steering.suspend(application, each, reason) for each in found]
    emit_done(done, as_json, lambda each: f"{each.label} is left alone until `envmgr resume {each.label}`.")


@verb("resume", example="envmgr resume alice", remote=True)
@environment_argument
@json_option
@pass_invocation
def resume_command(invocation: Invocation, environment: str, as_json: bool) -> None:
    """Manage an environment again; one that failed is tried again, one that was rolled back goes to its newest commit."""
    if invocation.server:
        from envmgr.cli.remote.wishes import wishes

        with wishes(invocation) as asking:
            subject = asking.find(environment)
            found, done = list(subject.records), asking.environments(subject, "resume")
    else:
        with work(invocation) as application:
            found = list(steering.resumable(application, operations.find_all(application, environment)))
            done = [steering.resume(application, each) for each in found]
    held = {each.id: each.pinned_commit for each in found}
    emit_done(done, as_json, lambda each: _resumed(held.get(each.id), each))


def _resumed(held: str | None, done: Environment) -> str:
    next_step = f"the daemon continues at once, or run `envmgr reconcile {done.label}`"
    if held is None:
        return f"{done.label} is managed again: {next_step}."
    return f"{done.label} is no longer held at {held[:10]}, it goes to {done.commit[:10]}: {next_step}."
