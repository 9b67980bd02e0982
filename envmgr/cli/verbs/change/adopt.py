"""`envmgr adopt`."""

from pathlib import Path

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
from envmgr.cli.progress import Display
from envmgr.cli.screen import emit, emit_json, moment, require_consent, say
from envmgr.cli.work import work
from envmgr.commands import operations
from envmgr.commands.takeover import adopt
from envmgr.domain.values.environment import Environment
from envmgr.views import documents


@verb("adopt", example="envmgr adopt alice --state terraform.tfstate")
@environment_argument
@click.option(
    "--state",
    "file",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Its state, as `terraform state pull` prints it; nobody may work with it elsewhere from then on.",
)
@yes_option
@click.option("--allow-destroy", is_flag=True, help="Even where the plan destroys or replaces what exists.")
@override_option
@json_option
@pass_invocation
def adopt_command(
    invocation: Invocation,
    environment: str,
    file: Path,
    yes: bool,
    allow_destroy: bool,
    override_window: bool,
    as_json: bool,
) -> None:
    """Take over what exists already: plan with its state, show, ask, put the state in its place, apply.

    The branch must be there, and nothing made for it yet. Until you say yes, only records of the run are written; what
    is interrupted is finished by the same command, or undone if you say no there.
    """
    require_consent(yes, "adopt")
    display = Display()
    with work(invocation, display) as application:
        with display:
            found = operations.find(application, environment, fresh=True)
            consent = Consent(
                environment=found,
                question="Take this over, and apply it?",
                nothing=f"{found.label}: the code describes what exists, nothing changes in the cloud.",
                yes=yes,
                display=display,
                always=True,
            )
            done = adopt(
                application, found, file, consent, override_window=override_window, destroys=allow_destroy
            )
        _report(application.services.store.environment(done.id) or done, file, as_json)


def _report(done: Environment, file: Path, as_json: bool) -> None:
    if as_json:
        emit_json(documents.environment(done))
    else:
        where = f": {done.applied.url}" if done.applied.url else ""
        emit(f"{done.label} is {done.status} at {(done.applied.commit or done.commit)[:10]}{where}")
    ends = (
        f"until {moment(done.life.expires_at)} (its ttl)" if done.life.expires_at else "as long as its branch"
    )
    say(
        f"It lives {ends}, unless that is protected. Its state is envmgr's now: do not work with {file} any more."
    )
