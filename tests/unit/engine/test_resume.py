"""What `resume` and `extend` say of a life, and what they leave as it is."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from envmgr.commands import steering
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.environment import Claim, Environment, Pin, Source, SourceKind, Status, Suspension
from tests.support.engine import MODULE, code, push
from tests.support.in_memory.engine import MemoryEngine
from tests.support.records import altered
from tests.support.store import having

DAY = timedelta(days=1)
CLAIM = Claim(
    commit="a" * 40,
    source=Source(SourceKind.DIRECTORY, "terraform", "b" * 40, "terraform"),
    variables={},
    tags={},
    terraform_version="1.11.4",
    backend=("local", {}),
    fingerprint="",
)


@pytest.fixture
def shop(engine: MemoryEngine) -> MemoryEngine:
    """Alice's branch was seen, and nothing applied."""
    engine.settings["ttl"] = {"default": "2d", "max": "30d", "warn_before": ["24h"]}
    push(engine.repository(), ["alice"])
    engine.poll()
    return engine


def write(engine: MemoryEngine, **changes: object) -> Environment:
    """Alice's record as if something had come to this."""
    store, alice = engine.application.services.store, engine.environment("alice")
    return store.update(alice.id, None, engine.clock(), having(**changes))


def extend(engine: MemoryEngine, duration: timedelta, *, sets_end: bool = False) -> Environment:
    """What `envmgr extend alice DURATION` does."""
    alice = [engine.environment("alice")]
    [extended] = steering.extend(engine.application, alice, duration, sets_end=sets_end)
    return extended


def test_the_end_of_a_hold_leaves_the_end_of_the_life(shop: MemoryEngine) -> None:
    """Only the rollback's hold ends."""
    end = shop.clock() + 9 * DAY
    held = write(shop, pin=Pin("a" * 40), status=Status.READY, expires_at=end, warned_at=end - DAY)

    alice = steering.resume(shop.application, held)

    assert (alice.pin, alice.status) == (None, Status.PENDING)
    assert (alice.life.expires_at, alice.life.warned_at, alice.life.resumed_at) == (end, end - DAY, None)


@pytest.mark.parametrize("days", [1, 9])
def test_a_new_life_is_never_shorter_than_what_was_promised(shop: MemoryEngine, days: int) -> None:
    """An extension outlives a suspension."""
    end = shop.clock() + days * DAY
    suspended = write(
        shop,
        suspended="by bob",
        suspended_by=Suspension.PERSON,
        status=Status.SUSPENDED,
        expires_at=end,
        warned_at=end - DAY,
    )
    alice = steering.resume(shop.application, suspended)
    assert (alice.life.expires_at, alice.life.warned_at) == (max(end, shop.clock() + 2 * DAY), None)


def test_nothing_to_resume_is_said(shop: MemoryEngine) -> None:
    """Also of one that is gone."""
    with pytest.raises(NeedsPerson, match="is not suspended, it is pending"):
        steering.resume(shop.application, shop.environment("alice"))
    gone = write(shop, status=Status.DESTROYED)
    with pytest.raises(NeedsPerson, match="is not suspended, it is destroyed"):
        steering.resume(shop.application, gone)


def test_an_extension_moves_the_end_and_what_is_warned_of(shop: MemoryEngine) -> None:
    """Warning times that are over when a person names the end are told; later ones come."""
    write(shop, expires_at=shop.clock() + timedelta(hours=1), warned_at=shop.clock())
    alice = extend(shop, 3 * DAY)
    assert (alice.life.expires_at, alice.life.warned_at) == (shop.clock() + 3 * DAY, None)
    write(shop, expires_at=shop.clock() + timedelta(hours=1))
    alice = extend(shop, timedelta(hours=12))
    assert alice.life.expires_at is not None
    assert alice.life.warned_at == alice.life.expires_at - DAY


def test_an_extension_is_never_a_shorter_life(shop: MemoryEngine) -> None:
    """Nor an end for what is not there."""
    with pytest.raises(NeedsPerson, match="is pending: it has no lifetime to extend"):
        extend(shop, DAY)
    with pytest.raises(NeedsPerson, match="no lifetime to extend"):
        extend(shop, DAY, sets_end=True)
    write(shop, expires_at=shop.clock() + 9 * DAY)
    for shorter in (DAY, 9 * DAY):
        with pytest.raises(NeedsPerson, match="anyway: give a longer time"):
            extend(shop, shorter, sets_end=True)
    assert shop.environment("alice").life.expires_at == shop.clock() + 9 * DAY


def test_what_has_no_end_is_given_none_by_an_extension(engine: MemoryEngine) -> None:
    """It would be destroyed then: only somebody who says so gives an end to what was to live as long as its branch."""
    push(engine.repository(), ["alice"])
    engine.turn()
    assert engine.environment("alice").life.expires_at is None

    with pytest.raises(NeedsPerson, match=r"acme/shop/alice has no end: .* add --set-end"):
        extend(engine, timedelta(seconds=3))

    assert engine.environment("alice").life.expires_at is None
    engine.turn(2, seconds=30)
    assert engine.environment("alice").status is Status.READY
    end = engine.clock() + DAY
    assert extend(engine, DAY, sets_end=True).life.expires_at == end
    with pytest.raises(NeedsPerson, match="anyway: give a longer time"):
        extend(engine, timedelta(hours=1), sets_end=True)


def test_an_extension_reaches_all_applications_or_none(shop: MemoryEngine) -> None:
    """Where one of them has no end, the others keep theirs."""
    end = shop.clock() + DAY
    ends, endless = (
        write(shop, expires_at=end),
        altered(shop.environment("alice"), claim=CLAIM, expires_at=None),
    )
    with pytest.raises(NeedsPerson, match="has no end"):
        steering.extend(shop.application, [ends, endless], 3 * DAY)
    assert shop.environment("alice").life.expires_at == end


def test_a_branch_that_waits_for_the_morning_can_be_had_now(engine: MemoryEngine) -> None:
    """Until the next evening, as what was down already."""
    engine.settings["schedule"] = {"up": "0 8 * * *", "down": "0 19 * * *"}
    engine.clock.now = engine.clock.now.replace(hour=20, minute=0)
    push(engine.repository(), ["bob"])
    engine.turn()
    assert engine.environment("bob").status is Status.WAITING

    steering.resume(engine.application, engine.environment("bob"))
    engine.turn(2, seconds=30)

    assert engine.environment("bob").status is Status.READY
    engine.turn(hours=22.5)
    assert engine.environment("bob").status is Status.READY
    engine.turn(hours=1)
    assert engine.environment("bob").status is Status.SUSPENDED


def test_an_expired_environment_lives_by_its_branch_s_own_time_again(engine: MemoryEngine) -> None:
    """Known from the moment of the resume; the push was before."""
    engine.settings["ttl"] = {"warn_before": []}
    engine.settings["ttl"] = {"warn_before": []}
    engine.repository().commit("env-alice", code({".envmgr.yaml": "ttl: 2h"}))
    engine.turn()
    engine.turn(hours=3)
    assert engine.environment("alice").status is Status.SUSPENDED

    alice = steering.resume(engine.application, engine.environment("alice"))
    assert alice.life.expires_at == engine.clock() + timedelta(hours=2)
    engine.turn(2, seconds=30)

    assert engine.environment("alice").status is Status.READY
    assert engine.environment("alice").life.expires_at == alice.life.expires_at
    engine.turn(hours=2)
    assert engine.environment("alice").status is Status.SUSPENDED


def test_a_push_that_moves_the_end_is_warned_of_anew(engine: MemoryEngine) -> None:
    """`list` marks no end that is far."""
    engine.settings["ttl"] = {"default": "3h", "warn_before": ["24h", "1h"]}
    shop = engine.repository()
    push(shop, ["alice"])
    engine.turn(2)
    assert "expires-soon" not in engine.actions("alice")
    engine.turn(hours=2)
    assert engine.environment("alice").life.warned_at is not None

    shop.commit("env-alice", {"app.py": "1"})
    engine.turn(2, seconds=30)

    assert engine.environment("alice").life.warned_at is None
    assert engine.actions("alice").count("expires-soon") == 1


def during_an_apply(engine: MemoryEngine, what: Callable[[], Environment], **changes: object) -> Environment:
    """Do something while a push is applied to an environment whose record says `changes`; gives what it gave."""
    gave: list[Environment] = []
    shop = engine.repository()
    push(shop, ["alice"])
    engine.turn()
    write(engine, **changes)
    push(shop, ["alice"], MODULE + '\nresource "terraform_data" "more" {}\n')
    engine.meanwhile("apply", "locked", lambda: gave.append(what()))
    engine.turn()
    return gave[0]


def test_an_extension_during_an_apply_counts(engine: MemoryEngine) -> None:
    """The apply's own end of life does not take its place."""
    engine.settings["ttl"] = {"default": "2h"}
    extended = during_an_apply(engine, lambda: extend(engine, 9 * DAY))
    alice = engine.environment("alice")
    assert (alice.status, alice.applied.commit) == (Status.READY, alice.commit)
    assert alice.life.expires_at == extended.life.expires_at


def test_a_suspension_during_an_apply_that_ends_another_counts(engine: MemoryEngine) -> None:
    """A push ends that by the time to live, and not what a person said since."""
    suspended = during_an_apply(
        engine,
        lambda: steering.suspend(engine.application, engine.environment("alice")),
        suspended="Its time to live ended.",
        suspended_by=Suspension.TTL,
        suspended_commit="a" * 40,
    )
    alice = engine.environment("alice")
    assert alice.applied.commit == alice.commit
    assert (alice.suspended, alice.suspended_by) == (suspended.suspended, Suspension.PERSON)
    assert alice.status is Status.SUSPENDED
