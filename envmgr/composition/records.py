"""Opening the store, and nothing else: what the reading verbs need, imported in a moment."""

from collections.abc import Mapping
from pathlib import Path

from envmgr.adapters.store.connect import open_store
from envmgr.adapters.store.store import SqlStore
from envmgr.config.sections.secrets import resolve
from envmgr.config.settings import Settings
from envmgr.config.settings_file import read_settings
from envmgr.engine.context.layout import Layout

from . import remembered

Records = SqlStore


def open_records(config: Path, data_dir: Path, environ: Mapping[str, str]) -> SqlStore:
    """Only the store, as the reading verbs need it: no configuration but the settings is read."""
    settings = read_settings(config) if config.exists() else Settings()
    return open_records_of(settings, Layout(data_dir).create(), environ)


def open_records_of(settings: Settings, layout: Layout, environ: Mapping[str, str]) -> SqlStore:
    """The store that the settings name; SQLite in the data folder where they name none.

    Raises UsageError where it is not the one that this data folder works with.
    """
    database = resolve(settings.database, environ) if settings.database is not None else None
    store = open_store(database, layout.root)
    try:
        remembered.check(store, layout)
    except BaseException:
        store.close()
        raise
    return store
