"""`envmgr plan`."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from envmgr.cli.command import environment_argument, json_option, pass_invocation, verb
from envmgr.cli.invocation import Invocation
from envmgr.cli.progress import Display
from envmgr.cli.screen import emit, emit_json_of, printable, say
from envmgr.cli.work import work
from envmgr.commands import operations
from envmgr.commands.results import planned
from envmgr.commands.runtime import Runtime
from envmgr.domain.documents.plan import Plan
from envmgr.domain.values.environment import Environment
from envmgr.engine.work.job import NothingDone

_CHANGES = 2
_Planned = tuple[Environment, operations.PlanShown | None]
"""A plan with what it is of; None where nothing was applied that could be destroyed."""


@verb(
    "plan",
    example="envmgr plan alice\nenvmgr plan alice --save alice.plan && envmgr apply alice --plan alice.plan",
    remote=True,
)
@environment_argument
@click.option("--destroy", is_flag=True, help="What `envmgr destroy` would do.")
@click.option("--commit", "revision", metavar="REV", help="Another commit than the branch's newest.")
@click.option(
    "--save",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Keep the plan for apply --plan.",
)
@json_option
@pass_invocation
def plan_command(
    invocation: Invocation,
    environment: str,
    destroy: bool,
    revision: str | None,
    save: Path | None,
    as_json: bool,
) -> int:
    """What would change, in Terraform's words; nothing is changed.

    Exit code 0: nothing would change, 2: there are changes (or the command line is wrong), 1: it failed.
    """
    if destroy and revision is not None:
        raise click.UsageError("--destroy always uses what was last applied: leave --commit out.")
    if invocation.server:
        from envmgr.cli.remote.changing import plan

        return plan(
            invocation,
            environment,
            destroy=destroy,
            revision=revision,
            saves=save is not None,
            as_json=as_json,
        )
    display = Display()
    with work(invocation, display) as runtime, display:
        found = operations.find_all(runtime, environment, fresh=not destroy)
        if save is not None and len(found) > 1:
            raise click.UsageError(
                f"--save keeps the plan of one application: {environment}:{found[0].id.application}."
            )
        shown = list(_plans(runtime, found, destroy, revision, save))
    if as_json:
        emit_json_of([planned(*each) for each in shown])
    else:
        for each in shown:
            _print(*each)
    if save is not None:
        label = found[0].label
        say(f"Saved as {save}; `envmgr apply {label} --plan {save}` applies exactly this.")
    return 0 if all(each is None or each.plan is None for _, each in shown) else _CHANGES


def _plans(
    runtime: Runtime,
    found: Sequence[Environment],
    destroy: bool,
    revision: str | None,
    save: Path | None,
) -> Iterator[_Planned]:
    """The plans; of several applications without those that cannot be planned before another is applied."""
    for each in found:
        if destroy and each.claim is None:
            yield each, None
            continue
        try:
            yield each, operations.plan(runtime, each, destroy=destroy, revision=revision, save=save)
        except NothingDone as error:
            if len(found) == 1:
                raise
            say(str(error))


def _print(found: Environment, shown: operations.PlanShown | None) -> None:
    if shown is None:
        emit_plan(found.label, None, "", (), None)
    else:
        told = (*shown.warnings, shown.refused)
        emit_plan(shown.environment.label, shown.plan, shown.text, told, shown.run.id)


def emit_plan(label: str, plan: Plan | None, text: str, warnings: Sequence[str], run: int | None) -> None:
    """A plan for people; `run` is None where nothing was there to plan a destroy of."""
    if run is None:
        emit(f"{label}: nothing to destroy, nothing was applied.")
        return
    if plan is not None:
        emit(text.strip("\n"))
        emit()
    for warning in filter(None, warnings):
        emit(printable(warning))
    emit(f"{label}: nothing would change." if plan is None else f"{label}: {plan.changes} (run {run}).")
