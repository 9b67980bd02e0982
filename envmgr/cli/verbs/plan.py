"""`envmgr plan`."""

from pathlib import Path

import click

from ...daemon import operations
from .. import documents
from ..command import environment_argument, json_option, pass_invocation, verb
from ..invocation import Invocation
from ..progress import Display
from ..screen import emit, emit_json, say
from ..work import work

_CHANGES = 2


@verb(
    "plan",
    example="envmgr plan alice\nenvmgr plan alice --save alice.plan && envmgr apply alice --plan alice.plan",
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
    display = Display()
    with work(invocation, display) as application, display:
        found = operations.find(application, environment, fresh=not destroy)
        shown = operations.plan(application, found, destroy=destroy, revision=revision, save=save)
    if as_json:
        emit_json(_document(shown))
    elif shown.plan is not None:
        emit(shown.text.strip("\n"))
        emit()
    if not as_json:
        emit(_summary(shown))
    if save is not None:
        say(f"Saved as {save}; `envmgr apply {shown.environment.label} --plan {save}` applies exactly this.")
    return 0 if shown.plan is None else _CHANGES


def _summary(shown: operations.PlanShown) -> str:
    label = shown.environment.label
    if shown.plan is None:
        return f"{label}: nothing would change."
    return f"{label}: {shown.plan.changes} (run {shown.run.id})."


def _document(shown: operations.PlanShown) -> dict[str, object]:
    resources = shown.plan.resources if shown.plan else ()
    return {
        **documents.environment(shown.environment),
        "run": shown.run.id,
        "planned_commit": shown.run.commit,
        "has_changes": shown.plan is not None,
        "changes": documents.changes(shown.plan.changes) if shown.plan else None,
        "resources": [
            {"address": r.address, "actions": list(r.actions)} for r in resources if r.actions != ("no-op",)
        ],
    }
