"""`envmgr rollback`."""

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
from envmgr.commands.rollback import previous_commit, roll_back
from envmgr.domain.values.environment import Environment


@verb(
    "rollback",
    example="envmgr rollback alice --to previous\nenvmgr rollback alice --to HEAD~1 --until-push",
    remote=True,
)
@environment_argument
@click.option(
    "--to",
    "revision",
    required=True,
    metavar="REV",
    help="`previous` (the last other commit that was applied with success), `HEAD~1`, or a commit.",
)
@click.option("--until-push", is_flag=True, help="The next push ends the hold, too.")
@yes_option
@override_option
@json_option
@pass_invocation
def rollback_command(
    invocation: Invocation,
    environment: str,
    revision: str,
    until_push: bool,
    yes: bool,
    override_window: bool,
    as_json: bool,
) -> None:
    """Plan an earlier commit, show, ask, apply, and hold there until `envmgr resume`.

    Any commit that was ever applied will do, even one that was force-pushed away, and even while the remote is down.
    """
    require_consent(yes, "rollback")
    if invocation.server:
        from envmgr.cli.remote.changing import Wish, change

        options = {"revision": revision, "until_push": until_push, "override_window": override_window}
        wish = Wish(
            "rollback", environment, yes, options, lambda found, display: _consent(found, yes, display)
        )
        emit_done(change(invocation, wish), as_json, lambda each: _report(each, until_push))
        return
    display = Display()
    with work(invocation, display) as application, display:
        found = operations.find_all(application, environment, fresh=_needs_remote(revision, until_push))
        if revision == "previous":
            revision = previous_commit(application.services, found)
        done = [
            roll_back(
                application,
                each,
                revision,
                _consent(each, yes, display),
                until_push=until_push,
                override_window=override_window,
            )
            for each in found
        ]
    emit_done(done, as_json, lambda each: _report(each, until_push))


def _needs_remote(revision: str, until_push: bool) -> bool:
    """Whether it matters what the branch points at right now."""
    return until_push or revision.startswith(("HEAD", "@"))


def _consent(found: Environment, yes: bool, display: Display) -> Consent:
    return Consent(
        environment=found,
        question="Roll back to this, and hold there?",
        nothing=f"{found.label}: that commit changes nothing in the cloud.",
        yes=yes,
        display=display,
        always=True,
    )


def _report(done: Environment, until_push: bool) -> str:
    or_push = " or the next push" if until_push else ""
    commit = (done.applied.commit or done.target)[:10]
    return (
        f"{done.label} is {done.status} at {commit}, held there until `envmgr resume {done.label}`{or_push}."
    )
