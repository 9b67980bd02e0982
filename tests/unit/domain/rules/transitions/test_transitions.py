"""Transitions: what each names it writes, and all else of a record stays as it is."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck as Hypothesis
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st

from envmgr.adapters.store import records
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.rules.transitions import Change, applies, deploys, ends, observed, standing, wishes, work
from envmgr.domain.values.deployment import Deployment
from envmgr.domain.values.drift import Drift
from envmgr.domain.values.environment import (
    Environment,
    Guard,
    Pin,
    Status,
    Suspended,
    Suspension,
    Waits,
    WaitsFor,
)
from envmgr.domain.values.health import Condition, Health, HealthCheck
from envmgr.domain.values.step import Step
from tests.support.examples import examples
from tests.support.records import altered, flat
from tests.support.store import CLAIM
from tests.unit.adapters.store.test_codec import environments

few = settings(max_examples=examples(50), deadline=None, suppress_health_check=[Hypothesis.too_slow])
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
CHECK = HealthCheck(url="http://x")
ILL = Health(check=CHECK, condition=Condition.UNHEALTHY, since=NOW, message="no")
STEPS = (Step(name="copy", run="cp"), Step(name="check", run="false"))
WAITS = Waits(WaitsFor.LIMIT, ("5", "5"))
GONE = ends.End(then=Status.DESTROYED, message="gone")
SEEN = {
    "branch", "origin", "named", "number", "origin_url", "tagged", "commit", "absences", "absent_since", "refused",
    "hold", "approved", "pushed_at", "updated_at",
}  # fmt: skip
STANDING = {"status", "message", "waits", "silent_since"}
RESULT = STANDING | {"failures", "failed_on", "retry_at"}
WISH = {"suspended", "suspended_by", "suspended_commit", "suspended_at"}
LIFE = {"created_at", "schedule", "resumed_at"}

TRANSITIONS: dict[str, tuple[Change, set[str]]] = {
    "stands": (lambda e: standing.stands(e, Status.RUNNING, "x"), STANDING),
    "silent": (lambda e: standing.silent(e, NOW), {"silent_since"}),
    "waiting": (lambda e: work.waiting(e, "x", WAITS, Guard.LIMIT), STANDING | {"hold"}),
    "put_off": (lambda e: work.put_off(e, "x", "key", NOW), RESULT - {"failures"}),
    "failed": (lambda e: work.failed(e, "x", "key", NOW, again=True), RESULT),
    "succeeded": (lambda e: work.succeeded(e, "x"), RESULT),
    "warned": (lambda e: work.warned(e, NOW), {"warned_at"}),
    "claimed": (lambda e: applies.claimed(e, CLAIM), WISH | {"claim", "ending"}),
    "unknown": (applies.unknown, {"applied_fingerprint"}),
    "changing": (applies.changing, {"applied_fingerprint", "changed"}),
    "applied": (
        lambda e: applies.applied(e, CLAIM, "i", changed=(("create", "a.b"),)),
        {
            "claim",
            "applied_commit",
            "applied_fingerprint",
            "applied_inputs",
            "changed",
            "hold",
            "approved",
            "proposal",
        },
    ),
    "adopted": (
        lambda e: applies.adopted(e, CLAIM, 7),
        {"applied_commit", "applied_fingerprint", "deployment"},
    ),
    "noted": (lambda e: applies.noted(e, ("a.b",), ("arn:a",)), {"resources", "identifiers"}),
    "living": (lambda e: applies.living(e, NOW, None), {"expires_at", "warned_at", "schedule"}),
    "unsuspended": (lambda e: applies.unsuspended(e, e.suspended), WISH),
    "looked_at": (lambda e: applies.looked_at(e, Drift(tried_at=NOW)), {"drift"}),
    "deployed": (
        lambda e: deploys.deployed(e, "c", deploys.Rules("r"), CHECK, NOW),
        STANDING | {"deployment", "health"},
    ),
    "deployed, unasked": (
        lambda e: deploys.deployed(e, "c", deploys.Rules("r"), None, NOW),
        RESULT | {"deployment", "health"},
    ),
    "ended": (deploys.ended, {"deployment"}),
    "healthy": (lambda e: deploys.healthy(e, CHECK, NOW), RESULT | {"health", "deployment"}),
    "not_healthy": (
        lambda e: deploys.not_healthy(e, "x", ILL, "key"),
        RESULT | {"health", "deployment"},
    ),
    "a deploy began": (lambda e: deploys.began(e, STEPS), {"deployment"}),
    "a destroy began": (ends.began, {"applied_fingerprint", "ending"}),
    "emptied": (ends.emptied, {"resources"}),
    "brought_down": (lambda e: ends.brought_down(e, "x", e, NOW), RESULT | WISH | {"deployment"}),
    "suspended": (lambda e: wishes.suspended(e, "x", NOW), WISH | STANDING),
    "resumed": (wishes.resumed, (RESULT | WISH | {"pin"}) - {"failures"}),
    "lives_until": (lambda e: wishes.lives_until(e, NOW, None), {"expires_at", "warned_at"}),
    "let_through": (lambda e: wishes.let_through(e, Guard.DRIFT), STANDING - {"status"} | {"approved"}),
    "to_be_destroyed": (lambda e: wishes.to_be_destroyed(e, "x", NOW), WISH),
    "held_at": (lambda e: wishes.held_at(e, Pin("c")), {"pin"}),
    "closed": (
        lambda e: ends.closed(e, GONE),
        {column.name for column in records.COLUMNS} - (SEEN - {"hold", "approved"}) - LIFE,
    ),
}


def changed(before: Environment, after: Environment) -> set[str]:
    """The fields in which two records differ."""
    return {name for name, value in flat(after).items() if value != flat(before)[name]}


@few
@given(before=environments)
def test_silence_is_said_of_work_alone_and_is_over_with_whatever_it_says_next(before: Environment) -> None:
    """A record at rest is never silent."""
    working = standing.stands(before, Status.RUNNING, "Applies.")
    quiet = standing.silent(working, NOW)
    assert quiet.said.startswith("Applies. Silent since 2026-11-25 12:00:00 UTC")
    assert standing.silent(quiet, None) == working
    assert standing.says(quiet, "y").said == "y"
    rests = standing.stands(working, Status.READY, "")
    assert standing.silent(rests, NOW) == rests


@few
@given(name=st.sampled_from(sorted(TRANSITIONS)), before=environments)
def test_whatever_says_something_else_waits_for_nothing_that_was_said_before(
    name: str, before: Environment
) -> None:
    """Else a record would pass for one that tells of it already."""
    waiting = work.waiting(before, "Waits.", WAITS)
    after = TRANSITIONS[name][0](waiting)  # one that waits is not being destroyed: nothing is refused
    if (after.status, after.message) != (waiting.status, waiting.message):
        assert after.waits != WAITS or name == "waiting"


@few
@given(name=st.sampled_from(sorted(TRANSITIONS)), before=environments)
def test_a_transition_writes_what_it_names(name: str, before: Environment) -> None:
    """Whatever else the record says by then stays, and it comes to the same if it is done twice."""
    change, named = TRANSITIONS[name]
    try:
        after = change(before)
    except NeedsPerson:  # as of one that is being destroyed for good
        reject()
    assert changed(before, after) <= named
    if name != "failed":  # which counts
        assert change(after) == after


@few
@given(
    name=st.sampled_from(sorted(TRANSITIONS)),
    before=environments,
    push=st.text("0123456789abcdef", min_size=40, max_size=40),
)
def test_what_the_poller_saw_meanwhile_stays(name: str, before: Environment, push: str) -> None:
    """The end of a run that began before a push, or before the branch went away, is written beside that."""
    change, _ = TRANSITIONS[name]
    meanwhile = altered(before, commit=push, absences=3, absent_since=NOW, pushed_at=NOW)
    try:
        after = change(meanwhile)
    except NeedsPerson:  # as of one that is being destroyed for good
        reject()
    assert (after.commit, after.absence, after.life.pushed_at) == (push, meanwhile.absence, NOW)


@few
@given(before=environments, after=environments)
def test_a_look_writes_what_it_can_know(before: Environment, after: Environment) -> None:
    """Of an open record; one that it opens again begins anew."""
    after = replace(after, id=before.id)
    got = observed.revised(before, after)
    if not before.is_open or (before.refused and not after.refused and after.is_open):
        assert got == after
    else:
        verdict = {"status", "message"} if after.refused or not after.is_open else set()
        assert changed(before, got) <= SEEN | (STANDING if verdict else set())
        assert all(flat(got)[name] == flat(after)[name] for name in SEEN | verdict)


@few
@given(before=environments)
def test_failures_in_a_row_wait_longer_and_those_of_another_attempt_begin_anew(before: Environment) -> None:
    """Only what failed is paused."""
    one = work.failed(before, "x", "new", NOW, again=True)
    two = work.failed(one, "x", "new", NOW, again=True)
    other = work.failed(two, "x", "other", NOW, again=True)
    person = work.failed(two, "x", "new", NOW, needs_person=True, again=False)
    assert [e.failure.count for e in (two, other, person)] == [
        one.failure.count + 1,
        1,
        one.failure.count + 2,
    ]
    assert one.failure.retry_at is not None
    assert two.failure.retry_at is not None
    assert one.failure.retry_at <= two.failure.retry_at <= NOW + timedelta(hours=1)
    assert person.failure.retry_at is None


@few
@given(before=environments)
def test_a_suspension_that_came_meanwhile_is_not_ended_by_the_work(before: Environment) -> None:
    """Only the one it began with is."""
    try:
        suspended = wishes.suspended(before, "by bob", NOW)
    except NeedsPerson:
        reject()  # it is being destroyed for good
    assert applies.unsuspended(suspended, altered(suspended, suspended="by alice").suspended) == suspended
    assert applies.unsuspended(suspended, None) == suspended
    assert not applies.unsuspended(suspended, suspended.suspended).suspended


@few
@given(before=environments)
def test_who_cancels_the_next_push_too_is_heard(before: Environment) -> None:
    """The same person says the same of it, so by the words alone it passed for the suspension that the push had ended."""
    first = wishes.cancelled(replace(before, commit="a" * 40), "Cancelled by user alice.", NOW)
    second = wishes.cancelled(replace(first, commit="b" * 40), "Cancelled by user alice.", NOW)
    assert second.suspended != first.suspended
    assert applies.unsuspended(second, first.suspended) == second


@few
@given(by=st.sampled_from([None, *Suspension]), before=environments)
def test_a_closed_record_has_nothing_of_the_cloud(before: Environment, by: Suspension | None) -> None:
    """Only a schedule leaves its life's end, only a suspension the commit it is held at."""
    then = Status.DESTROYED if by is None else Status.SUSPENDED
    after = ends.closed(
        before, ends.End(then=then, message="x", suspended=Suspended("x", by) if by else None)
    )
    names = (RESULT | {"claim", "resources", "outputs", "url", "serial", "deployment", "drift"}) - {
        "status",
        "message",
    }
    assert all(flat(after)[name] in (None, "", (), {}, 0) for name in names)
    assert after.life.expires_at == (before.life.expires_at if by is Suspension.SCHEDULE else None)
    assert after.pin == (None if by is None else before.pin)


@few
@given(before=environments)
def test_what_began_is_unknown_until_it_is_over(before: Environment) -> None:
    """A commit that is deployed runs no more by what its record says, from the first step of another one on."""
    runs = deploys.deployed(before, "a", deploys.Rules("r"), None, NOW)
    assert runs.deployment is not None
    assert runs.deployment.is_of("a", "r")
    began = deploys.began(runs, STEPS)
    assert began.deployment is not None
    assert began.deployment.known_commit is None
    assert not began.deployment.is_of("a", "r")
    for over in (
        deploys.deployed(began, "b", deploys.Rules("r"), None, NOW),
        deploys.ended(began),
        deploys.went_back(began, "a"),
    ):
        assert over.deployment is not None
        assert over.deployment.begun == ()


@few
@given(before=environments)
def test_a_wish_on_what_is_being_deleted_is_refused(before: Environment) -> None:
    """Until then it is written down, and whoever is about to delete sees it."""
    planning = altered(
        replace(before, suspended=None, absence=None),
        status=Status.DESTROYING,
        ending=False,
        expires_at=NOW,
    )
    later = NOW + timedelta(hours=1)
    wishes_of: list[Change] = [
        lambda e: wishes.suspended(e, "x", NOW),
        wishes.resumed,
        lambda e: wishes.extended(e, later, None, NOW),
    ]
    for wish in wishes_of:
        wish(planning)
        with pytest.raises(NeedsPerson, match="is being deleted already"):
            wish(ends.began(planning))
    gone = altered(planning, absent_since=NOW)
    with pytest.raises(NeedsPerson, match="not because its life ends"):
        wishes.extended(gone, later, None, NOW)
    with pytest.raises(NeedsPerson, match="is being destroyed"):
        wishes.suspended(replace(planning, suspended=Suspended("y", Suspension.DESTROY)), "x", NOW)


@few
@given(before=environments)
def test_a_wish_that_came_while_a_schedule_brought_it_down_holds(before: Environment) -> None:
    """A person who suspended or resumed it meanwhile is not overruled by the end of that."""
    assume(before.is_open)
    before = altered(replace(before, suspended=None), resumed_at=None, ending=False)
    by_hand = ends.brought_down(wishes.suspended(before, "by bob", NOW), "schedule", before, NOW)
    assert by_hand.suspended == Suspended("by bob", Suspension.PERSON, at=NOW)
    resumed = ends.brought_down(applies.brought_up(before, NOW), "schedule", before, NOW)
    assert (resumed.suspended_by, resumed.deployment and resumed.deployment.ended) == (None, True)


@few
@given(before=environments)
def test_a_mixture_that_answers_makes_no_commit_the_healthy_one(before: Environment) -> None:
    """A way back that failed half-way leaves some of both; the unhealthy one would have no way back any more."""
    mixed = Deployment(commit="b" * 40, healthy_commit="a" * 40, begun=("step",))
    check = HealthCheck(url="https://x")
    after = deploys.healthy(replace(before, deployment=mixed), check, NOW)
    assert after.deployment is not None
    assert after.deployment.healthy_commit == "a" * 40
    whole = deploys.healthy(replace(before, deployment=replace(mixed, begun=())), check, NOW)
    assert whole.deployment is not None
    assert whole.deployment.healthy_commit == "b" * 40
