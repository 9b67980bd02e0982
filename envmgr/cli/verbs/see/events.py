"""`envmgr events`."""

import json
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from envmgr.cli.command import complete_environment, json_option, pass_invocation, verb
from envmgr.cli.duration_type import Duration
from envmgr.cli.invocation import Invocation
from envmgr.cli.lookup import Elsewhere, known_records
from envmgr.cli.screen import emit, emit_json_rows, moment, printable, say
from envmgr.domain.values.environment import Event
from envmgr.views import documents

if TYPE_CHECKING:
    from envmgr.cli.remote.records import RemoteRecords
    from envmgr.domain.values.names import EnvironmentId
    from envmgr.ports import Store

    _Identities = Sequence[EnvironmentId] | Sequence[None]

_NEWEST = 100
_PAUSE = 0.5


@verb("events", example="envmgr events alice --since 1d\nenvmgr events --follow", remote=True)
@click.argument("environment", metavar="[ENV]", required=False, shell_complete=complete_environment)
@click.option("--since", type=Duration(), metavar="DURATION", help="Only of the last 30m, 1d, …")
@click.option("--follow", "-f", is_flag=True, help="Keep printing what happens, until Ctrl-C.")
@json_option
@pass_invocation
def events_command(
    invocation: Invocation, environment: str | None, since: timedelta | None, follow: bool, as_json: bool
) -> None:
    """Everything that happened and who caused it, the newest last; the newest 100 without --since.

    With --follow --json there is a JSON object on each line.
    """
    with invocation.shown_records() as store:
        identities = [e.id for e in known_records(store, environment)] if environment else [None]
        begin = datetime.now(UTC) - since if since is not None else None
        # Before the list: what comes in between is in that; the other way round it would be lost.
        newest = store.newest_event() if follow and isinstance(store, Elsewhere) else 0
        found = _events(store, identities, since=begin, limit=None if since is not None else _NEWEST)
        if as_json and not follow:
            emit_json_rows(map(documents.event, found))
            return
        if not found and not follow:
            say("Nothing happened" + (" in that time." if since is not None else " yet."))
        _print(found, as_json)
        if follow:
            last = max([newest, *(e.id for e in found)])
            _follow(store, identities, begin, last, as_json)


def _follow(
    store: "Store | RemoteRecords",
    identities: "_Identities",
    begin: datetime | None,
    last: int,
    as_json: bool,
) -> None:
    if isinstance(store, Elsewhere):
        for event in store.coming_events(identities, last):
            _print([event], as_json)
        return
    while True:
        time.sleep(_PAUSE)
        each = [store.events(of, since=begin, after=last) for of in identities]
        found = sorted((e for events in each for e in events), key=lambda event: event.id)
        _print(found, as_json)
        last = max([last, *(e.id for e in found)])


def _events(
    store: "Store | RemoteRecords",
    identities: "_Identities",
    since: datetime | None,
    limit: int | None,
) -> Sequence[Event]:
    """Events of everything, or of an environment's applications together, in the order they happened."""
    found = [e for each in identities for e in store.events(each, since=since, limit=limit)]
    ordered = sorted(found, key=lambda event: event.id)
    return ordered if limit is None else ordered[-limit:]


def _print(found: Iterable[Event], as_json: bool) -> None:
    for event in found:
        emit(json.dumps(documents.event(event)) if as_json else _line(event))


def _line(event: Event) -> str:
    place = "/".join(filter(None, event.place or ()))
    where = f"{event.environment or place} " if event.environment or place else ""
    return f"{moment(event.at)}  {where}{event.action}: {printable(event.message)} ({printable(event.actor)})"
