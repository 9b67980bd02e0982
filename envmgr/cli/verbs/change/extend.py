"""`envmgr extend`."""

from datetime import timedelta

import click

from envmgr.cli.command import environment_argument, json_option, pass_invocation, verb
from envmgr.cli.duration_type import Duration
from envmgr.cli.invocation import Invocation
from envmgr.cli.outcome import emit_done
from envmgr.cli.screen import moment
from envmgr.cli.work import work
from envmgr.commands import operations, steering


@verb("extend", example="envmgr extend alice 7d", remote=True)
@environment_argument
@click.argument("duration", type=Duration(positive=True))
@click.option("--set-end", is_flag=True, help="Give an end to an environment that has none.")
@json_option
@pass_invocation
def extend_command(
    invocation: Invocation, environment: str, duration: timedelta, set_end: bool, as_json: bool
) -> None:
    """Let an environment live for DURATION from now, at most `ttl.max`.

    An end never comes nearer. An environment that has no end is left without one, unless --set-end says otherwise.
    """
    if invocation.server:
        from envmgr.cli.remote.wishes import wishes

        with wishes(invocation) as asking:
            seconds = f"{duration.total_seconds():.0f}s"
            done = asking.environments(asking.find(environment), "extend", duration=seconds, set_end=set_end)
    else:
        with work(invocation) as application:
            found = steering.living(operations.find_all(application, environment))
            done = list(steering.extend(application, found, duration, sets_end=set_end))
    emit_done(done, as_json, lambda each: f"{each.label} lives until {moment(each.life.expires_at)}.")
