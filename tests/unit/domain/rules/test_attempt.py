"""What failed is paused, and only that: a deletion, an end of life, a schedule, a push are facts of their own."""

from dataclasses import replace
from datetime import timedelta

import pytest

from envmgr.domain.rules.attempt import attempt_key, is_end, is_put_off, was_tried
from envmgr.domain.rules.decide import decide
from envmgr.domain.rules.transitions.work import failed
from envmgr.domain.values.decision import Apply, Close, Decision, Destroy, Rest, Stop
from envmgr.domain.values.environment import Environment, Status, Suspension
from envmgr.domain.values.policy import Neighbours, Policy
from envmgr.domain.values.schedule import Phase
from tests.support.records import altered
from tests.unit.domain_example import NOW, POLICY, ready

HOUR = timedelta(hours=1)
DOWN = replace(POLICY, phase=Phase(up=False, since=NOW - HOUR, until=NOW + HOUR))
STOPS = replace(POLICY, phase=Phase(up=False, since=NOW - HOUR, until=NOW + HOUR, stops=True))
OVER = ready(expires_at=NOW - HOUR)
GONE = ready(absences=9, absent_since=NOW - HOUR)
NEVER = altered(GONE, claim=None, applied_commit=None, applied_inputs=None)
UNMATCHED = altered(NEVER, branch="other", absences=0, absent_since=None)
BY_HAND = ready(suspended="By bob.", suspended_by=Suspension.DESTROY)
PATTERNS = replace(POLICY, branches=("env-*",))
ENDS = [
    (GONE, POLICY),
    (OVER, POLICY),
    (ready(), DOWN),
    (ready(), STOPS),
    (BY_HAND, POLICY),
    (NEVER, POLICY),
    (UNMATCHED, PATTERNS),
    (altered(NEVER, absent_since=None, absences=0), replace(POLICY, configured=False)),
]


def after(environment: Environment, policy: Policy, decision: Decision) -> Environment:
    """As it is after a decision failed eight times in a row, for want of a person."""
    key = attempt_key(environment, policy, decision)
    for _ in range(8):
        environment = failed(environment, "no", key, NOW, needs_person=True, again=is_end(decision))
    return environment


def now(environment: Environment, policy: Policy = POLICY) -> Decision:
    """What is decided a second after the failure."""
    return decide(environment, policy, Neighbours(leaving=1), NOW + timedelta(seconds=1))


@pytest.mark.parametrize(("environment", "policy"), ENDS)
def test_a_failed_apply_holds_back_no_end(environment: Environment, policy: Policy) -> None:
    """Neither one that time brings back, nor one that only a person does."""
    wanted = decide(environment, policy, Neighbours(leaving=1), NOW)
    assert is_end(wanted)
    assert now(after(environment, policy, Apply("")), policy) == wanted


@pytest.mark.parametrize(("environment", "policy"), ENDS)
def test_an_end_that_failed_is_paused_and_comes_again(environment: Environment, policy: Policy) -> None:
    """Whichever it is, closing a record too: nothing is tried without a pause, and nothing is given up."""
    wanted = decide(environment, policy, Neighbours(leaving=1), NOW)
    tried = after(environment, policy, wanted)
    paused = now(tried, policy)
    assert paused == Rest(until=tried.failure.retry_at)
    assert tried.failure.retry_at is not None
    assert is_end(decide(tried, policy, Neighbours(leaving=1), tried.failure.retry_at))


@pytest.mark.parametrize(
    ("decision", "environment", "then"),
    [
        (Destroy("", Status.SUSPENDED, by=Suspension.TTL), GONE, Destroy),
        (Stop(""), GONE, Destroy),
        (Destroy("", Status.DESTROYED), OVER, Destroy),
        (Destroy("", Status.DESTROYED), ready(commit="f" * 40), Apply),
        (Close(""), ready(status=Status.FAILED), Apply),
    ],
)
def test_a_failed_end_holds_back_nothing_else(
    decision: Decision, environment: Environment, then: type[Decision]
) -> None:
    """Not another end, and not a branch that is there again."""
    assert isinstance(now(after(environment, POLICY, decision)), then)


def test_what_was_tried_is_known_whatever_failed_with_it() -> None:
    """A push that failed, and then the end of its life that failed, is not tried for ever in turn."""
    pushed = ready(commit="f" * 40, expires_at=NOW - HOUR)
    assert isinstance(now(pushed), Apply)
    tried = after(pushed, POLICY, Apply(""))
    assert isinstance(now(tried), Destroy)
    end = now(tried)
    ended = after(tried, POLICY, end)
    assert was_tried(ended, POLICY)
    assert isinstance(now(ended), Rest)


def test_what_is_waited_for_is_put_off_for_a_while() -> None:
    """By a clock that was set back not for ever."""
    waiting = ready(status=Status.WAITING, retry_at=NOW + timedelta(seconds=5))
    assert is_put_off(waiting, NOW)
    assert not is_put_off(waiting, NOW + timedelta(seconds=5))
    assert not is_put_off(waiting, NOW - timedelta(days=1))
    assert not is_put_off(replace(waiting, status=Status.FAILED), NOW)
