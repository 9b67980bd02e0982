"""`envmgr reconcile`."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from envmgr.cli import table
from envmgr.cli.command import complete_environment, json_option, pass_invocation, take_over_option, verb
from envmgr.cli.invocation import Invocation
from envmgr.cli.progress import Display
from envmgr.cli.screen import colored, emit, emit_json, printable, say, width
from envmgr.cli.work import work
from envmgr.commands import foresight, operations
from envmgr.commands.forge import passing
from envmgr.commands.runtime import Runtime
from envmgr.daemon.telling_watch import TellingWatch
from envmgr.domain.values.environment import Environment, Status
from envmgr.domain.values.names import EnvironmentId, counted
from envmgr.engine.context.organization import Repository
from envmgr.engine.reconcile import unmanaged
from envmgr.views import documents

if TYPE_CHECKING:
    from envmgr.views import objects

_FORETOLD = (table.Column("environment"), table.Column("action"), table.Column("reason", least=20))


@verb("reconcile", example="envmgr reconcile\nenvmgr reconcile shop/alice\nenvmgr reconcile --dry-run")
@click.argument("environments", metavar="[ENV]...", nargs=-1, shell_complete=complete_environment)
@click.option("--dry-run", is_flag=True, help="Say what would be done now and why; touch nothing.")
@take_over_option
@json_option
@pass_invocation
def reconcile_command(
    invocation: Invocation, environments: tuple[str, ...], dry_run: bool, take_over: bool, as_json: bool
) -> int:
    """One pass: poll, do all work that is due, wait for it. Needs no daemon: for cron and CI.

    Commands in comments are left to a daemon.

    Named environments are tried again even if they failed before; only their repositories are polled.
    Forges are told what is new, for half a minute at most.
    Exit code 1: something failed, or is not healthy. With --dry-run 2: there is something to do.
    """
    if dry_run:
        return _foretell(invocation, environments, as_json)
    display, invocation.takes_over = Display(several=True), take_over
    with work(invocation, display, actor="reconcile") as runtime:
        with display:
            asked = frozenset(e.id for t in environments for e in operations.find_all(runtime, t))
            repositories = _repositories(runtime, asked)
            before = _records(runtime, repositories)
            unasked = passing.look(runtime, repositories)
            polled = runtime.poller.poll_all(repositories, runtime.poll_workers)
            runtime.workers.run_until_settled(repositories, asked, only=bool(asked))
            unmanaged.tell(runtime.services)
            unasked = list(dict.fromkeys([*unasked, *passing.end_left(runtime, repositories)]))
            unsaid = TellingWatch(runtime).once()
        after = _records(runtime, repositories)
    errors = [f"{p.repository}: {p.error}" for p in polled if p.error] + _unrecovered(repositories)
    errors += unasked
    errors += runtime.workers.unrecorded
    for sentence in unsaid:
        say(sentence)
    inside = [e for e in after.values() if not asked or e.id in asked]
    changed = [e for e in inside if _differs(before.get(e.id), e)]
    failed = [e for e in inside if e.status is Status.FAILED]
    degraded = [e for e in inside if e.status is Status.DEGRADED]
    if as_json:
        emit_json(_document(changed, failed, degraded, errors))
    else:
        count = _count(e for e in inside if e.is_open)
        _print(changed, failed, degraded, errors, len(repositories), count)
    return 1 if failed or degraded or errors else 0


def _foretell(invocation: Invocation, environments: Sequence[str], as_json: bool) -> int:
    with work(invocation, actor="reconcile") as runtime:
        seen = foresight.foresee(runtime, environments)
    if as_json:
        steps: list[objects.StepObject] = [
            {"environment": s.environment.label, "action": s.action, "reason": s.reason} for s in seen.steps
        ]
        foreseen: objects.ForesightObject = {"steps": steps, "errors": list(seen.errors)}
        emit_json(foreseen)
    else:
        rows = [(s.environment.label, s.action, printable(s.reason)) for s in seen.steps]
        emit("\n".join(table.render(_FORETOLD, rows, width())))
        for error in seen.errors:
            say(printable(error))
        say("Nothing was touched.")
    if seen.errors:
        return 1
    return 2 if any(step.is_work for step in seen.steps) else 0


def _repositories(runtime: Runtime, asked: frozenset[EnvironmentId]) -> list[Repository]:
    wanted = {identity.repository_id for identity in asked}
    return [p for p in runtime.services.repositories.values() if not asked or p.id in wanted]


def _unrecovered(repositories: Sequence[Repository]) -> list[str]:
    """What could not be brought back of records that were lost."""
    organizations = {repository.organization.name: repository.organization for repository in repositories}
    return [
        sentence
        for organization in organizations.values()
        for sentence in organization.rebuilding.unrecovered
    ]


def _records(runtime: Runtime, repositories: Sequence[Repository]) -> dict[EnvironmentId, Environment]:
    store = runtime.services.store
    chosen = {p.id for p in repositories}
    return {e.id: e for e in store.environments(destroyed=True) if e.id.repository_id in chosen}


def _shown(found: Environment) -> tuple[object, ...]:
    """What a person sees of an environment."""
    at, url, ends = found.applied.commit, found.applied.url, found.life.expires_at
    return found.status, found.commit, at, found.message, url, ends


def _differs(before: Environment | None, after: Environment) -> bool:
    return before is None or _shown(before) != _shown(after)


def _count(records: Iterable[Environment]) -> int:
    """How many environments these are, or are applications of."""
    return len({e.id.environment for e in records})


def _document(
    changed: Sequence[Environment],
    failed: Sequence[Environment],
    degraded: Sequence[Environment],
    errors: Sequence[str],
) -> "objects.PassObject":
    return {
        "changed": [documents.environment(e) for e in changed],
        "failed": [documents.environment(e) for e in failed],
        "degraded": [documents.environment(e) for e in degraded],
        "errors": list(errors),
    }


def _print(
    changed: Sequence[Environment],
    failed: Sequence[Environment],
    degraded: Sequence[Environment],
    errors: Sequence[str],
    repositories: int,
    environments: int,
) -> None:
    for environment in [*changed, *(e for e in (*failed, *degraded) if e not in changed)]:
        emit(_line(environment))
    for error in errors:
        say(f"Error: {error}")
    parts = [
        counted(repositories, "repository", "repositories"),
        counted(environments, "environment"),
        f"{_count(changed)} changed",
        f"{_count(failed)} failed",
    ]
    if degraded:
        parts.append(f"{_count(degraded)} degraded")
    if errors:
        parts.append(f"{len(errors)} could not be read")
    emit(f"{', '.join(parts)}.")


def _line(found: Environment) -> str:
    said = printable(found.said) or (found.applied.url or "")
    at = f" at {found.applied.commit[:7]}" if found.applied.commit else ""
    return f"{found.label}: {colored(found.status)}{at}{f': {said}' if said else ''}"
