"""`envmgr destroy`."""

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
from envmgr.cli.screen import printable, require_consent
from envmgr.cli.work import work
from envmgr.commands import operations
from envmgr.commands.runtime import Runtime
from envmgr.domain.values.environment import Environment, Status
from envmgr.domain.values.names import matches_any


@verb("destroy", example="envmgr destroy alice\nenvmgr resume alice   # brings it back", remote=True)
@environment_argument
@yes_option
@override_option
@click.option("--override-freeze", is_flag=True, help="Even where all is frozen; recorded as an event.")
@click.option(
    "--skip-on-destroy", is_flag=True, help="Leave out the steps before a destroy, where they cannot succeed."
)
@json_option
@pass_invocation
def destroy_command(
    invocation: Invocation,
    environment: str,
    yes: bool,
    override_window: bool,
    override_freeze: bool,
    skip_on_destroy: bool,
    as_json: bool,
) -> None:
    """Plan, show, ask, destroy, and verify that nothing is left.

    An environment whose branch is still there is suspended afterwards, not made again.
    """
    require_consent(yes, "destroy")
    if invocation.server:
        from envmgr.cli.remote.changing import Wish, change, protection

        protected = None if yes else protection(invocation, environment)
        options = {
            "override_window": override_window,
            "override_freeze": override_freeze,
            "skip_on_destroy": skip_on_destroy,
        }
        wish = Wish(
            "destroy", environment, yes, options, lambda e, display: _consent(e, protected, yes, display)
        )
        emit_done(change(invocation, wish), as_json, _report)
        return
    display = Display()
    with work(invocation, display) as runtime, display:
        done = [
            operations.destroy(
                runtime,
                found,
                _consent(found, _protected(runtime, found), yes, display),
                override_window=override_window,
                override_freeze=override_freeze,
                leaves_code=skip_on_destroy,
            )
            for found in reversed(operations.find_all(runtime, environment))
        ]
    emit_done(done, as_json, _report)


def _protected(runtime: Runtime, found: Environment) -> tuple[str, ...] | None:
    """Which branches of its repository are protected; None where that is not in the configuration."""
    repository = runtime.services.configured(found.id)
    return repository.policy.protected if repository is not None else None


def _consent(found: Environment, protected: tuple[str, ...] | None, yes: bool, display: Display) -> Consent:
    return Consent(
        environment=found,
        question="Destroy all of this?",
        nothing=f"{found.label} has no resources: only its record is closed.",
        yes=yes,
        display=display,
        typed=_why_typed(found, protected),
    )


def _why_typed(found: Environment, protected: tuple[str, ...] | None) -> str:
    branch = printable(found.branch)
    if protected is None:
        return f"Its repository is not in the configuration: branch {branch} may have been protected."
    return f"Branch {branch} is protected." if matches_any(found.branch, protected) else ""


def _report(done: Environment) -> str:
    if done.status is Status.SUSPENDED and done.is_missing:
        return f"{done.label} is destroyed. Its branch went meanwhile, so its record is closed once that is certain."
    if done.status is Status.SUSPENDED:
        return (
            f"{done.label} is destroyed, and suspended since its branch is still there; "
            f"`envmgr resume {done.label}` brings it back."
        )
    return f"{done.label} is {done.status}."
