"""Who was stopped for longer than its lease held writes nothing of the environment: whatever it would write is refused."""

import inspect
from collections.abc import Callable

import pytest

from envmgr.domain.errors import LeaseLost
from envmgr.domain.rules.transitions.standing import says
from envmgr.domain.values.environment import Environment, Event, Lease, RunEnd, RunKind, RunStatus
from envmgr.ports import Store
from tests.support.store import ALICE, COMMIT, MINUTE, NOW, OURS, THEIRS

_QUIET = {"release"}
"""What only gives up what is another's by now, and so does nothing."""
_BY_NOBODY = {
    *("acquire", "revise", "restore", "save_repository", "take_findings", "prune"),
    *("environments", "environment", "touched", "leases", "run", "runs", "events", "repository", "polled"),
    *("unreachable", "last_look", "check", "close"),
}
"""What is no work on an environment that somebody holds: looks at remotes, tidying, and all that only reads."""


def late_writes(store: Store, lease: Lease, run: int) -> dict[str, Callable[[], object]]:
    """Each way in which who holds an environment writes, by a lease that another has taken over."""
    event = Event(at=NOW, environment=ALICE, action="late", message="Late.", actor="daemon", run=run)
    end = RunEnd(run=run, status=RunStatus.SUCCEEDED, at=NOW, message="Late.")
    return {
        "update": lambda: store.update(ALICE, lease, NOW, lambda e: says(e, "Late."), event, end),
        "renew": lambda: store.renew(lease, NOW + 2 * MINUTE, MINUTE),
        "release": lambda: store.release(lease),
        "start_run": lambda: store.start_run(ALICE, RunKind.APPLY, COMMIT, lease, "daemon", NOW),
        "set_child": lambda: store.set_child(run, OURS, lease),
        "set_lock": lambda: store.set_lock(run, "late", lease),
        "finish_run": lambda: store.finish_run(run, RunStatus.SUCCEEDED, NOW, "Late.", lease=lease),
        "record": lambda: store.record(event, lease),
    }


def test_each_way_to_write_is_refused(store: Store, alice: Environment) -> None:
    """And leaves everything as it was, the lease of the other, too."""
    lease = store.acquire(ALICE, OURS, "apply", NOW, MINUTE, lambda _: False)
    assert isinstance(lease, Lease)
    run = store.start_run(ALICE, RunKind.APPLY, COMMIT, lease, "daemon", NOW)
    taken = store.acquire(ALICE, THEIRS, "apply", NOW + 2 * MINUTE, MINUTE, lambda _: False)
    assert isinstance(taken, Lease)

    for name, write in late_writes(store, lease, run.id).items():
        if name in _QUIET:
            write()
        else:
            with pytest.raises(LeaseLost):
                write()

    assert (store.environment(ALICE), store.runs(ALICE), store.events()) == (alice, [run], [])
    assert store.leases(NOW + 2 * MINUTE) == {ALICE: taken}
    store.record(Event(at=NOW, environment=ALICE, action="x", message="", actor="daemon"), taken)
    assert len(store.events()) == 1


def test_no_way_to_write_is_missing_there(store: Store, alice: Environment) -> None:
    """Each method of the port is either tried, or said to be nobody's who holds an environment."""
    methods = {name for name, _ in inspect.getmembers(Store, inspect.isfunction) if not name.startswith("_")}
    lease = store.acquire(ALICE, OURS, "apply", NOW, MINUTE, lambda _: False)
    assert isinstance(lease, Lease)
    tried = set(late_writes(store, lease, 1))
    assert tried | _BY_NOBODY == methods
    by_lease = {name for name in methods if "Lease" in str(inspect.signature(getattr(Store, name)))}
    assert by_lease - {"acquire", "leases"} == tried
