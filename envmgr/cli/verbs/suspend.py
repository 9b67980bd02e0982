"""`envmgr suspend` and `envmgr resume`."""

from envmgr.cli import documents
from envmgr.cli.command import environment_argument, json_option, pass_invocation, verb
from envmgr.cli.invocation import Invocation
from envmgr.cli.screen import emit, emit_json
from envmgr.cli.work import work
from envmgr.daemon import operations


@verb("suspend", example="envmgr suspend alice")
@environment_argument
@json_option
@pass_invocation
def suspend_command(invocation: Invocation, environment: str, as_json: bool) -> None:
    """Leave an environment alone, whatever its branch does, until `envmgr resume`."""
    with work(invocation) as application:
        done = operations.suspend(application, operations.find(application, environment))
        if as_json:
            emit_json(documents.environment(done))
        else:
            emit(f"{done.label} is left alone until `envmgr resume {done.label}`.")


@verb("resume", example="envmgr resume alice")
@environment_argument
@json_option
@pass_invocation
def resume_command(invocation: Invocation, environment: str, as_json: bool) -> None:
    """Manage an environment again; one that failed is tried again."""
    with work(invocation) as application:
        done = operations.resume(application, operations.find(application, environment))
        if as_json:
            emit_json(documents.environment(done))
        else:
            emit(
                f"{done.label} is managed again: the daemon goes on at once, or `envmgr reconcile {done.label}`."
            )
