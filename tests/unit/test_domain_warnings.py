"""Which ends of lives are warned of: what lies before the beginning of a life is no warning."""

from datetime import timedelta

import pytest

from envmgr.domain.rules.decide import decide, is_scheduled_down
from envmgr.domain.values.decision import Decision, Rest, Warn
from envmgr.domain.values.environment import Environment, Status
from envmgr.domain.values.policy import Neighbours, Policy
from envmgr.domain.values.schedule import Phase
from tests.unit.domain_example import HOUR, MINUTE, NOW, OLD, pending, ready

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
    assert at(environment) == at(environment, minutes=1) == Rest("")
    due = NOW + life - HOUR
    warning = decide(environment, POLICY, Neighbours(), due + MINUTE)
    assert isinstance(warning, Warn)
    assert warning.at == due
    told = ready(expires_at=NOW + life, warned_at=due)
    assert decide(told, POLICY, Neighbours(), due + 2 * MINUTE) == Rest("")


def test_a_warning_time_in_this_life_is_told_late_rather_than_never() -> None:
    """As where envmgr was off; of several the newest."""
    environment = ready(expires_at=NOW + 2 * DAY)
    assert at(environment, hours=23) == Rest("")
    warned = at(environment, hours=30)
    assert isinstance(warned, Warn)
    assert warned.at == NOW + DAY
    late = at(environment, hours=47.5)
    assert isinstance(late, Warn)
    assert late.at == NOW + 2 * DAY - HOUR


def test_a_life_begins_anew_when_it_is_brought_up_by_hand() -> None:
    """The push may be long ago."""
    environment = ready(expires_at=NOW + 20 * HOUR, resumed_at=NOW, pushed_at=NOW - 9 * DAY)
    assert at(environment, minutes=1) == Rest("")
    assert isinstance(at(environment, hours=19), Warn)
    pushed = ready(expires_at=NOW + 20 * HOUR, resumed_at=NOW - 9 * DAY)
    assert at(pushed, minutes=1) == Rest("")


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
