"""`envmgr unlock`."""

import sys

import click

from envmgr.cli.command import environment_argument, pass_invocation, verb, yes_option
from envmgr.cli.invocation import Invocation
from envmgr.cli.screen import ask, emit, say
from envmgr.cli.work import interruptible, work
from envmgr.commands import operations, unlocking
from envmgr.commands.runtime import Runtime
from envmgr.domain.errors import UsageError
from envmgr.domain.values.environment import Environment
from envmgr.engine.recovery.state_locks import HeldLock


@verb("unlock", example="envmgr unlock alice\nenvmgr unlock alice --force")
@environment_argument
@click.option("--force", is_flag=True, help="Break any lock, after showing who holds it.")
@yes_option
@pass_invocation
def unlock_command(invocation: Invocation, environment: str, force: bool, yes: bool) -> int:
    """Break the lock of an environment's Terraform state, if it provably belongs to a run of envmgr that is dead."""
    with work(invocation) as runtime:
        found = operations.find_all(runtime, environment)
        return max([_unlock(runtime, each, force, yes) for each in found])


def _unlock(runtime: Runtime, found: Environment, force: bool, yes: bool) -> int:
    shown = unlocking.lock(runtime, found)
    if shown is None:
        emit(f"The state of {found.label} is not locked.")
        return 0
    say(f"The state of {found.label} is locked by {shown.lock}: {_whose(shown)}.")
    if force and not shown.dead and not _agreed(yes):
        say("The lock is left as it is.")
        return 1
    unlocking.unlock(runtime, found, force=force, seen=shown)
    emit(f"The state of {found.label} is unlocked.")
    return 0


def _whose(shown: HeldLock) -> str:
    if shown.holder is None:
        return "not a run that this envmgr knows of"
    return f"run {shown.holder.id} of envmgr, whose Terraform {'is dead' if shown.dead else 'is not known to be dead'}"


def _agreed(yes: bool) -> bool:
    if yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError("`envmgr unlock --force` asks first, and there is no terminal: give --yes.")
    with interruptible():
        return ask(
            "If its holder is still working, both will write the state, and the work of one is lost. Break the lock?"
        )
