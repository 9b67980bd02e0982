"""What was written is told of once to each who asks, however late it shows: rounds after a write read what was written."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from envmgr.domain.errors import Transient
from envmgr.domain.rules.observation import Observed
from envmgr.domain.values.environment import Status
from envmgr.domain.values.names import RepositoryId
from envmgr.engine.context.written import Written
from envmgr.engine.reconcile.poller import LULL, OVERLAP
from tests.support.engine import push
from tests.support.in_memory.engine import MemoryEngine
from tests.support.memory_store import MemoryStore
from tests.support.store import ALICE, NOW, SECOND, SHOP, having, seen

WEB = RepositoryId("acme", "web")


@pytest.fixture
def store() -> MemoryStore:
    """With an environment in each of two repositories, seen at `NOW`."""
    store = MemoryStore()
    seen(store, "env-alice")
    seen(store, "env-bob", WEB)
    return store


def told(written: Written, store: MemoryStore, now: datetime) -> Sequence[RepositoryId]:
    """What is told of then."""
    with written.news(store, now) as news:
        return list(news)


def write(store: MemoryStore, at: datetime) -> None:
    """Writes to an environment of the shop; what it says of the time may be long ago."""
    store.update(ALICE, None, at, having(message="x"))


def test_each_write_is_told_of_once(store: MemoryStore) -> None:
    """For as long as it could show late, and by each who asks."""
    written, other = Written(NOW, 5 * SECOND), Written(NOW, 5 * SECOND)
    assert told(written, store, NOW) == [SHOP, WEB]
    for seconds in range(8):
        assert told(written, store, NOW + seconds * SECOND) == []
    write(store, NOW + 8 * SECOND)
    assert told(written, store, NOW + 8 * SECOND) == [SHOP]
    assert told(written, store, NOW + 9 * SECOND) == []
    assert told(other, store, NOW + 9 * SECOND) == [SHOP, WEB]


def test_a_write_that_shows_late_is_told_of(store: MemoryStore) -> None:
    """Its transaction had to wait, or its host's clock is behind: it says a time that was asked for already."""
    written = Written(NOW, 5 * SECOND)
    told(written, store, NOW + SECOND)
    write(store, NOW - 3 * SECOND)
    assert told(written, store, NOW + SECOND) == [SHOP]


def test_two_writes_of_one_moment_are_two(store: MemoryStore) -> None:
    """The second comes after the first was looked at."""
    written = Written(NOW, 5 * SECOND)
    for _ in range(3):
        write(store, NOW)
        assert SHOP in told(written, store, NOW)


def test_who_could_not_look_is_told_again(store: MemoryStore) -> None:
    """What the block raises is raised."""
    written = Written(NOW, 5 * SECOND)
    with pytest.raises(Transient), written.news(store, NOW):
        raise Transient("away")
    assert told(written, store, NOW) == [SHOP, WEB]


def test_after_a_clock_was_set_back_all_of_the_last_while_is_told_again(store: MemoryStore) -> None:
    """Times tell nothing then."""
    written = Written(NOW, 5 * SECOND)
    told(written, store, NOW + SECOND)
    assert told(written, store, NOW) == [SHOP, WEB]


def test_a_pass_reads_only_what_was_written(engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pass that wrote, then the next one; each further one compares nothing, though the write is still young."""
    push(engine.repository(), ["alice"])
    engine.turn()
    store, compared = engine.application.services.store, list[RepositoryId]()
    revise = store.revise

    def revise_and_note(repository: RepositoryId, *rest: Any) -> Observed:
        compared.append(repository)
        return revise(repository, *rest)

    monkeypatch.setattr(store, "revise", revise_and_note)

    def poll_again() -> int:
        engine.clock.now += LULL
        compared.clear()
        engine.poll()
        return len(compared)

    assert [poll_again() for _ in range(5)] == [1, 0, 0, 0, 0]
    store.update(engine.environment("alice").id, None, engine.clock(), having(message="by hand"))
    assert [poll_again() for _ in range(5)] == [1, 0, 0, 0, 0]


def test_what_is_written_while_a_listing_is_compared_is_seen(
    engine: MemoryEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another thread was told of it meanwhile; this one must not call quiet what it read before."""
    push(engine.repository(), ["alice"])
    engine.turn()
    engine.clock.now += OVERLAP + timedelta(seconds=1)
    store, poller = engine.application.services.store, engine.application.poller
    identity = engine.environment("alice").id
    revise = store.revise

    def revise_slowly(repository: RepositoryId, *rest: Any) -> Observed:
        observed = revise(repository, *rest)
        monkeypatch.undo()
        store.update(identity, None, engine.clock(), having(status=Status.DESTROYED, claim=None))
        engine.clock.now += LULL
        poller._wake_what_was_written()  # what another thread does then
        return observed

    store.update(identity, None, engine.clock(), having(message="x"))
    engine.clock.now += LULL
    monkeypatch.setattr(store, "revise", revise_slowly)
    engine.poll()
    assert not engine.environment("alice").is_open
    engine.clock.now += LULL
    engine.poll()
    assert engine.environment("alice").status is Status.PENDING
