"""`envmgr promote`."""

import click

from envmgr.cli.command import (
    environment_argument,
    json_option,
    override_option,
    pass_invocation,
    verb,
    yes_option,
)
from envmgr.cli.consent import Consent
from envmgr.cli.invocation import Invocation
from envmgr.cli.outcome import emit_done
from envmgr.cli.progress import Display
from envmgr.cli.screen import require_consent
from envmgr.cli.work import work
from envmgr.commands import operations
from envmgr.commands.promotion import goals, promote
from envmgr.domain.values.environment import Environment


@verb("promote", example="envmgr promote staging --to production", remote=True)
@environment_argument
@click.option(
    "--to",
    "name",
    required=True,
    metavar="NAME",
    help="The environment of the same repository that its commit comes to.",
)
@yes_option
@override_option
@json_option
@pass_invocation
def promote_command(
    invocation: Invocation, environment: str, name: str, yes: bool, override_window: bool, as_json: bool
) -> None:
    """Plan the commit that ENVIRONMENT has for another, show, ask, apply; held there until the next push or tag.

    All that holds for the other one's own commits holds for this: what it comes after, windows, approvals.
    """
    require_consent(yes, "promote")
    if invocation.server:
        from envmgr.cli.remote.changing import promoted

        def agreed(found: Environment, display: Display) -> Consent:
            return _consent(found, environment, yes, display)

        done = promoted(invocation, environment, name, agreed, yes=yes, override_window=override_window)
        emit_done(done, as_json, _report)
        return
    display = Display()
    with work(invocation, display) as application, display:
        found = operations.find_all(application, environment)
        done = [
            promote(
                application,
                source,
                target,
                _consent(target, environment, yes, display),
                override_window=override_window,
            )
            for source, target in goals(application, found, name)
        ]
    emit_done(done, as_json, _report)


def _consent(found: Environment, source: str, yes: bool, display: Display) -> Consent:
    return Consent(
        environment=found,
        question=f"Promote this from {source}, and hold there?",
        nothing=f"{found.label}: that commit changes nothing in the cloud.",
        yes=yes,
        display=display,
        always=True,
    )


def _report(done: Environment) -> str:
    commit = (done.applied.commit or done.target)[:10]
    return f"{done.label} is {done.status} at {commit}, held there until `envmgr resume {done.label}` or the next push."
