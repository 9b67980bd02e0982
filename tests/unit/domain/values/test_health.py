"""What answers make of an environment's health."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from envmgr.domain.values.address import shown
from envmgr.domain.values.health import Condition, Health, HealthCheck, judged, pause

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
CHECK = HealthCheck(url="{outputs.url}", timeout=timedelta(minutes=5))
LATER = st.timedeltas(min_value=timedelta(0), max_value=timedelta(hours=1))
ANSWERS = st.lists(
    st.sampled_from(["", "", "GET x answered 503, wanted 200.", "GET x answered 500, wanted 200."])
)


def health(condition: Condition, message: str = "") -> Health:
    """Since now."""
    return Health(check=CHECK, condition=condition, since=NOW, message=message)


@given(st.sampled_from(Condition), LATER, st.integers(0, 9))
def test_a_good_answer_makes_healthy_at_once(condition: Condition, later: timedelta, misses: int) -> None:
    """From everywhere; what is healthy stays so since when it was."""
    before = health(condition, "was bad")
    after = judged(before, "", NOW + later, misses)
    assert after.condition is Condition.HEALTHY
    if condition is Condition.HEALTHY:
        assert after is before
    else:
        assert (after.since, after.message) == (NOW + later, "")


@given(LATER)
def test_what_starts_has_its_time(later: timedelta) -> None:
    """Bad answers count once that is over, and not before."""
    before = health(Condition.STARTING)
    after = judged(before, "bad", NOW + later)
    if later < CHECK.timeout:
        assert after is before
    else:
        assert (after.condition, after.message) == (Condition.UNHEALTHY, "bad")


@given(ANSWERS)
def test_two_bad_answers_in_a_row_alarm_and_one_does_not(answers: list[str]) -> None:
    """Over any history, with the count kept as the watch keeps it; nothing changes but by a change of answers."""
    found, misses = health(Condition.HEALTHY), 0
    seen: list[str] = []
    for number, answer in enumerate(answers):
        before, misses = found, misses + 1 if answer else 0
        found = judged(before, answer, NOW + timedelta(seconds=number), misses)
        seen.append(answer)
        assert (found is before) or (found != before)
        is_bad = found.condition is Condition.UNHEALTHY
        assert is_bad == _is_bad(seen)
        assert found.message == (answer if is_bad else "")
        assert (found.since == before.since) == (found.condition is before.condition)


def _is_bad(answers: list[str]) -> bool:
    """Whether there were two bad ones in a row since the last good one."""
    last_good = max((i for i, answer in enumerate(answers) if not answer), default=-1)
    return len(answers) - 1 - last_good >= 2


def test_an_unhealthy_one_says_what_is_wrong_now() -> None:
    """Since when it was first."""
    before = health(Condition.UNHEALTHY, "bad")
    assert judged(before, "bad", NOW + timedelta(hours=1)) is before
    after = judged(before, "worse", NOW + timedelta(hours=1))
    assert (after.message, after.since, after.condition) == ("worse", NOW, Condition.UNHEALTHY)


@given(st.integers(1, 10_000))
def test_pauses_grow_from_short_to_long(tries: int) -> None:
    """0.2 s after the first try, 5 s in the end."""
    assert timedelta(seconds=0.2) <= pause(tries) <= pause(tries + 1) <= timedelta(seconds=5)
    assert pause(1) == timedelta(seconds=0.2)
    assert pause(100) == timedelta(seconds=5)


def test_an_address_is_shown_without_what_may_be_secret() -> None:
    """User, password and query; a template is shown as it is."""
    assert shown("https://bot:geheim@example.com/ok?token=geheim#geheim") == "https://example.com/ok?…"
    assert shown("https://a:geh@im@example.com:8443/") == "https://example.com:8443/"
    assert shown("https://bot:{outputs.x}@{outputs.host}/ok") == "https://{outputs.host}/ok"
    assert shown("{outputs.url}/ok") == "{outputs.url}/ok"
    assert shown("http://[::1") == "(no address)"


@given(st.text())
def test_any_address_is_shown_on_one_line(url: str) -> None:
    """Never longer than a line or two, and never raw control characters."""
    text = shown(url)
    assert text.isprintable()
    assert len(text) <= 201
