"""`envmgr approve`."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from envmgr.cli import differences
from envmgr.cli.command import complete_environment, json_option, pass_invocation, verb, yes_option
from envmgr.cli.heads import environment_of, lines, named
from envmgr.cli.invocation import Invocation
from envmgr.cli.proposals import proposal_lines
from envmgr.cli.screen import ask, emit, emit_json_rows, printable, require_consent, say
from envmgr.cli.work import interruptible, work
from envmgr.commands import operations, steering
from envmgr.commands.forge.heads import Head, approve, waiting_heads
from envmgr.commands.runtime import Runtime
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.environment import Environment, Guard
from envmgr.views import asking, documents
from envmgr.views.asking import HeadObject

if TYPE_CHECKING:
    from envmgr.cli.remote.wishes import Subject

ALONE = (Guard.DRIFT, Guard.APPROVAL)
"""Guards that hold each application by itself."""


@verb(
    "approve",
    example="envmgr approve alice bob\nenvmgr approve acme/shop/pr-7   # a fork's head, where that waits\nenvmgr approve --all",
    remote=True,
)
@click.argument("environments", metavar="[ENV]...", nargs=-1, shell_complete=complete_environment)
@click.option("--all", "everything", is_flag=True, help="All that wait for a person.")
@yes_option
@json_option
@pass_invocation
def approve_command(
    invocation: Invocation, environments: tuple[str, ...], everything: bool, yes: bool, as_json: bool
) -> int:
    """Approve what a guard holds back, after showing it.

    So is the head of a pull request from a fork, by its environment's name: just the commit that is shown may be run then.
    """
    if bool(environments) == everything:
        raise click.UsageError("Name the environments, or give --all.")
    found = (
        _there(invocation, environments, yes) if invocation.server else _here(invocation, environments, yes)
    )
    if found is None:
        return 1
    done, heads = found
    if as_json:
        emit_json_rows([*map(documents.environment, done), *heads])
    elif done or heads:
        labels = [*(e.label for e in done), *(f"{environment_of(h)} at {h['commit'][:10]}" for h in heads)]
        emit(f"Approved: {', '.join(labels)}. The daemon continues, or run `envmgr reconcile`.")
    else:
        emit("Nothing waits for a person.")
    return 0


_Done = tuple[Sequence[Environment], Sequence[HeadObject]]


def _there(invocation: Invocation, environments: Sequence[str], yes: bool) -> _Done | None:
    """What a server approved; None where a person said no."""
    from envmgr.cli.remote import heads as remote
    from envmgr.cli.remote.wishes import wishes

    with wishes(invocation) as asking:
        connection = asking.records.connection
        heads, rest = _heads_among(environments, remote.waiting(connection))
        if environments:
            records = [asking.find(text).records for text in rest]
        else:
            records = [asking.find(e.label).records for e in asking.records.waiting()]
        chosen = _each_once(e for found in records for e in _held_of(found))
        if not _agreed(chosen, heads, yes):
            return None
        done = [each for e in chosen for each in asking.environments(_subject(e), "approve", **_seen(e))]
        return done, [remote.approve(connection, head) for head in heads]


def _here(invocation: Invocation, environments: Sequence[str], yes: bool) -> _Done | None:
    """What was approved on this host; None where a person said no."""
    with work(invocation) as runtime:
        waiting = [_head(each) for each in waiting_heads(runtime)]
        heads, rest = _heads_among(environments, waiting)
        chosen = _chosen(runtime, rest) if rest or not environments else []
        if not _agreed(chosen, heads, yes):
            return None
        done = [each for found in chosen for each in steering.approve(runtime, found)]
        return done, [
            _head(approve(runtime, environment_of(h).repository_id, h["number"], h["commit"])) for h in heads
        ]


def _head(found: Head) -> HeadObject:
    return asking.head(found.environment, found.pull, found.commit)


def _heads_among(
    environments: Sequence[str], waiting: Sequence[HeadObject]
) -> tuple[Sequence[HeadObject], Sequence[str]]:
    """The heads of forks that texts name, each once, and the texts that name none. `--all` means none of them."""
    found = {text: named(text, waiting) for text in environments}
    heads = [head for text in found if (head := found[text]) is not None]
    if not environments and waiting:
        names = ", ".join(str(environment_of(each)) for each in waiting)
        say(f"Heads of forks are approved by name alone, and wait: {names}.")
    once = {environment_of(each): each for each in heads}
    return list(once.values()), [text for text, head in found.items() if head is None]


def _agreed(chosen: Sequence[Environment], heads: Sequence[HeadObject], yes: bool) -> bool:
    """Shows what is held back, and asks unless told not to."""
    number = len(chosen) + len(heads)
    require_consent(yes or not number, "approve")
    for found in chosen:
        _show(found)
    for head in heads:
        for line in lines(head):
            say(line)
    if number and not yes and not _ask(number):
        say("Nothing was approved.")
        return False
    return True


def _subject(found: Environment) -> "Subject":
    """What is asked for on a server: an application by itself only where its guard holds it alone."""
    from envmgr.cli.remote.wishes import Subject

    identity = found.id if found.hold.guard in ALONE else found.id.environment
    return Subject(str(identity), [found])


def _seen(found: Environment) -> dict[str, str | None]:
    """What was shown of it: a yes to anything else is none."""
    guard, proposal = found.hold.guard, found.proposal
    is_plan = guard is Guard.APPROVAL and proposal is not None
    return {"guard": guard and guard.value, "proposal": proposal.digest if is_plan and proposal else None}


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
