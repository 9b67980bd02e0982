"""Decisions, one situation at a time: what is done, and the sentence that says why."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from envmgr.domain.rules.attempt import attempt_key
from envmgr.domain.rules.decide import decide
from envmgr.domain.rules.neighbours import active, active_ones, leaving
from envmgr.domain.rules.settled import is_settled
from envmgr.domain.values.decision import Apply, Close, Destroy, Rest, Wait
from envmgr.domain.values.environment import Environment, Guard, Status, Suspension, Waits, WaitsFor
from envmgr.domain.values.names import EnvironmentId
from envmgr.domain.values.policy import Neighbours, Policy
from tests.unit.domain_example import (
    ALONE,
    HOUR,
    MINUTE,
    NEW,
    NOW,
    OLD,
    POLICY,
    SECOND,
    claim,
    gone,
    pending,
    ready,
)

FULL = Neighbours(active=50)
MANY = Neighbours(leaving=6)
TRIED = attempt_key(ready(), POLICY)
TRIED_NEW = attempt_key(ready(commit=NEW), POLICY)


def failed(**changes: object) -> Environment:
    """One whose apply of the newest commit failed."""
    return ready(
        **{"commit": NEW, "status": Status.FAILED, "failed_on": TRIED_NEW, "message": "no", **changes}
    )


# --- the branch is there -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        (pending(), "First apply of aaaaaaaaaa."),
        (ready(commit=NEW), "Branch moved from aaaaaaaaaa to bbbbbbbbbb."),
        (ready(applied_inputs="others"), "Variables, module, backend or Terraform version changed."),
        (ready(status=Status.RUNNING), "Not yet as aaaaaaaaaa wants it: running."),
        (ready(status=Status.DESTROYING), "Not yet as aaaaaaaaaa wants it: destroying."),
    ],
)
def test_what_is_not_as_wanted_is_applied(environment: Environment, reason: str) -> None:
    assert decide(environment, POLICY, Neighbours(), NOW) == Apply(reason)


def test_what_is_as_wanted_rests() -> None:
    assert decide(ready(), POLICY, FULL, NOW) == Rest()
    assert is_settled(ready(), POLICY)


def test_what_is_destroyed_or_refused_rests() -> None:
    for asked in (False, True):
        destroyed = ready(status=Status.DESTROYED)
        assert decide(destroyed, POLICY, ALONE, NOW, asked=asked) == Rest("It is destroyed.")
        assert decide(pending(refused="two"), POLICY, ALONE, NOW, asked=asked) == Rest("two")


def test_a_failure_that_time_may_mend_waits_its_time() -> None:
    due = NOW + MINUTE
    environment = failed(retry_at=due)
    assert decide(environment, POLICY, Neighbours(), NOW) == Rest(until=due)
    assert isinstance(decide(environment, POLICY, Neighbours(), due), Apply)


def test_a_failure_that_needs_a_person_waits_for_a_change() -> None:
    assert decide(failed(), POLICY, Neighbours(), NOW + timedelta(days=99)) == Rest()
    assert isinstance(decide(failed(commit="e" * 40), POLICY, Neighbours(), NOW), Apply)
    assert isinstance(decide(failed(), Policy(inputs="mended"), Neighbours(), NOW), Apply)


def test_who_asks_need_not_wait_for_a_back_off() -> None:
    for environment in (failed(), failed(retry_at=NOW + HOUR)):
        assert isinstance(decide(environment, POLICY, Neighbours(), NOW, asked=True), Apply)


def test_a_suspended_environment_is_left_alone_whatever_is_pushed() -> None:
    for environment in (ready(suspended="s"), pending(suspended="s"), ready(suspended="s", commit=NEW)):
        assert decide(environment, POLICY, Neighbours(), NOW, asked=True) == Rest("s")
    expired = ready(suspended="s", expires_at=NOW - HOUR)
    assert decide(expired, POLICY, Neighbours(), NOW) == Rest("s")


def test_a_suspension_until_the_next_push_ends_with_it() -> None:
    until_push = pending(suspended="s", suspended_commit=OLD, status=Status.SUSPENDED)
    assert decide(until_push, POLICY, Neighbours(), NOW) == Rest("s")
    pushed = pending(suspended="s", suspended_commit=OLD, status=Status.SUSPENDED, commit=NEW)
    assert isinstance(decide(pushed, POLICY, Neighbours(), NOW), Apply)


def test_the_limit_holds_new_environments_only() -> None:
    held = decide(pending(), POLICY, FULL, NOW, asked=True)
    assert isinstance(held, Wait)
    assert held.hold is Guard.LIMIT
    assert "limits.environments is 50" in held.reason
    assert "envmgr approve acme/shop/alice" in held.reason
    assert isinstance(decide(pending(), POLICY, Neighbours(active=49), NOW), Apply)
    assert isinstance(decide(ready(commit=NEW), POLICY, FULL, NOW), Apply)


def test_a_limit_ends_with_room_or_approval_and_only_that_approval() -> None:
    held = pending(hold=Guard.LIMIT, status=Status.WAITING)
    assert isinstance(decide(held, POLICY, Neighbours(active=49), NOW), Apply)
    assert isinstance(decide(pending(approved=Guard.LIMIT), POLICY, FULL, NOW), Apply)
    assert isinstance(decide(pending(approved=Guard.MASS_DESTROY), POLICY, FULL, NOW), Wait)


# --- the end of its life -----------------------------------------------------------------------


def test_the_end_of_life_destroys_and_suspends() -> None:
    environment = ready(expires_at=NOW)
    decision = decide(environment, POLICY, MANY, NOW)
    assert isinstance(decision, Destroy)
    assert (decision.then, decision.because) == (Status.SUSPENDED, decision.reason)
    assert "a push or `envmgr resume` brings it back" in decision.reason
    assert decide(environment, POLICY, Neighbours(), NOW - SECOND) == Rest()


def test_the_end_of_life_spares_protected_and_empty_ones() -> None:
    assert decide(ready(branch="env-prod", expires_at=NOW), POLICY, Neighbours(), NOW) == Rest()
    assert isinstance(decide(pending(expires_at=NOW), POLICY, Neighbours(), NOW), Apply)


def test_a_push_that_the_end_of_life_overtook_is_applied() -> None:
    assert isinstance(decide(ready(expires_at=NOW, commit=NEW), POLICY, Neighbours(), NOW), Apply)


def test_a_push_that_fails_keeps_nothing_alive() -> None:
    assert isinstance(decide(failed(expires_at=NOW), POLICY, Neighbours(), NOW), Destroy)


def test_a_failed_end_of_life_is_tried_again_after_its_pause() -> None:
    due = NOW + MINUTE
    environment = ready(
        expires_at=NOW - HOUR,
        status=Status.FAILED,
        failed_on=f"{TRIED} destroy-ttl",
        retry_at=due,
        message="no",
    )
    assert decide(environment, POLICY, Neighbours(), NOW) == Rest(until=due)
    assert isinstance(decide(environment, POLICY, Neighbours(), due), Destroy)
    assert isinstance(decide(environment, POLICY, Neighbours(), NOW, asked=True), Destroy)


# --- the branch is gone ------------------------------------------------------------------------


def test_what_is_surely_gone_is_destroyed() -> None:
    decision = decide(gone(), POLICY, ALONE, NOW)
    assert decision == Destroy(
        "Branch env-alice has been gone since 2026-01-05 11:00:00 UTC.", Status.DESTROYED
    )


def test_too_few_confirmations_wait() -> None:
    for asked in (False, True):
        decision = decide(gone(absences=1), POLICY, ALONE, NOW, asked=asked)
        assert isinstance(decision, Wait)
        assert decision.reason == "Branch env-alice seems gone (1 of 2 confirmations)."


def test_the_grace_period_counts_from_the_first_absence() -> None:
    due = NOW + POLICY.grace_period
    environment = gone(absences=99, since=NOW)
    decision = decide(environment, POLICY, ALONE, due - SECOND, asked=True)
    assert decision == Wait(
        "Branch env-alice is gone; grace period until 2026-01-05 12:05:00 UTC.",
        Waits(WaitsFor.GRACE_PERIOD, ("2026-01-05 12:05:00",)),
        until=due,
    )
    assert isinstance(decide(environment, POLICY, ALONE, due), Destroy)


def test_a_clock_that_was_set_back_destroys_nothing_early() -> None:
    assert isinstance(decide(gone(since=NOW), POLICY, ALONE, NOW - HOUR), Wait)


@pytest.mark.parametrize(
    "changes", [{}, {"applied_inputs": "old"}, {"status": Status.FAILED}, {"commit": NEW}]
)
def test_a_missing_branch_that_is_not_surely_gone_is_not_applied(changes: dict[str, Any]) -> None:
    for absences in (0, 1):  # 0: a look has failed since
        decision = decide(gone(absences=absences, **changes), POLICY, ALONE, NOW, asked=True)
        assert isinstance(decision, Wait)


def test_a_protected_branch_is_never_destroyed_for_being_gone() -> None:
    decision = decide(gone(branch="env-prod", approved=Guard.MASS_DESTROY), POLICY, ALONE, NOW, asked=True)
    assert isinstance(decision, Wait)
    assert "it is protected: `envmgr destroy acme/shop/alice`" in decision.reason


def test_a_suspended_environment_is_left_alone_where_its_branch_is_gone() -> None:
    decision = decide(gone(suspended="Suspended by bob."), POLICY, ALONE, NOW, asked=True)
    assert decision == Rest("Suspended by bob. Its branch env-alice is gone.")


def test_what_a_person_suspended_is_not_closed() -> None:
    """Made anew by a push it would know nothing of that; what its time or a destroy suspended is."""
    for absences in (1, 2):
        for by in Suspension:
            found = gone(claim=None, absences=absences, suspended="s", suspended_by=by)
            decision = decide(found, POLICY, ALONE, NOW)
            assert isinstance(decision, Rest) is (by is Suspension.PERSON), by
    elsewhere = pending(branch="other", suspended="s", suspended_by=Suspension.PERSON)
    assert isinstance(decide(elsewhere, POLICY, ALONE, NOW), Rest)


@pytest.mark.parametrize("changes", [{}, {"branch": "env-prod"}])
def test_a_record_without_resources_is_closed(changes: dict[str, Any]) -> None:
    decision = decide(gone(claim=None, **changes), POLICY, ALONE, NOW)
    assert isinstance(decision, Close)
    assert isinstance(decide(gone(claim=None, absences=1, **changes), POLICY, ALONE, NOW), Wait)


def test_a_crowd_waits_for_a_person_also_where_nothing_was_applied() -> None:
    assert isinstance(decide(gone(), POLICY, Neighbours(leaving=5), NOW), Destroy)
    for environment in (gone(), gone(claim=None), gone(retry_at=NOW + HOUR)):
        decision = decide(environment, POLICY, MANY, NOW, asked=True)
        assert isinstance(decision, Wait)
        assert decision.hold is Guard.MASS_DESTROY
        assert "destroy.max_at_once (5): `envmgr approve acme/shop/alice`" in decision.reason


def test_a_hold_outlives_its_crowd_until_it_is_approved() -> None:
    held = gone(hold=Guard.MASS_DESTROY, status=Status.WAITING)
    assert isinstance(decide(held, POLICY, ALONE, NOW, asked=True), Wait)
    approved = gone(hold=Guard.MASS_DESTROY, approved=Guard.MASS_DESTROY)
    assert isinstance(decide(approved, POLICY, MANY, NOW), Destroy)
    assert isinstance(decide(gone(approved=Guard.LIMIT), POLICY, MANY, NOW), Wait)


def test_an_approval_loosens_no_other_guard() -> None:
    approved: dict[str, Any] = {"hold": Guard.MASS_DESTROY, "approved": Guard.MASS_DESTROY}
    assert isinstance(decide(gone(absences=1, **approved), POLICY, ALONE, NOW), Wait)
    assert isinstance(decide(gone(since=NOW, **approved), POLICY, ALONE, NOW), Wait)


def test_a_failed_destroy_is_tried_again_after_its_pause() -> None:
    due = NOW + MINUTE
    environment = gone(
        status=Status.FAILED, message="left: x", failed_on=f"{TRIED} destroy-gone", retry_at=due
    )
    assert decide(environment, POLICY, ALONE, NOW) == Rest(until=due)
    assert isinstance(decide(environment, POLICY, ALONE, due), Destroy)
    assert isinstance(decide(environment, POLICY, ALONE, NOW, asked=True), Destroy)


def test_a_branch_is_shown_without_what_it_hides() -> None:
    decision = decide(gone(branch="env-\x1b[2J"), POLICY, ALONE, NOW)
    assert "env-\\x1b[2J" in decision.reason


# --- the crowd ---------------------------------------------------------------------------------


def named(environments: list[Environment]) -> list[Environment]:
    """The same, each with a name of its own."""
    return [
        replace(e, id=EnvironmentId("acme", "shop", f"e{number}")) for number, e in enumerate(environments)
    ]


def test_who_leaves() -> None:
    stays = [ready(), pending(refused="r"), gone(status=Status.DESTROYED)]
    leave = [gone(), gone(absences=0), gone(claim=None), gone(hold=Guard.MASS_DESTROY)]
    assert leaving(named([*stays, *leave])) == 4


def test_who_counts_towards_the_limit() -> None:
    idle = [pending(), pending(refused="r"), ready(status=Status.DESTROYED), pending(suspended="s")]
    assert (
        active(active_ones(named([*idle, ready(), pending(status=Status.RUNNING), gone(claim=claim())]))) == 3
    )
