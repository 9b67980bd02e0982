"""`envmgr move-state`."""

from typing import TYPE_CHECKING

import click

from envmgr.cli.command import json_option, pass_invocation, verb, yes_option
from envmgr.cli.invocation import Invocation
from envmgr.cli.screen import ask, emit, emit_json_rows, printable, require_consent, say
from envmgr.cli.work import interruptible, work
from envmgr.commands import relocation
from envmgr.commands.relocation import Moved
from envmgr.domain.values.backend import place
from envmgr.domain.values.environment import Environment
from envmgr.domain.values.names import counted

if TYPE_CHECKING:
    from envmgr.views import objects


@verb("move-state", example="envmgr move-state acme")
@click.argument("organization", metavar="ORGANIZATION")
@yes_option
@json_option
@pass_invocation
def move_state_command(invocation: Invocation, organization: str, yes: bool, as_json: bool) -> int:
    """Move the states of living environments to the `backend` that the organization file names now.

    Each is copied, read back, and only then counts there; the old one is archived where it was. The organization's
    credentials must open both places. Run the same command to finish what was interrupted or could not be moved.
    """
    with work(invocation) as application:
        chosen = relocation.organization_of(application, organization)
        found = relocation.to_move(application, chosen)
        require_consent(yes or not found, "move-state")
        for each in found:
            say(f"{each.label}: {_from(each)} → {place(chosen.backend)}")
        if found and not yes and not _ask(len(found)):
            say("Nothing was moved.")
            return 1
        moved = relocation.move(application, chosen, _tell) if found else []
        if not found:
            relocation.bring_what_was_set(application, chosen)
        left = relocation.left_behind(application, chosen, [m.before for m in moved])
    if as_json:
        emit_json_rows(map(_document, moved))
    elif not found:
        emit(f"All states of {organization} are in {place(chosen.backend)}.")
    else:
        emit(f"{counted(sum(not m.error for m in moved), 'state')} of {len(moved)} moved.")
    if left:
        say(f"No record lists {', '.join(left)}: left where they were.")
    return int(any(m.error for m in moved))


def _ask(number: int) -> bool:
    with interruptible():
        return ask(f"Move {'it' if number == 1 else f'these {number}'}?")


def _from(found: Environment) -> str:
    return place(found.claim.backend) if found.claim is not None else ""


def _tell(moved: Moved) -> None:
    label = moved.environment.label
    say(f"{label} was not moved: {printable(moved.error)}" if moved.error else f"{label} is moved.")


def _document(moved: Moved) -> "objects.MovedObject":
    identity = moved.environment.id
    return {
        "organization": identity.organization,
        "repository": identity.repository,
        "environment": identity.name,
        "application": identity.application or None,
        "from": place(moved.before),
        "to": place(moved.now),
        "moved": not moved.error,
        "message": moved.error,
    }
