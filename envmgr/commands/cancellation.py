"""Ending what runs for an environment because a person says so, in whatever process it runs."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from envmgr.domain.errors import EnvironmentBusy, EnvmgrError
from envmgr.domain.rules.transitions import wishes
from envmgr.domain.values.asking.person import Action
from envmgr.domain.values.environment import Environment, Run, RunStatus
from envmgr.engine.context import by_hand
from envmgr.engine.work.job import NothingDone
from envmgr.engine.work.mode import ByHand, Verb

from . import operations
from .access import needs
from .runtime import Runtime

_LOOK = 0.5


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What became of a cancellation: the record, the run that was to end, and whether it is over by now."""

    environment: Environment
    run: Run | None
    is_over: bool


@needs(Action.CANCEL)
def cancel(
    runtime: Runtime,
    environment: Environment,
    patience: timedelta,
    waits: Callable[[], bool] = lambda: True,
) -> Cancelled:
    """Asks what runs there to end, and waits for that as long as `patience`, and while `waits` says so.

    Whoever holds the lease sees the mark in the record and sends SIGINT. Work of a dead process is attended to its
    end here. What had succeeded by then stays, and the mark goes. Raises NothingDone where nothing runs.
    """
    services, identity = runtime.services, environment.id
    # The record of now: how it was suspended before is what `came_too_late` puts back.
    before = services.store.environment(identity) or environment
    running = services.store.runs(identity, status=RunStatus.RUNNING)
    if identity not in services.store.leases(services.clock()) and not running:
        raise NothingDone(f"Nothing runs for {environment.label}, it is {before.status}: nothing to cancel.")
    because = f"Cancelled by {services.actor}; a push or `envmgr resume {environment.label}` starts it again."
    event = services.event(identity, "cancelled", because, run=running[0].id if running else None)
    # Without the lease: whoever works there holds it, and is meant to see this.
    now = services.clock()
    services.store.update(identity, None, now, lambda e: wishes.cancelled(e, because, now), event)
    by_hand.keep(services, identity)
    is_over = _await_end(runtime, environment, patience, waits)
    run = services.store.run(running[0].id) if running else None
    # It was done before it could be stopped: the mark must not hold back what comes next.
    if is_over and run is not None and run.status is RunStatus.SUCCEEDED:
        services.store.update(identity, None, services.clock(), lambda e: wishes.came_too_late(e, before))
        by_hand.keep(services, identity)
    return Cancelled(services.store.environment(identity) or before, run, is_over)


def at_work(runtime: Runtime, environments: Sequence[Environment]) -> Sequence[Environment]:
    """Those of an environment's applications for which something runs."""
    services = runtime.services
    leases = services.store.leases(services.clock())
    return [e for e in environments if e.id in leases or services.store.runs(e.id, status=RunStatus.RUNNING)]


def _await_end(
    runtime: Runtime, environment: Environment, patience: timedelta, waits: Callable[[], bool]
) -> bool:
    services, deadline = runtime.services, time.monotonic() + patience.total_seconds()
    while time.monotonic() < deadline and waits():
        try:
            with operations.manual(runtime, environment, ByHand(verb=Verb.CANCEL)):
                return True  # what a dead process left is over, too: `manual` ends that first
        except EnvironmentBusy:
            time.sleep(_LOOK)
        # What a dead process left may still be at work: it is asked again until that is over.
        except EnvmgrError:
            if not services.store.runs(environment.id, status=RunStatus.RUNNING):
                raise
            time.sleep(_LOOK)
    return False
