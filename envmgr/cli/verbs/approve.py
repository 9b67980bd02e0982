"""`envmgr approve`."""

from collections.abc import Sequence

import click

from envmgr.cli import differences, documents
from envmgr.cli.command import json_option, pass_invocation, verb, yes_option
from envmgr.cli.invocation import Invocation
from envmgr.cli.screen import ask, emit, emit_json_rows, printable, require_consent, say
from envmgr.cli.work import interruptible, work
from envmgr.daemon import operations, steering
from envmgr.daemon.application import Application
from envmgr.domain.environment import Environment, Guard
from envmgr.domain.errors import NeedsPerson


@verb("approve", example="envmgr approve alice bob\nenvmgr approve --all")
@click.argument("environments", metavar="[ENV]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All that wait for a person.")
@yes_option
@json_option
@pass_invocation
def approve_command(
    invocation: Invocation, environments: tuple[str, ...], everything: bool, yes: bool, as_json: bool
) -> int:
    """Let through what a guard holds back, after showing it."""
    if bool(environments) == everything:
        raise click.UsageError("Name the environments, or give --all.")
    with work(invocation) as application:
        chosen = _chosen(application, environments)
        require_consent(yes or not chosen, "approve")
        for found in chosen:
            _show(found)
        if chosen and not yes and not _ask(len(chosen)):
            say("Nothing was let through.")
            return 1
        done = [steering.approve(application, found) for found in chosen]
    if as_json:
        emit_json_rows(map(documents.environment, done))
    elif done:
        emit(f"Let through: {', '.join(e.label for e in done)}. The daemon goes on, or `envmgr reconcile`.")
    else:
        emit("Nothing waits for a person.")
    return 0


def _chosen(application: Application, environments: Sequence[str]) -> list[Environment]:
    if not environments:
        return steering.held(application)
    found = {e.id: e for e in (operations.find(application, text) for text in environments)}
    for environment in found.values():
        if environment.hold is None:
            raise NeedsPerson(
                f"{environment.label} is held back by no guard, it is {environment.status}: nothing was let through."
            )
    return list(found.values())


def _show(found: Environment) -> None:
    """Why it is held, and of drift all that would be corrected."""
    say(f"{found.label} ({found.hold}): {printable(found.message)}")
    if found.hold is Guard.DRIFT and found.drift is not None:
        for line in differences.lines(found.drift):
            say(f"  {line}")


def _ask(number: int) -> bool:
    with interruptible():
        return ask(f"Let {'it' if number == 1 else f'these {number}'} through?")
