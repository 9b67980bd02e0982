"""A thread that works for all goes on after a mistake in one piece: without it leases run out, and no log is kept."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from envmgr.domain.values.environment import Lease
from envmgr.domain.values.names import EnvironmentId
from envmgr.engine.context.log_keeper import LogKeeper, Written
from tests.support.in_memory.world import World

ALICE, BOB = EnvironmentId("acme", "shop", "alice"), EnvironmentId("acme", "shop", "bob")


@pytest.fixture
def world(tmp_path: Path) -> World:
    """One host."""
    return World(tmp_path)


def test_a_lease_is_renewed_beside_one_whose_renewal_meets_a_mistake(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What runs under the other would be ended for it."""
    services, renewed = world.daemon.application.services, list[EnvironmentId]()
    leases, before = services.leases, services.leases._store.renew

    def renew(lease: Lease, *arguments: Any) -> None:
        renewed.append(lease.environment)
        if lease.environment == ALICE:
            raise KeyError("a mistake")
        before(lease, *arguments)

    with leases.hold(ALICE, "test"), leases.hold(BOB, "test"):
        monkeypatch.setattr(leases._store, "renew", renew)
        leases.renew()
    assert sorted(renewed) == [ALICE, BOB]


def test_leases_are_renewed_though_what_is_to_be_written_late_meets_a_mistake(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would meet it each time, before any of them."""
    services, renewed = world.daemon.application.services, list[EnvironmentId]()
    leases = services.leases

    def write() -> None:
        raise KeyError("a mistake")

    with leases.hold(BOB, "test"), monkeypatch.context() as patched:
        patched.setattr(leases.late_ends, "write", write)
        patched.setattr(leases._store, "renew", lambda lease, *_: renewed.append(lease.environment))
        leases.renew()
    assert renewed == [BOB]


def test_a_log_is_kept_beside_one_whose_store_meets_a_mistake(tmp_path: Path) -> None:
    """The thread that does so would end, and be started by nobody."""
    kept = dict[str, bytes]()

    class Place:
        def put(self, key: str, content: bytes) -> None:
            kept[key] = content

    def broken() -> Any:
        raise KeyError("a mistake")

    def place() -> Any:
        return Place()

    logs = LogKeeper()
    for run, opened in ((1, broken), (2, place)):
        path = tmp_path / f"{run}.log"
        path.write_text(f"{datetime.now(UTC)}")
        logs._written[run] = Written(run, path, opened, f"{run}/")
    logs.look()
    assert list(kept) == ["2/000000000000"]
