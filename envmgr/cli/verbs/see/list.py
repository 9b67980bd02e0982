"""`envmgr list`."""

import gc
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

import click

from envmgr.cli import table
from envmgr.cli.command import json_option, pass_invocation, verb
from envmgr.cli.invocation import Invocation
from envmgr.cli.listing import Listing
from envmgr.cli.screen import colored, commits, emit, emit_json_rows, printable, say, unseen, width
from envmgr.config.sections.duration import rounded_duration
from envmgr.domain.values.asking.freeze import Freeze
from envmgr.domain.values.combined import by_environment, combined, urls
from envmgr.domain.values.environment import AT_WORK, Environment, Status
from envmgr.domain.values.names import RepositoryId, ref_component
from envmgr.views import documents

if TYPE_CHECKING:
    from envmgr.composition.records import Overview


def _paint_drift(_: str, text: str) -> str:
    return colored(Status.WAITING, text)


_COLUMNS = (
    table.Column("ENVIRONMENT", least=20),
    table.Column("STATUS", paint=colored),
    table.Column("DRIFT", paint=_paint_drift),
    table.Column("BRANCH", least=16, drop=1),
    table.Column("COMMIT"),
    table.Column("AGE", drop=4),
    table.Column("EXPIRES", drop=3),
    table.Column("URL", drop=2),
    table.Column("MESSAGE", least=20),
)


@verb("list", example="envmgr list --status failed --status waiting", remote=True)
@click.option("--all", "everything", is_flag=True, help="Destroyed ones too.")
@click.option(
    "--status", "statuses", multiple=True, type=click.Choice([s.value for s in Status]), help="Only these."
)
@click.option("--repository", metavar="NAME", help="Only those of one repository: shop or acme/shop.")
@json_option
@pass_invocation
def list_command(
    invocation: Invocation, everything: bool, statuses: tuple[str, ...], repository: str | None, as_json: bool
) -> None:
    """All environments with their status, drift, commit, age and address.

    A commit marked (held) is held by a rollback; an end marked ! is near, and was warned of. Where a remote could not be
    read, its environments are shown as last seen, and that is said below. So it is where hosts are silent or take no
    work, and where a forge could not be told.
    """
    gc.disable()  # it costs a sixth of the time, and all memory is given back in a moment
    with_destroyed = everything or Status.DESTROYED in statuses
    if invocation.server:
        from envmgr.cli.remote.listing import elsewhere

        shown = elsewhere(invocation, repository, statuses, destroyed=with_destroyed)
    else:
        shown = _here(invocation.overview(repository, destroyed=with_destroyed), statuses)
    if as_json:
        emit_json_rows(shown.objects)
        return
    if shown.rows:
        _print(shown.rows)
    else:
        say(_nothing(bool(statuses or repository)))
    known = {e.id.repository_id for e, _ in shown.rows}
    for name in sorted(shown.unreachable):
        say(unseen(name, shown.unreachable[name], has_environments=name in known))
    for each in shown.freezes:
        if any(map(each.covers, known)):
            say(f"{printable(str(each))}: nothing is applied or destroyed there.")
    for name in sorted(shown.untold):
        for why in shown.untold[name]:
            say(printable(why.of(name)))
    if shown.hosts:
        from envmgr.domain.rules.hosts.words import doubts

        for doubt in doubts(shown.hosts):
            say(printable(doubt))


def _here(overview: "Overview", statuses: Sequence[str]) -> Listing:
    """What the records have."""
    groups, unreachable = by_environment(overview.environments), overview.unreachable
    found = [(e, group) for group in groups if (e := combined(group)).status in statuses or not statuses]
    errors = {name: polled.error for name, polled in unreachable.items()}
    now, freezes = datetime.now(UTC), overview.freezes
    beside = cache(
        lambda each: documents.Beside(
            errors.get(each, ""),
            _frozen(freezes, each, now),
            untold=overview.untold.get(each, ()),
            hosts=overview.hosts,
        )
    )
    objects = (documents.listed(e, group, beside(e.id.repository_id)) for e, group in found)
    holding = [each for each in freezes if not each.is_over(now)]
    rows = [(e, urls(group)) for e, group in found]
    return Listing(rows, objects, unreachable, holding, overview.untold, overview.hosts)


def _frozen(freezes: Sequence[Freeze], repository: RepositoryId, now: datetime) -> Freeze | None:
    if not freezes:
        return None
    from envmgr.domain.rules.access.freezing import in_force  # with it all decisions are loaded

    return in_force(freezes, repository, now)


def _print(found: Sequence[tuple[Environment, Sequence[str]]]) -> None:
    several = len({e.id.organization for e, _ in found}) > 1
    now = datetime.now(UTC)
    lines = table.render(_COLUMNS, [_row(e, now, several, urls) for e, urls in found], width())
    emit("\n".join(lines))


def _row(found: Environment, now: datetime, several: bool, urls: Sequence[str] = ()) -> tuple[str, ...]:
    identity = found.id
    return (
        str(identity) if several else identity.short,
        found.status.value,
        _drift(found),
        printable(found.branch),
        commits(found),
        rounded_duration(now - found.life.created_at),
        _end(found, now),
        printable(found.applied.url or "") + (f" (+{len(urls) - 1})" if len(urls) > 1 else ""),
        printable(_said(found)),
    )


def _said(found: Environment) -> str:
    """Its message; where that is of something else than what waits for its end, that its branch is gone comes first."""
    if found.is_missing and found.status not in (Status.WAITING, *AT_WORK, Status.DESTROYED):
        return f"Branch {ref_component(found.branch)} is gone. {found.said}".strip()
    return found.said


def _drift(found: Environment) -> str:
    """What somebody should look at; nothing where all is as it should be."""
    return "" if found.drift is None or found.drift.status == "none" else found.drift.status


def _end(found: Environment, now: datetime) -> str:
    if found.life.expires_at is None:
        return ""
    mark = " !" if found.life.warned_at is not None else ""
    return (
        f"in {rounded_duration(found.life.expires_at - now)}{mark}" if found.life.expires_at > now else "now"
    )


def _nothing(filtered: bool) -> str:
    if filtered:
        return "No environment matches; `envmgr list` shows all."
    return (
        "No environments yet. Push a branch that matches a repository's `branches` (env-*), then run "
        "`envmgr reconcile` or the daemon; `envmgr config check` says what is watched."
    )
