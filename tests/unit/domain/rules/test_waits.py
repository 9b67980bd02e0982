"""What an environment waits for is a field: of each wait its sentence and its facts, and what the release before had of it."""

import json
from dataclasses import replace

import pytest

from envmgr.adapters.store.codec import dump_waits, load_waits
from envmgr.adapters.store.migrations.versions.r0011_reasons import _waits
from envmgr.domain.audit import unmanaged
from envmgr.domain.rules.attempt import attempt_key
from envmgr.domain.rules.decide import decide
from envmgr.domain.rules.transitions.work import waiting
from envmgr.domain.values.decision import Wait
from envmgr.domain.values.environment import (
    Environment,
    Guard,
    Offered,
    Origin,
    Suspension,
    Tagged,
    Waits,
    WaitsFor,
)
from envmgr.domain.values.pipeline.proposal import Proposal, Rejection, Terms
from envmgr.domain.values.policy import Awaited, Neighbours, Policy
from envmgr.domain.values.schedule import Closed, Phase
from envmgr.engine.reconcile.reconciler import is_due
from tests.unit.domain_example import ALICE, ALONE, HOUR, NEW, NOW, OLD, POLICY, claim, gone, pending, ready

NEED = Awaited("Waits for db, which failed: no", Waits(WaitsFor.NEED, ("db", "failed", "1")), is_stuck=True)
DOWN = Phase(up=False, since=NOW - HOUR, until=NOW + HOUR)
API = replace(ALICE, application="api")
CASES: dict[str, tuple[Environment, Policy, Neighbours]] = {
    "confirmations": (gone(absences=1), POLICY, ALONE),
    "grace period": (gone(since=NOW), POLICY, ALONE),
    "max_at_once": (gone(), POLICY, Neighbours(leaving=9)),
    "history": (gone(hold=Guard.HISTORY), POLICY, ALONE),
    "limit": (pending(), replace(POLICY, max_environments=3), Neighbours(active=4)),
    "protected": (gone(branch="env-prod"), POLICY, ALONE),
    "pattern": (ready(), replace(POLICY, branches=("other-*",)), ALONE),
    "excluded": (ready(), replace(POLICY, branches=("env-*", "!env-a*")), ALONE),
    "application": (ready(id=API), replace(POLICY, configured=False), ALONE),
    "applications": (ready(), replace(POLICY, configured=False), ALONE),
    "schedule": (pending(), replace(POLICY, phase=DOWN), ALONE),
    "schedule for good": (pending(), replace(POLICY, phase=replace(DOWN, until=None)), ALONE),
    "window": (pending(), replace(POLICY, closed=Closed(NOW + HOUR)), ALONE),
    "no window": (pending(), replace(POLICY, closed=Closed(None)), ALONE),
    "gone, window": (gone(), replace(POLICY, closed=Closed(NOW + HOUR)), ALONE),
    "move": (
        ready(claim=replace(claim(), moves=("s3", {"bucket": "one", "key": "k"}))),
        POLICY,
        ALONE,
    ),
    "adoption": (ready(claim=replace(claim(), adopts="a" * 64)), POLICY, ALONE),
    "need": (ready(commit=NEW), POLICY, Neighbours(awaits=NEED)),
    "dependents": (gone(), POLICY, Neighbours(leaving=1, needed_by=("api", "web"))),
}
NAMED = replace(POLICY, is_named=True)
FOLLOWS = Origin(is_named=True)
AFTER = Awaited("Waits for staging to have it.", Waits(WaitsFor.AFTER, ("staging", NEW)), is_stuck=False)
PROPOSED = Proposal(
    on=attempt_key(ready(commit=NEW), POLICY),
    commit=NEW,
    digest="d" * 64,
    author="Ann",
    terms=Terms(),
    requested_at=NOW,
    expires_at=NOW + HOUR,
)
LATER: dict[str, tuple[Environment, Policy, Neighbours]] = {
    "origin": (replace(gone(), origin=FOLLOWS), NAMED, ALONE),
    "tag": (
        replace(ready(), origin=FOLLOWS, tagged=Tagged(object=OLD, offered=Offered("v1", NEW))),
        NAMED,
        ALONE,
    ),
    "approval": (replace(ready(commit=NEW), proposal=PROPOSED), POLICY, ALONE),
    "rejected": (
        replace(ready(commit=NEW), proposal=replace(PROPOSED, rejection=Rejection("carol", "no", NOW))),
        POLICY,
        ALONE,
    ),
    "after": (replace(ready(commit=NEW), origin=FOLLOWS), NAMED, Neighbours(before=AFTER)),
}
"""What no release had before that is told apart by its words."""
ALL = CASES | LATER
SAID = {
    "confirmations": "Branch env-alice seems gone (1 of 2 confirmations).",
    "grace period": "Branch env-alice is gone; grace period until 2026-01-05 12:05:00 UTC.",
    "max_at_once": "Branches of acme/shop went away together, more than destroy.max_at_once (5): `envmgr approve x` destroys "
    "it, or restore the branch.",
    "history": "acme/shop does not show branch env-alice, but its default branch has another history than before, or `url` "
    "another address: restore what was there.",
    "limit": "acme has 4 environments, its limits.environments is 3: delete a branch, raise the limit, or approve.",
    "protected": "Branch env-prod is gone, but it is protected: `envmgr destroy acme/shop/alice` ends it by hand.",
    "pattern": "No pattern of acme/shop matches branch env-alice any more: left alone; `envmgr destroy x` ends it.",
    "excluded": "`branches` of acme/shop exclude branch env-alice now (by !env-a*): left alone; `envmgr destroy x` ends it.",
    "application": "Application api is no longer in the configuration of acme/shop: left alone; `envmgr destroy x` ends it.",
    "applications": "acme/shop has several applications now, and this was applied before: left alone; destroy ends it.",
    "schedule": "Its schedule has it down until 2026-01-05 13:00 UTC; `envmgr resume acme/shop/alice` brings it up now.",
    "schedule for good": "Its schedule has it down for good; `envmgr resume acme/shop/alice` brings it up now.",
    "window": "No window for changes is open until 2026-01-05 13:00 UTC; `--override-window` does it by hand.",
    "no window": "No window for changes is open and none will open: mend `windows`; `--override-window` does it by hand.",
    "gone, window": "Branch env-alice is gone. No window for changes is open until 2026-01-05 13:00 UTC; by hand.",
    "move": "The state of acme/shop/alice is on its way between the folder /srv/state and the S3 bucket one, so it is left "
    "alone: `envmgr move-state acme` goes on with that.",
    "adoption": "The adoption of acme/shop/alice did not come to its end, so it is left alone.",
    "need": "Waits for db, which failed: no",
    "dependents": "Branch env-alice is gone since 2026-01-05 11:00:00 UTC. Waits for the end of api and web, made with its "
    "outputs.",
}
"""What the release before said in each case, as far as it tells them apart."""
IN_PART = {"need", "dependents"}
"""Of these the sentence does not have all facts: the first pass after an upgrade writes them."""


def decided(case: str) -> Wait:
    """The wait of a case."""
    environment, policy, neighbours = ALL[case]
    decision = decide(environment, policy, neighbours, NOW)
    assert isinstance(decision, Wait), decision
    return decision


@pytest.mark.parametrize("case", CASES)
def test_what_the_release_before_said_becomes_what_it_waits_for(case: str) -> None:
    """So nothing that waited is announced again by an upgrade."""
    waits = decided(case).waits
    found = _waits(SAID[case])
    assert found[0] == waits.on
    assert case in IN_PART or found == json.loads(dump_waits(waits))


@pytest.mark.parametrize("managed", [{"acme"}, set[str]()], ids=["repository", "organization"])
def test_what_nobody_manages_says_so_once(managed: set[str]) -> None:
    said, waits = unmanaged.sentence(ready(), managed), unmanaged.waits(ready(), managed)
    missing = "Repository acme/shop" if managed else "Organization acme"
    assert _waits(f"{missing} is not in the configuration: left alone.") == json.loads(dump_waits(waits))
    assert unmanaged.is_silent(ready(), managed)
    assert not unmanaged.is_silent(waiting(ready(), said, waits), managed)
    other = {"acme"} ^ managed
    assert unmanaged.is_silent(waiting(ready(), said, waits), other), "another thing is missing by now"


def test_what_is_said_of_drift_is_known_too() -> None:
    said = "Drift: aws_sqs_queue.app (update). It is not corrected, since no window for changes is open: `envmgr approve x`."
    assert _waits(said) == [WaitsFor.DRIFT]
    assert _waits("Resumed; the next pass brings it up to date.") == []


@pytest.mark.parametrize("case", ALL)
def test_a_wait_is_written_once_whatever_its_words(case: str) -> None:
    """And again where a fact of it is another one."""
    environment, decision = ALL[case][0], decided(case)
    assert is_due(environment, decision)
    told = waiting(environment, "In other words.", load_waits(dump_waits(decision.waits)), decision.hold)
    assert not is_due(told, decision)
    assert is_due(told, replace(decision, waits=Waits(decision.waits.on, (*decision.waits.about, "more"))))
    assert is_due(told, replace(decision, hold=Guard.LIMIT if decision.hold is None else None)) is (
        decision.hold is None and environment.hold.guard is not Guard.LIMIT
    )


def test_every_kind_of_wait_is_among_these() -> None:
    known = {decided(case).waits.on for case in ALL}
    elsewhere = {WaitsFor.DRIFT, WaitsFor.REPOSITORY, WaitsFor.ORGANIZATION}
    newer = {WaitsFor.FREEZE, WaitsFor.PULL_REQUEST}  # the release before had nothing of it
    assert known | elsewhere | newer == set(WaitsFor)


def test_an_end_by_hand_and_by_a_schedule_wait_for_dependents_each_in_its_way() -> None:
    """Who calls for it is a fact of the sentence."""
    by_hand = ready(suspended="s", suspended_by=Suspension.DESTROY)
    others = Neighbours(leaving=1, needed_by=("api",))
    found = [decide(e, POLICY, others, NOW) for e in (by_hand, gone())]
    assert [w.waits.about for w in found if isinstance(w, Wait)] == [("destroy", "api"), ("", "api")]
