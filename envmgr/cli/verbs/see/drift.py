"""`envmgr drift`."""

from collections.abc import Iterator, Sequence

import click

from envmgr.cli import differences
from envmgr.cli.command import complete_environment, json_option, pass_invocation, verb
from envmgr.cli.invocation import Invocation
from envmgr.cli.progress import Display
from envmgr.cli.screen import emit, emit_json_rows, moment, printable, say
from envmgr.cli.work import work
from envmgr.commands import operations
from envmgr.commands.results import checked
from envmgr.commands.rollback import look_for_drift
from envmgr.commands.runtime import Runtime
from envmgr.domain.errors import EnvmgrError, Interrupted
from envmgr.domain.values.drift import Drift, failed
from envmgr.domain.values.environment import Environment
from envmgr.domain.values.names import counted
from envmgr.engine.change.drift import can_check
from envmgr.engine.context.snapshot import Snapshot

_DRIFT = 2
_INDENT = "  "
Checked = tuple[Environment, Drift]


@verb("drift", example="envmgr drift\nenvmgr drift alice bob --json", remote=True)
@click.argument("environments", metavar="[ENV]...", nargs=-1, shell_complete=complete_environment)
@json_option
@pass_invocation
def drift_command(invocation: Invocation, environments: tuple[str, ...], as_json: bool) -> int:
    """Check now, one after the other, how the cloud differs from what was applied; nothing is corrected.

    Without ENV, all environments that are up to date with their branch. Exit code 0: no drift, 2: drift (or the command line
    is wrong), 1: a check could not run.
    """
    if invocation.server:
        from envmgr.cli.remote.changing import drifted

        return _tell(list(drifted(invocation, environments, None if as_json else _print)), as_json)
    display, done = Display(several=True), list[Checked]()
    with work(invocation, display) as runtime, display:
        for found, drift in _checks(runtime, _chosen(runtime, environments), display):
            done.append((found, drift))
            if not as_json:
                with display.paused():
                    _print(found, drift)
    return _tell(done, as_json)


def _tell(done: Sequence[Checked], as_json: bool) -> int:
    """All that was found; the exit code."""
    if as_json:
        emit_json_rows(checked(found, drift) for found, drift in done)
    elif len(done) != 1:
        emit(_closing(done))
    return _exit_code(done)


def _chosen(runtime: Runtime, named: Sequence[str]) -> list[Environment]:
    """The environments that are named; where none is, all that can be checked, and the others are said."""
    if named:
        found = (e for text in named for e in operations.find_all(runtime, text))
        return list({environment.id: environment for environment in found}.values())
    able, unable = list[Environment](), list[Environment]()
    for environment, can in _applied(runtime):
        (able if can else unable).append(environment)
    if unable:
        left_out = ", ".join(f"{e.label} ({e.status})" for e in unable)
        say(f"Not checked, as they are not up to date with their branch: {left_out}.")
    return able


def _applied(runtime: Runtime) -> Iterator[tuple[Environment, bool]]:
    """All environments with resources, and whether each can be checked."""
    services, now = runtime.services, runtime.services.clock()
    for repository in services.repositories.values():
        records = services.store.environments(repository=repository.id)
        snapshot = Snapshot(repository, records, now)
        for found in records:
            if found.claim is not None:
                yield found, can_check(found, snapshot.policy(found))


def _checks(runtime: Runtime, chosen: Sequence[Environment], display: Display) -> Iterator[Checked]:
    for number, found in enumerate(chosen, 1):
        display.turn_to(f"{found.label} ({number} of {len(chosen)})")
        yield found, _check(runtime, found)


def _check(runtime: Runtime, found: Environment) -> Drift:
    """What a check found; one that could not even begin is an error of its own, and no other is kept from it."""
    try:
        return look_for_drift(runtime, found)
    except Interrupted:
        raise
    except EnvmgrError as error:
        return failed(found.drift, str(error), runtime.services.clock())


def _print(found: Environment, drift: Drift) -> None:
    if drift.error:
        began = drift.failing_since
        since = f" (so since {moment(began)})" if began is not None and began < drift.tried_at else ""
        say(f"Error: {found.label}: {printable(drift.error)}{since}")
        return
    number = len(drift.differences)
    differ = counted(number, "resource differs", "resources differ")
    emit(f"{found.label}: {f'{differ}; `envmgr apply {found.label}` corrects it' if number else 'no drift'}.")
    for line in (*differences.lines(drift), *differences.noise(drift), *differences.checks(drift)):
        emit(f"{_INDENT}{line}")


def _closing(done: Sequence[Checked]) -> str:
    if not done:
        return "There is no environment to check."
    drifted = sum(drift.status == "drift" for _, drift in done)
    unknown = sum(drift.status == "unknown" for _, drift in done)
    parts = [f"{counted(len(done), 'environment')}, {drifted} with drift"]
    return ", ".join([*parts, f"{unknown} could not be checked"] if unknown else parts) + "."


def _exit_code(done: Sequence[Checked]) -> int:
    statuses = {drift.status for _, drift in done}
    return 1 if "unknown" in statuses else _DRIFT if "drift" in statuses else 0
