"""The program `envmgr`: its verbs, and what becomes of an error."""

import os
import sys
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

import click

from envmgr import __version__
from envmgr.domain.errors import EnvmgrError, UsageError

from .command import LazyGroup, Sections
from .invocation import Invocation

_SECTIONS: Sections = {
    "Start": {
        "demo": ("start.demo", "Show the whole life of two environments in a temporary folder."),
        "config": ("start.config", "Check the files, write a sample, print the JSON Schema."),
        "doctor": ("start.doctor", "Check git, Terraform, backends, credentials, disk and database."),
    },
    "Run": {
        "daemon": ("run.daemon", "Watch the repositories until told to stop."),
        "migrate": ("run.migrate", "Copy all records to another database."),
        "move-state": ("run.move_state", "Move states to where the organization file wants them now."),
        "serve": ("run.serve", "Serve page and API without the daemon's work."),
        "token": ("run.token", "Make, list and revoke tokens for the API."),
        "hosts": ("run.hosts", "Who works by these records, on what, and who died."),
        "versions": ("run.versions", "Terraform versions kept here, and who needs them."),
        "reconcile": ("run.reconcile", "One pass: poll, do all work that is due, wait for it."),
    },
    "See": {
        "list": ("see.list", "All environments."),
        "show": ("see.show", "One environment in full."),
        "output": ("see.output", "Terraform outputs of an environment."),
        "events": ("see.events", "Everything that happened, and who caused it."),
        "history": ("see.history", "Runs, newest first."),
        "logs": ("see.logs", "The full log of a run, live while it runs."),
        "plan": ("see.plan", "What would change."),
        "drift": ("see.drift", "Compare environments with their code now."),
        "audit": ("see.audit", "Find what has no branch, no state or no resources."),
    },
    "Change": {
        "apply": ("change.apply", "Plan, show, ask, apply exactly that plan."),
        "adopt": ("change.adopt", "Take over what already exists, by its state."),
        "promote": ("change.promote", "Bring an environment's commit to another."),
        "rollback": ("change.rollback", "Apply an earlier commit and hold there."),
        "destroy": ("change.destroy", "Plan, show, ask, destroy and verify."),
        "cancel": ("change.cancel", "Ask what runs there to stop, and say how it ended."),
        "suspend": ("change.suspend", "Leave an environment alone."),
        "resume": ("change.suspend", "Manage it again."),
        "approve": ("change.approve", "Approve what a guard holds back, after showing it."),
        "freeze": ("change.freeze", "Stop all applying and destroying somewhere."),
        "thaw": ("change.freeze", "End a freeze."),
        "reject": ("change.reject", "Turn down a plan that waits for approval."),
        "extend": ("change.extend", "Give an environment a later end of life."),
        "unlock": ("change.unlock", "Break a state lock that a dead run of envmgr left."),
    },
}


@click.group(cls=LazyGroup, sections=_SECTIONS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="envmgr", message="%(prog)s %(version)s")
def program() -> None:
    """Give every git branch its own cloud environment, and take it away with the branch.

    ENV is alice, env-alice, shop/alice or acme/shop/alice: any form that means only one.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the program; gives the exit code."""
    _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A name with a character that the terminal's encoding lacks must not end a verb half-way.
            stream.reconfigure(errors="backslashreplace")
    invocation = Invocation(os.environ)
    try:
        result = program.main(arguments, prog_name="envmgr", standalone_mode=False, obj=invocation)
        # Within the `try`: of a reader that is gone a short output learns only here, or at the interpreter's
        # end.
        sys.stdout.flush()
    except click.ClickException as error:
        from .screen import say

        shown = StringIO()
        error.show(shown)
        say(shown.getvalue().removesuffix("\n"))
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        return 130
    except BrokenPipeError:  # `envmgr list | head`
        # Else the interpreter flushes into the closed pipe as it ends, and complains.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (EnvmgrError, OSError) as error:
        return _foreseen(error, invocation)
    except Exception as error:  # noqa: BLE001  the outermost place: a person gets a sentence
        return _unforeseen(error, invocation)
    return result if isinstance(result, int) else 0


def _open_what_is_closed() -> None:
    """Whoever closed the output wants none; a file opened later must not get its number, and all that is written."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115  to the end of the process


def _foreseen(error: EnvmgrError | OSError, invocation: Invocation) -> int:
    from envmgr.domain.values.names import counted
    from envmgr.host.system import told

    from .screen import say

    error = told(error) if isinstance(error, OSError) else error
    problems: Sequence[str] = getattr(error, "problems", ())
    if problems:
        say("\n".join([*problems, f"Error: the configuration has {counted(len(problems), 'problem')}."]))
    elif invocation.server:
        say(f"Error: {error}")  # there is no configuration here whose secrets it could tell
    else:
        from .logging import redactor

        say(f"Error: {redactor(invocation)(str(error))}")
    return 2 if isinstance(error, UsageError) else 1


def _unforeseen(error: Exception, invocation: Invocation) -> int:
    from .screen import say
    from .traceback_file import traceback_of, write_traceback

    text = traceback_of(error, invocation)
    if invocation.verbose:
        say(text)
    place = write_traceback(text)
    click.echo(
        f"Error: envmgr hit an unexpected error ({type(error).__name__}); please report it with {place}.",
        err=True,
    )
    return 1
