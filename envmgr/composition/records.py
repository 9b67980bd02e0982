"""Opening the store, and nothing else: what the reading verbs need, imported in a moment."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from envmgr import __version__
from envmgr.adapters.store import overview
from envmgr.adapters.store.names import FILE_NAME, REVISIONS
from envmgr.adapters.store.overview import Overview
from envmgr.config.sections.secrets import resolve
from envmgr.config.settings import Settings
from envmgr.config.settings_file import read_settings
from envmgr.domain.documents.owner import Installation
from envmgr.engine.context.layout import Layout

from . import remembered

if TYPE_CHECKING:
    from envmgr.adapters.store.store import SqlStore
    from envmgr.domain.values.hosts.host import Standing

    Records = SqlStore

__all__ = ["Overview", "open_records", "open_records_of", "read_overview", "standings"]


def read_overview(
    config: Path, data_dir: Path, environ: Mapping[str, str], chosen: str | None, destroyed: bool
) -> Overview:
    """What `list` shows, of the repositories called `chosen` or of all; without opening the store where that can be."""
    settings, layout = _settings(config), Layout(data_dir).create()
    if settings.database is None:
        found = overview.at_once(layout.root / FILE_NAME, chosen, destroyed)
        if found is not None and remembered.is_known(layout, found.identity, found.place):
            return found.found
    with open_records_of(settings, layout, environ) as store:
        shown = store.overview(chosen, destroyed=destroyed)
    return _with_this_host(shown, layout) if store.is_shared and layout.host.is_file() else shown


def _with_this_host(shown: Overview, layout: Layout) -> Overview:
    """With how this host stands where another one has its name or its ID: where no daemon of it works, it is in no record."""
    from envmgr.adapters.processes import current_process
    from envmgr.domain.rules.hosts import standing
    from envmgr.host.identity import host_id

    me = current_process(host_id(layout.host))
    hosts = [each.host for each in shown.hosts]
    why = standing.conflict(me, [each for each in hosts if not each.refused])
    if not why or any(
        each.refused and (each.id, each.process.boot) == (me.machine, me.boot) for each in hosts
    ):
        return shown
    own = standing.refused(me, __version__, why, datetime.now(UTC))
    return replace(shown, hosts=[*shown.hosts, *standing.standings([own], REVISIONS[-1], (), ())])


def standings(store: "Records") -> "Sequence[Standing]":
    """How the hosts of a store stand, and what each works on; nothing is said of this one."""
    from envmgr.domain.rules.hosts import standing

    now = datetime.now(UTC)
    hosts, held = store.hosts.all(now), store.leases(now, over=True).values()
    shown = standing.with_refused(hosts, store.hosts.refused(now))
    return standing.standings(shown, REVISIONS[-1], hosts if store.is_shared else (), held)


def open_records(config: Path, data_dir: Path, environ: Mapping[str, str]) -> "Records":
    """Only the store, as the reading verbs need it: no configuration but the settings is read."""
    return open_records_of(_settings(config), Layout(data_dir).create(), environ)


def _settings(config: Path) -> Settings:
    return read_settings(config) if config.exists() else Settings()


def open_records_of(settings: Settings, layout: Layout, environ: Mapping[str, str]) -> "Records":
    """The store that the settings name; SQLite in the data folder where they name none.

    Raises UsageError where it is not the one that this data folder works with.
    """
    from envmgr.adapters.store.connect import open_store  # SQLAlchemy: longer than all that `list` does

    database = resolve(settings.database, environ) if settings.database is not None else None
    store = open_store(database, layout.root)
    try:
        remembered.check(store, layout)
    # Also on Ctrl-C: nobody else has the store, to close it.
    except BaseException:
        store.close()
        raise
    return store


def open_installation(
    settings: Settings, layout: Layout, environ: Mapping[str, str]
) -> "tuple[Records, Installation]":
    """The store as `open_records_of` gives it, and which records of whom these are."""
    import socket  # only here: the reading verbs answer without it

    store = open_records_of(settings, layout, environ)
    found, folder = store.identity(), str(layout.root.absolute())
    return store, Installation(
        database=found.id, copied_from=found.copied_from, host=socket.gethostname(), folder=folder
    )
