"""`envmgr apply`."""

from collections.abc import Sequence
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
from envmgr.cli.outcome import emit_done
from envmgr.cli.progress import Display
from envmgr.cli.screen import printable, require_consent
from envmgr.cli.work import work
from envmgr.commands import operations
from envmgr.commands.runtime import Runtime
from envmgr.domain.values.environment import Environment


@verb("apply", example="envmgr apply alice\nenvmgr apply alice --plan alice.plan", remote=True)
@environment_argument
@yes_option
@click.option(
    "--plan",
    "file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Apply what `envmgr plan --save FILE` planned; it was reviewed, so nothing is asked.",
)
@click.option(
    "--allow-import",
    is_flag=True,
    help="Also let import blocks take in what carries no environment's tags; it will be deleted with the environment.",
)
@click.option("--rebuild", is_flag=True, help="Build the commit anew, though it was built before.")
@override_option
@json_option
@pass_invocation
def apply_command(
    invocation: Invocation,
    environment: str,
    *,
    yes: bool,
    file: Path | None,
    allow_import: bool,
    rebuild: bool,
    override_window: bool,
    as_json: bool,
) -> None:
    """Plan, show, ask, apply exactly that plan."""
    require_consent(yes or file is not None, "apply")
    if invocation.server:
        from envmgr.cli.remote.changing import Wish, change

        if file is not None:
            raise click.UsageError(
                "--plan works on envmgr's own host alone: without it, what is shown is applied."
            )
        options = {"override_window": override_window, "allow_import": allow_import, "rebuild": rebuild}
        wish = Wish("apply", environment, yes, options, lambda found, display: _consent(found, yes, display))
        emit_done(change(invocation, wish, afresh=True), as_json, _told)
        return
    display = Display()
    with work(invocation, display) as runtime:
        with display:
            done = list[Environment]()
            if file is not None:
                found = operations.find(runtime, environment, fresh=True)
                done.append(operations.apply_saved(runtime, found, file, override_window=override_window))
            else:
                for found in operations.find_all(runtime, environment, fresh=True):
                    consent = _consent(found, yes, display)
                    done.append(
                        operations.apply(
                            runtime,
                            found,
                            consent,
                            override_window=override_window,
                            imports=allow_import,
                            rebuild=rebuild and not done,  # one build is for all applications
                        )
                    )
        _report(runtime, done, as_json)


def _consent(found: Environment, yes: bool, display: Display) -> Consent:
    return Consent(
        environment=found,
        question="Apply this?",
        nothing=f"{found.label} is as its branch wants it: nothing changes.",
        yes=yes,
        display=display,
    )


def _report(runtime: Runtime, done: Sequence[Environment], as_json: bool) -> None:
    store = runtime.services.store
    emit_done([store.environment(each.id) or each for each in done], as_json, _told)


def _told(found: Environment) -> str:
    where = f": {found.applied.url}" if found.applied.url else ""
    line = f"{found.label} is {found.status} at {(found.applied.commit or found.commit)[:10]}{where}"
    return "\n".join([line, *map(printable, found.warnings)])
