"""What is kept beside the states is sealed anew in rounds that end, by a host that knows of none of it yet."""

import pytest

from envmgr.domain.errors import Transient
from envmgr.domain.values.names import EnvironmentId
from envmgr.engine.context.services import Services
from envmgr.engine.source import kept, sealing
from envmgr.engine.source.sealing import LONGEST, seal_anew
from tests.support.engine import push
from tests.support.in_memory.engine import MemoryEngine

NAMES = ["alice", "bob", "carol", "dave", "erin"]
ALL = {EnvironmentId("acme", "shop", name) for name in NAMES}


@pytest.fixture
def fresh(engine: MemoryEngine) -> Services:
    """A host that has none of the marks by which it would know what is sealed."""
    push(engine.repository(), NAMES)
    engine.turn(2)
    services = engine.application.services
    assert sealed(services) == ALL
    for each in ALL:
        services.layout.sealed(each).unlink()
    return services


def sealed(services: Services) -> set[EnvironmentId]:
    """What it knows to be sealed."""
    return {each for each in ALL if services.layout.sealed(each).is_file()}


def one_round(services: Services, **options: object) -> int:
    """What it leaves to the next."""
    return seal_anew(services, services.store.environments(), **options)  # type: ignore[arg-type]


def test_a_round_looks_at_each_and_the_next_at_none(fresh: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is there already, by another host, is read and not written again."""
    written = list[object]()
    monkeypatch.setattr(sealing, "keep_claim", lambda *each: written.append(each))
    assert one_round(fresh) == 0
    assert (sealed(fresh), written) == (ALL, [])
    monkeypatch.setattr(sealing, "read", None)
    assert one_round(fresh) == 0


def test_a_round_ends_when_its_time_is_over_and_the_next_goes_on(
    fresh: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many there are: with a third of the time for each, two at a time."""
    now = iter(float(number * LONGEST.total_seconds() / 3) for number in range(99))
    monkeypatch.setattr("envmgr.engine.source.sealing.time.monotonic", lambda: next(now))
    left = [one_round(fresh)]
    while left[-1]:
        assert len(sealed(fresh)) == len(ALL) - left[-1]
        left.append(one_round(fresh))
    assert left == [3, 1, 0]


def test_a_daemon_that_ends_is_not_kept(fresh: Services) -> None:
    """Not even for one more; what it was at comes to its end."""
    assert one_round(fresh, is_ending=lambda: True) == len(ALL)
    assert sealed(fresh) == set()
    assert one_round(fresh, is_ending=lambda: len(sealed(fresh)) == 2) == len(ALL) - 2


def test_what_fails_keeps_no_other_from_its_turn(fresh: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """In rounds that have time for one alone, all others are sealed after a while."""
    bad = EnvironmentId("acme", "shop", "alice")

    def read(services: Services, state: object, identity: EnvironmentId) -> object:
        if identity == bad:
            raise Transient("It is away.")
        return kept.read(services, state, identity)  # type: ignore[arg-type]

    monkeypatch.setattr(sealing, "read", read)
    for _ in range(500):
        done = len(sealed(fresh))
        tries = iter([False, True, True])
        one_round(fresh, is_ending=lambda tries=tries: next(tries))
        assert len(sealed(fresh)) <= done + 1
        if sealed(fresh) == ALL - {bad}:
            break
    assert sealed(fresh) == ALL - {bad}
