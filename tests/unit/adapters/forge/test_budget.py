"""How often a forge is asked, by what is left; by a clock that only the test moves."""

from collections.abc import Mapping
from datetime import timedelta
from email.utils import formatdate

import pytest

from envmgr.adapters.forge.budget import Budget
from envmgr.domain.errors import RetryLater

START = 1_790_000_000.0


class Time:
    """A clock that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = START
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        """Somebody waits."""
        self.slept.append(seconds)
        self.now += seconds


def budget(time: Time, write_pause: float = 0.0) -> Budget:
    """A budget of which nothing is known yet."""
    return Budget("GitHub", write_pause, clock=lambda: time.now, sleep=time.sleep)


def left(remaining: int, seconds: int = 1000, limit: int = 1000) -> Mapping[str, str]:
    """What an answer says of the budget."""
    return {
        "x-ratelimit-limit": str(limit),
        "x-ratelimit-remaining": str(remaining),
        "x-ratelimit-reset": str(int(START) + seconds),
    }


def test_reads_are_not_slowed_while_much_is_left() -> None:
    """Nor where the forge says nothing."""
    time = Time()
    found = budget(time)
    for _ in range(100):
        found.reading()
    found.learn(left(251))
    for _ in range(100):
        found.reading()
    assert time.slept == []


def test_what_is_left_lasts_until_there_is_more() -> None:
    """Reads are spaced out, and the last twentieth is for writes; then there is a new budget."""
    time = Time()
    found = budget(time)
    found.learn(left(200, seconds=120))  # 150 beside the reserve
    for _ in range(3):
        found.reading()
    assert time.slept == [pytest.approx(0.8), pytest.approx(0.79, abs=0.01)]
    found.learn(left(50, seconds=900))
    with pytest.raises(RetryLater, match="GitHub is asked again in 898 s") as later:
        found.reading()
    assert later.value.after.total_seconds() == pytest.approx(898.4, abs=0.1)
    with found.writing():
        pass
    time.now += 900
    found.reading()


def test_where_little_is_left_a_whole_look_is_let_through_and_then_none() -> None:
    """Not a read now and then: a look of several would end at its second one each time."""
    time = Time()
    found = budget(time)
    found.learn(left(150, seconds=1000))  # 100 beside the reserve
    for _ in range(2):
        for _ in range(30):
            found.reading()
        with pytest.raises(RetryLater) as later:
            found.reading()
        wait = later.value.after.total_seconds()
        assert 200 < wait <= 300
        time.now += wait / 2
        with pytest.raises(RetryLater):
            found.reading()
        with found.writing():
            pass
        time.now += wait / 2 + 0.1
    assert time.slept == []


def test_a_refusal_closes_it_for_all_for_as_long_as_the_forge_asks() -> None:
    """Seconds, a date by the forge's own clock, or the moment at which there is more."""
    for headers, seconds in (
        ({"retry-after": "30"}, 30),
        ({"retry-after": formatdate(5_045, usegmt=True), "date": formatdate(5_000, usegmt=True)}, 45),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(START) + 77)}, 77),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "12"}, 12),
        ({"retry-after": "999999999"}, 3600),
        ({"retry-after": "0"}, 1),
    ):
        time = Time()
        found = budget(time)
        assert found.limited(headers).after == timedelta(seconds=seconds), headers
        with pytest.raises(RetryLater):
            found.reading()
        with pytest.raises(RetryLater), found.writing():
            pass
        time.now += seconds
        found.reading()


def test_pauses_grow_where_the_forge_does_not_say_how_long() -> None:
    """60 s, doubled, to an hour; from the start again once it answered."""
    time = Time()
    found = budget(time)
    pauses = [found.limited({"retry-after": "soon"}).after.total_seconds() for _ in range(8)]
    assert pauses == [60, 120, 240, 480, 960, 1920, 3600, 3600]
    found.learn({})
    assert found.limited({}).after == timedelta(seconds=60)


def test_writes_keep_their_distance() -> None:
    """Each a second after the one before."""
    time = Time()
    found = budget(time, write_pause=1.0)
    for _ in range(3):
        with found.writing():
            time.now += 0.25
    assert time.slept == [1.0, 1.0]


def test_a_forge_that_says_nonsense_of_its_budget_is_not_believed() -> None:
    """No number, or one without end."""
    time = Time()
    found = budget(time)
    for text in ("-1", "nan", "1e9", "٣", "9" * 40, ""):
        found.learn({"x-ratelimit-remaining": text, "x-ratelimit-reset": text})
    found.reading()
    assert (found.remaining, time.slept) == (None, [])
    found.learn({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "9999999999"})
    with pytest.raises(RetryLater) as later:
        found.reading()
    assert later.value.after == timedelta(hours=1)


def test_a_pause_that_is_asked_for_with_an_answer_is_kept() -> None:
    """Azure DevOps asks for one before it refuses anything: for reads and writes alike."""
    time = Time()
    found = budget(time)
    found.learn({"retry-after": "7"})
    with pytest.raises(RetryLater) as later:
        found.reading()
    assert later.value.after == timedelta(seconds=7)
    with pytest.raises(RetryLater), found.writing():
        pass
    time.now += 7
    found.reading()


def test_little_is_left_where_only_that_is_told() -> None:
    """Bitbucket's cloud names no number: reads are spaced out until it says otherwise, or an hour has gone."""
    time = Time()
    found = budget(time)
    near = {"x-ratelimit-nearlimit": "true", "x-ratelimit-limit": "1000"}
    for has_passed in (False, True):
        for _ in range(30):
            found.learn(near)
            found.reading()
        with pytest.raises(RetryLater) as later:
            found.reading()
        assert later.value.after > timedelta(minutes=10)
        if has_passed:
            time.now += 3600
        else:
            found.learn({"x-ratelimit-nearlimit": "false"})
            assert found.remaining is None
        for _ in range(100):
            found.reading()
