"""The data folder remembers which database it works with: no other one is taken for it in silence.

An empty database beside a full one would forget what was set by hand, and make again what had ended.
"""

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from envmgr.adapters.store.names import FILE_NAME
from envmgr.domain.errors import Transient, UsageError
from envmgr.engine.context.layout import Layout
from envmgr.host.system import write_private

if TYPE_CHECKING:
    from envmgr.adapters.store.store import SqlStore


@dataclass(frozen=True, slots=True)
class Remembered:
    """The database that a data folder worked with last: its identity, and where it was."""

    id: str
    place: str


def check(store: "SqlStore", layout: Layout) -> None:
    """Refuses (UsageError) a database that is not the one this data folder works with; remembers the one it is.

    It is the same where its identity is, where it was copied from that one by `envmgr migrate`, or where it stands in
    the same place: then it was lost, and what is beside the states brings it back.
    """
    found, before = store.identity(), _read(layout)
    if before is None and (full := _full_beside(store, layout)):
        before = full
    now = Remembered(found.id, store.place)
    if before == now:
        return
    if before is not None and before.id not in (found.id, found.copied_from) and before.place != now.place:
        state = "empty" if store.is_empty() else "another one"
        raise UsageError(
            f"The data folder {layout.root} works with the {before.place}, but daemon: database names the {now.place}, which "
            f"is {state}. Restore the setting, and take the records along with `envmgr migrate --to …`; or, to begin without them, delete {layout.database}."
        )
    _write(layout, now)


def is_known(layout: Layout, identity: str, place: str) -> bool:
    """Whether a database is the one that this data folder worked with last, so that there is nothing to check or to write."""
    return _read(layout) == Remembered(identity, place)


def _full_beside(store: "SqlStore", layout: Layout) -> Remembered | None:
    """The records of an older release in the data folder, where the store is another, empty one."""
    file = layout.root / FILE_NAME
    if not file.is_file() or str(file) in store.place or not store.is_empty():
        return None
    from envmgr.adapters.store.connect import open_store  # only here: what is known already is known at once

    with open_store(None, layout.root) as beside:
        return None if beside.is_empty() else Remembered(beside.identity().id, beside.place)


def _read(layout: Layout) -> Remembered | None:
    try:
        found = json.loads(layout.database.read_text(encoding="utf-8"))
        return Remembered(str(found["id"]), str(found["place"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{layout.database} cannot be read: it says which database this data folder works with. Delete it if "
            "daemon: database names the right one."
        ) from error


def _write(layout: Layout, now: Remembered) -> None:
    said = "Which database this data folder works with cannot be remembered yet"
    try:
        # Whoever looks into the service's folder as root leaves nothing there that the service cannot read.
        write_private(layout.database, json.dumps(asdict(now)), said, durable=True, owned_as=layout.root)
    except Transient as error:  # a full disk: whoever only reads must not be held up
        import structlog  # only here: the reading verbs answer without it

        structlog.get_logger().warning(str(error), action="database-not-remembered")
