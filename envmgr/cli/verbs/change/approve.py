"""`envmgr approve`."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from envmgr.cli import differences
from envmgr.cli.command import complete_environment, json_option, pass_invocation, verb, yes_option
from envmgr.cli.invocation import Invocation
from envmgr.cli.proposals import proposal_lines
from envmgr.cli.screen import ask, emit, emit_json_rows, printable, require_consent, say
from envmgr.cli.work import interruptible, work
from envmgr.commands import operations, steering
from envmgr.commands.runtime import Runtime
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.environment import Environment, Guard
from envmgr.views import documents

if TYPE_CHECKING:
    from envmgr.cli.remote.wishes import Subject

ALONE = (Guard.DRIFT, Guard.APPROVAL)
"""Guards that hold each application by itself."""


@verb("approve", example="envmgr approve alice bob\nenvmgr approve --all", remote=True)
@click.argument("environments", metavar="[ENV]...", nargs=-1, shell_complete=complete_environment)
@click.option("--all", "everything", is_flag=True, help="All that wait for a person.")
@yes_option
@json_option
@pass_invocation
def approve_command(
    invocation: Invocation, environments: tuple[str, ...], everything: bool, yes: bool, as_json: bool
) -> int:
    """Approve what a guard holds back, after showing it."""
    if bool(environments) == everything:
        raise click.UsageError("Name the environments, or give --all.")
    if invocation.server:
        from envmgr.cli.remote.wishes import wishes

        with wishes(invocation) as asking:
            if everything:
                records = [asking.find(e.label).records for e in asking.records.waiting()]
            else:
                records = [asking.find(text).records for text in environments]
            chosen = _each_once(e for found in records for e in _held_of(found))
            if not _agreed(chosen, yes):
                return 1
            done = [each for e in chosen for each in asking.environments(_subject(e), "approve")]
    else:
        with work(invocation) as runtime:
            chosen = _chosen(runtime, environments)
            if not _agreed(chosen, yes):
                return 1
            done = [each for found in chosen for each in steering.approve(runtime, found)]
    if as_json:
        emit_json_rows(map(documents.environment, done))
    elif done:
        emit(
            f"Approved: {', '.join(e.label for e in done)}. The daemon continues, or run `envmgr reconcile`."
        )
    else:
        emit("Nothing waits for a person.")
    return 0


def _agreed(chosen: Sequence[Environment], yes: bool) -> bool:
    """Shows what is held back, and asks unless told not to."""
    require_consent(yes or not chosen, "approve")
    for found in chosen:
        _show(found)
    if chosen and not yes and not _ask(len(chosen)):
        say("Nothing was approved.")
        return False
    return True


def _subject(found: Environment) -> "Subject":
    """What is asked for on a server: an application by itself only where its guard holds it alone."""
    from envmgr.cli.remote.wishes import Subject

    identity = found.id if found.hold.guard in ALONE else found.id.environment
    return Subject(str(identity), [found])


def _chosen(runtime: Runtime, environments: Sequence[str]) -> list[Environment]:
    if not environments:
        return _each_once(steering.held(runtime))
    return _each_once(e for text in environments for e in _held(runtime, text))


def _each_once(held: Iterable[Environment]) -> list[Environment]:
    """One for each question: most guards hold and let through an environment with all its applications."""
    return list({e.id if e.hold.guard in ALONE else e.id.environment: e for e in held}.values())


def _held(runtime: Runtime, text: str) -> list[Environment]:
    """What a guard holds of an environment; NeedsPerson where none does."""
    return _held_of(operations.find_all(runtime, text))


def _held_of(records: Sequence[Environment]) -> list[Environment]:
    found = [e for e in records if e.hold.guard is not None]
    if not found:
        label, status = records[0].label, records[0].status
        raise NeedsPerson(f"{label} is not held back by a guard, it is {status}: nothing was approved.")
    return found


def _show(found: Environment) -> None:
    """Why it is held, and of drift all that would be corrected."""
    say(f"{found.label} ({found.hold.guard}): {printable(found.message)}")
    if found.hold.guard is Guard.DRIFT and found.drift is not None:
        for line in differences.lines(found.drift):
            say(f"  {line}")
    if found.hold.guard is Guard.APPROVAL and found.proposal is not None:
        for line in proposal_lines(found.proposal):
            say(f"  {printable(line)}")


def _ask(number: int) -> bool:
    with interruptible():
        return ask(f"Approve {'it' if number == 1 else f'these {number}'}?")
