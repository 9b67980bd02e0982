"""What a freeze holds back, and for how long."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from envmgr.domain.rules.access.freezing import in_force
from envmgr.domain.rules.decide import decide
from envmgr.domain.rules.waking import wake_times
from envmgr.domain.values.asking.freeze import Freeze
from envmgr.domain.values.decision import Apply, Close, Destroy, GoBack, Rest, Stop, Wait, Warn
from envmgr.domain.values.environment import Status, Waits, WaitsFor
from envmgr.domain.values.names import RepositoryId
from envmgr.domain.values.policy import Neighbours
from tests.unit.domain_example import HOUR, NEW, NOW, POLICY, gone, pending, ready

SHOP = RepositoryId("acme", "shop")
FREEZE = Freeze(organization="acme", reason="migration", by="person carol", since=NOW)
FROZEN = replace(POLICY, frozen=FREEZE)

freezes = st.builds(
    Freeze,
    organization=st.sampled_from(["acme", "other"]),
    repository=st.sampled_from([None, "shop", "site"]),
    reason=st.just("migration"),
    by=st.just("person carol"),
    since=st.just(NOW),
    until=st.none() | st.integers(-5, 5).map(lambda hours: NOW + timedelta(hours=hours)),
    in_file=st.booleans(),
)


@given(st.lists(freezes, max_size=5))
def test_the_one_that_ends_last_holds(found: list[Freeze]) -> None:
    """None where all are over, or of elsewhere."""
    holding = [f for f in found if f.covers(SHOP) and (f.until is None or f.until > NOW)]
    held = in_force(found, SHOP, NOW)
    assert (held is None) == (not holding)
    if held is not None:
        assert held in holding
        assert all(held.until is None or (f.until is not None and f.until <= held.until) for f in holding)


def test_an_apply_waits_and_says_for_whom() -> None:
    """With who froze it, why, and what ends that; at its end it is looked at again."""
    until = NOW + HOUR
    frozen = replace(FROZEN, frozen=replace(FREEZE, repository="shop", until=until))
    decision = decide(pending(), frozen, Neighbours(), NOW)
    assert decision == Wait(
        "First apply of aaaaaaaaaa. It waits, since acme/shop is frozen by person carol until 2026-01-05 13:00 UTC (migration); "
        "`envmgr thaw acme/shop` ends that.",
        Waits(WaitsFor.FREEZE, ("apply", "acme/shop", "2026-01-05 13:00")),
        until=until,
    )
    assert until in list(wake_times(pending(), frozen))


def test_one_of_the_file_is_ended_there() -> None:
    decision = decide(pending(), replace(FROZEN, frozen=replace(FREEZE, in_file=True)), Neighbours(), NOW)
    assert isinstance(decision, Wait)
    assert "`freeze` in the organization file ends that" in decision.reason


def test_a_vanished_branch_is_not_destroyed_though_a_person_asks_for_a_pass() -> None:
    """A pass by name loosens no freeze; once it is thawed the destroy is due as before."""
    environment = gone(2, NOW - 24 * HOUR)
    assert isinstance(decide(environment, POLICY, Neighbours(), NOW), Destroy)
    for asked in (False, True):
        decision = decide(environment, FROZEN, Neighbours(), NOW, asked=asked)
        assert isinstance(decision, Wait)
        assert decision.waits.on is WaitsFor.FREEZE


def test_what_changes_nothing_goes_on() -> None:
    """One that is as wanted rests, one of which nothing was applied is closed."""
    assert decide(ready(), FROZEN, Neighbours(), NOW) == Rest()
    nothing = gone(2, NOW - 24 * HOUR, claim=None, status=Status.PENDING)
    assert isinstance(decide(nothing, FROZEN, Neighbours(), NOW), Close)


@given(
    st.sampled_from([pending(), ready(), ready(commit=NEW), gone(2, NOW - 24 * HOUR)]),
    st.booleans(),
    st.booleans(),
)
def test_nothing_changes_a_cloud_while_it_is_frozen(environment: object, asked: bool, ends: bool) -> None:
    """Whatever it is that would be done."""
    policy = replace(FROZEN, frozen=replace(FREEZE, until=NOW + HOUR if ends else None))
    found = decide(environment, policy, Neighbours(), NOW, asked=asked)  # type: ignore[arg-type]
    assert not isinstance(found, Apply | Destroy | Stop | GoBack)
    assert isinstance(found, Rest | Wait | Warn | Close)
