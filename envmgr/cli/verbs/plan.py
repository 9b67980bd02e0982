"""`envmgr plan`."""

from pathlib import Path

import click

from envmgr.cli import documents
from envmgr.cli.command import environment_argument, json_option, pass_invocation, verb
from envmgr.cli.invocation import Invocation
from envmgr.cli.progress import Display
from envmgr.cli.screen import emit, emit_json, say
from envmgr.cli.work import work
from envmgr.daemon import operations
from envmgr.domain.environment import Environment, Run
from envmgr.domain.plan import Plan

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
        if destroy and found.claim is None:
            _nothing_to_destroy(found, as_json)
            return 0
        shown = operations.plan(application, found, destroy=destroy, revision=revision, save=save)
    if as_json:
        emit_json(_document(shown.environment, shown.plan, shown.run))
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


def _nothing_to_destroy(found: Environment, as_json: bool) -> None:
    if as_json:
        emit_json(_document(found, None, None))
    else:
        emit(f"{found.label}: nothing to destroy, nothing was applied.")


def _document(found: Environment, plan: Plan | None, run: Run | None) -> dict[str, object]:
    resources = plan.resources if plan else ()
    return {
        **documents.environment(found),
        "run": run.id if run else None,
        "planned_commit": run.commit if run else None,
        "has_changes": plan is not None,
        "changes": documents.changes(plan.changes) if plan else None,
        "resources": [
            {"address": r.address, "actions": list(r.actions)} for r in resources if r.actions != ("no-op",)
        ],
    }
