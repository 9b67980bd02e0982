"""This host among others, the leases by which it works, and the queue that it shares with them."""

from collections.abc import Callable

from envmgr.adapters.store.store import SqlStore
from envmgr.config.settings import Settings
from envmgr.domain.values.environment import ProcessId
from envmgr.engine.context.hosts import Fleet
from envmgr.engine.context.layout import Layout
from envmgr.engine.context.leases import Leases
from envmgr.engine.context.services import Services
from envmgr.engine.context.shared_clock import SharedClock, present
from envmgr.host.fence import Fence
from envmgr.ports import Clock, Processes, Store
from envmgr.ports.hosts import Queue


def held(
    before: Services | None,
    store: Store,
    clock: Clock,
    owner: ProcessId,
    processes: Processes,
    layout: Layout,
) -> tuple[Fleet, Leases]:
    """Both, for a store that other hosts may share or not: where they do, what runs here ends before its lease.

    After a reload those of `before`. A clock that is not this host's own is left as it is: it is a test's.
    """
    if before is not None:
        return before.fleet, before.leases
    is_shared = isinstance(store, SqlStore) and store.is_shared
    if is_shared and clock is present:
        clock = SharedClock()
    fleet = Fleet(store, clock, owner, processes, fences=is_shared)
    fence = Fence(layout.private(layout.fences)) if is_shared else None
    return fleet, Leases(store, clock, owner, processes, fleet, fence)


def queue_of(settings: Settings, store: Store) -> Callable[[], Queue] | None:
    """Opens the queue that the settings ask for; None where each process has its own."""
    is_asked = settings.queue == "procrastinate"
    return store.queue if is_asked and isinstance(store, SqlStore) else None
