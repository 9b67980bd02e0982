"""Which ends of lives are warned of: what lies before the beginning of a life is no warning."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmgr.domain.rules.decide import decide, is_scheduled_down
from envmgr.domain.rules.transitions import work
from envmgr.domain.values.decision import Decision, Destroy, Rest, Warn
from envmgr.domain.values.environment import Environment, Guard, Status
from envmgr.domain.values.policy import Neighbours, Policy
from envmgr.domain.values.schedule import Phase
from tests.support.records import altered
from tests.unit.domain_example import ALONE, FIXED, HOUR, MINUTE, NOW, OLD, pending, ready

DAY = timedelta(hours=24)
POLICY = Policy(inputs="inputs", protected=("env-prod",), warn_before=(DAY, HOUR))
NIGHT = Policy(
    inputs="inputs", protected=("env-prod",), phase=Phase(up=False, since=NOW - HOUR, until=NOW + DAY)
)


def at(environment: Environment, **after: float) -> Decision:
    """The decision some time after the last push."""
    return decide(environment, POLICY, Neighbours(), NOW + timedelta(**after))


@pytest.mark.parametrize("life", [2 * HOUR, DAY])
def test_a_life_shorter_than_a_warning_time_begins_without_that_warning(life: timedelta) -> None:
    """The later one is given, and only once."""
    environment = ready(expires_at=NOW + life)
    assert at(environment) == at(environment, minutes=1) == Rest()
    due = NOW + life - HOUR
    warning = decide(environment, POLICY, Neighbours(), due + MINUTE)
    assert isinstance(warning, Warn)
    assert warning.at == due
    told = ready(expires_at=NOW + life, warned_at=due)
    assert decide(told, POLICY, Neighbours(), due + 2 * MINUTE) == Rest()


def test_a_warning_time_in_this_life_is_told_late_rather_than_never() -> None:
    """As where envmgr was off; of several the newest."""
    environment = ready(expires_at=NOW + 2 * DAY)
    assert at(environment, hours=23) == Rest()
    warned = at(environment, hours=30)
    assert isinstance(warned, Warn)
    assert warned.at == NOW + DAY
    late = at(altered(environment, warned_at=warned.at), hours=47.5)
    assert isinstance(late, Warn)
    assert late.at == NOW + 2 * DAY - HOUR


def test_a_life_begins_anew_when_it_is_brought_up_by_hand() -> None:
    """The push may be long ago."""
    environment = ready(expires_at=NOW + 20 * HOUR, resumed_at=NOW, pushed_at=NOW - 9 * DAY)
    assert at(environment, minutes=1) == Rest()
    assert isinstance(at(environment, hours=19), Warn)
    pushed = ready(expires_at=NOW + 20 * HOUR, resumed_at=NOW - 9 * DAY)
    assert at(pushed, minutes=1) == Rest()


@pytest.mark.parametrize(
    ("environment", "down"),
    [
        (pending(), True),
        (ready(), True),
        (ready(resumed_at=NOW), False),
        (ready(resumed_at=NOW - 2 * HOUR), True),
        (ready(branch="env-prod"), False),
        (pending(status=Status.DESTROYED), False),
        (pending(refused=f"Another branch has {OLD}."), False),
    ],
)
def test_what_the_schedule_keeps_down(environment: Environment, down: bool) -> None:
    """Only what is open, and was not brought up by hand since."""
    assert is_scheduled_down(environment, NIGHT, NOW) is down
    assert not is_scheduled_down(environment, POLICY, NOW)


@pytest.mark.parametrize("after", [timedelta(), MINUTE, 9 * DAY], ids=str)
def test_an_end_that_comes_due_unwarned_moves_and_is_warned_of_first(after: timedelta) -> None:
    """As after a downtime: it has as long as the last warning would have left, and is not moved again."""
    end = NOW + 2 * DAY
    now = end + after
    late = decide(ready(expires_at=end), POLICY, ALONE, now)
    assert isinstance(late, Warn)
    assert (late.at, late.ends) == (now, now + HOUR)
    assert "nobody was warned" in late.reason
    warned = work.warned(ready(expires_at=end), late.at, late.ends)
    assert warned.life.expires_at == now + HOUR
    assert decide(warned, POLICY, ALONE, now + HOUR - MINUTE) == Rest()
    assert isinstance(decide(warned, POLICY, ALONE, now + HOUR), Destroy)


def test_a_first_warning_shortly_before_the_end_leaves_as_long() -> None:
    """Where it comes a little late, as every look does, nothing moves."""
    end = NOW + 2 * DAY
    late = decide(ready(expires_at=end), POLICY, ALONE, end - MINUTE)
    assert isinstance(late, Warn)
    assert late.ends == end - MINUTE + HOUR
    punctual = decide(ready(expires_at=end), POLICY, ALONE, end - HOUR + MINUTE)
    assert isinstance(punctual, Warn)
    assert punctual.ends is None


def test_what_was_warned_of_once_ends_when_it_was_said() -> None:
    """Though the last warning fell into a downtime."""
    end = NOW + 2 * DAY
    told = ready(expires_at=end, warned_at=end - DAY)
    assert isinstance(decide(told, POLICY, ALONE, end + DAY), Destroy)


@pytest.mark.parametrize(
    "failing",
    [
        {"status": Status.FAILED, "applied_inputs": "others", "failed_on": f"{OLD}:inputs"},
        {"status": Status.WAITING, "hold": Guard.DRIFT, "message": "Drift."},
    ],
    ids=["failed", "held"],
)
def test_what_is_not_well_is_warned_of_too(failing: dict[str, object]) -> None:
    """Nobody is to lose it unwarned because of that."""
    environment = ready(expires_at=NOW + 2 * DAY, **failing)
    assert isinstance(at(environment, hours=25), Warn)
    assert isinstance(at(environment, hours=72), Warn)


@pytest.mark.parametrize("begun", [{"ending": True}, {"status": Status.DESTROYING}], ids=str)
def test_an_end_that_has_begun_goes_on(begun: dict[str, object]) -> None:
    """Half of it may be gone already, as where an earlier release began it."""
    environment = ready(expires_at=NOW + 2 * DAY, **{"status": Status.FAILED} | begun)
    assert isinstance(at(environment, hours=72), Destroy)


@given(
    warn_before=st.lists(st.sampled_from([MINUTE, HOUR, DAY]), max_size=3),
    life=st.sampled_from([30 * MINUTE, 2 * HOUR, 3 * DAY]),
    looks=st.lists(st.sampled_from([MINUTE, 20 * MINUTE, HOUR, DAY, 9 * DAY]), min_size=1, max_size=12),
    pushes=st.sets(st.integers(0, 11)),
)
@FIXED
def test_no_life_ends_without_its_notice(
    warn_before: list[timedelta], life: timedelta, looks: list[timedelta], pushes: set[int]
) -> None:
    """However long nobody looked: a warning in this life lies back as long, but where the life was shorter anyway."""
    policy = replace(POLICY, warn_before=tuple(warn_before))
    environment, now, warned = ready(expires_at=NOW + life), NOW, None
    notice = min(warn_before, default=timedelta())
    for number, pause in enumerate(looks):
        now += pause
        if number in pushes:  # and applied at once
            environment, warned = ready(pushed_at=now, expires_at=now + life), None
        decision = decide(environment, policy, ALONE, now)
        if isinstance(decision, Warn):
            environment, warned = work.warned(environment, decision.at, decision.ends), warned or now
            assert environment.life.expires_at is not None
            assert environment.life.expires_at > now
        elif isinstance(decision, Destroy):
            assert not warn_before or life <= notice or (warned is not None and now >= warned + 0.9 * notice)
            return
        else:
            assert decision == Rest()
