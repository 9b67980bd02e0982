"""What each way to work allows: decided before the work begins, and the same to its end."""

from dataclasses import FrozenInstanceError, dataclass
from datetime import timedelta
from typing import Any, cast

import pytest

from envmgr.engine.work.mode import (
    ApplyByHand,
    Awaiting,
    ByHand,
    CheckingDrift,
    CheckingHealth,
    DestroyByHand,
    Mode,
    Reconciling,
    Verb,
)

ALLOWS = (
    "is_by_hand",
    "may_delete",
    "may_import",
    "leaves_code",
    "is_tentative",
    "reads_plans",
    "gives_way",
)
"""What is asked of every mode; the table has the true ones of each."""


def urgent() -> bool:
    return True


def hand(verb: Verb) -> ByHand:
    return ByHand(verb=verb)


@dataclass(frozen=True)
class Row:
    """A mode, what its lease is held for, and what is true of it."""

    mode: Mode
    purpose: str
    true: str


LOOKS = "is_by_hand may_delete reads_plans"
TABLE = (
    Row(Reconciling(), "reconcile", "may_delete"),
    Row(Reconciling(asked=True), "reconcile", "may_delete"),
    Row(Awaiting(), "reconcile", "may_delete"),
    Row(Awaiting(urgent=urgent), "reconcile", "may_delete gives_way"),
    Row(CheckingHealth(urgent=urgent), "health check", "may_delete gives_way"),
    Row(CheckingDrift(urgent=urgent), "drift check", "reads_plans gives_way"),
    Row(hand(Verb.PLAN), "plan", LOOKS),
    Row(hand(Verb.DRIFT), "drift", LOOKS),
    Row(hand(Verb.UNLOCK), "unlock", LOOKS),
    Row(hand(Verb.CANCEL), "cancel", LOOKS),
    Row(hand(Verb.MOVE_STATE), "move-state", LOOKS),
    Row(hand(Verb.ROLLBACK), "rollback", f"{LOOKS} is_tentative"),
    Row(hand(Verb.PROMOTE), "promote", f"{LOOKS} is_tentative"),
    Row(hand(Verb.ADOPT), "adopt", f"{LOOKS} is_tentative"),
    Row(ApplyByHand(), "apply", LOOKS),
    Row(ApplyByHand(imports=True), "apply", f"{LOOKS} may_import"),
    Row(DestroyByHand(), "destroy", LOOKS),
    Row(DestroyByHand(skips_steps=True), "destroy", f"{LOOKS} leaves_code"),
)


def said(mode: Mode, name: str) -> bool:
    found = getattr(mode, name)
    return bool(found() if callable(found) else found)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{type(row.mode).__name__}-{row.purpose}")
def test_a_mode_allows_what_the_table_says_and_nothing_else(row: Row) -> None:
    assert {name for name in ALLOWS if said(row.mode, name)} == set(row.true.split())
    assert row.mode.purpose == row.purpose


def test_every_mode_and_every_verb_is_in_the_table() -> None:
    # By name: a class with slots is made anew, and the one before it still counts as a subclass.
    known = {kind.__name__ for kind in (*Mode.__subclasses__(), *ByHand.__subclasses__())}
    assert {type(row.mode).__name__ for row in TABLE} == known
    assert {row.mode.verb for row in TABLE if isinstance(row.mode, ByHand)} == set(Verb)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{type(row.mode).__name__}-{row.purpose}")
def test_nobody_changes_a_mode_while_the_work_lasts(row: Row) -> None:
    for name in (*ALLOWS, "purpose", "confirm", "anything"):
        with pytest.raises((FrozenInstanceError, AttributeError, TypeError)):
            setattr(row.mode, name, True)


@pytest.mark.parametrize("verb", Verb)
def test_what_fails_by_hand_is_the_environments_where_something_may_have_changed(verb: Verb) -> None:
    changing = {Verb.APPLY, Verb.DESTROY, Verb.ROLLBACK, Verb.ADOPT, Verb.PROMOTE}
    assert hand(verb).may_have_changed is (verb in changing)


def test_only_an_end_may_be_made_where_the_repository_is_configured_no_more() -> None:
    assert DestroyByHand().serves_an_end
    assert not ApplyByHand().serves_an_end
    assert not hand(Verb.PLAN).serves_an_end


def test_a_person_alone_is_asked_and_a_check_yields_to_other_processes() -> None:
    nothing = cast("Any", None)
    declined = ByHand(verb=Verb.APPLY, confirm=lambda _job, _planned: False)
    assert [row.mode.confirms(nothing, nothing) for row in TABLE] == [True] * len(TABLE)
    assert not declined.confirms(nothing, nothing)
    assert {type(row.mode) for row in TABLE if row.mode.niceness} == {CheckingDrift}


def test_silence_is_told_to_whom_a_place_is_taken() -> None:
    told: list[timedelta] = []
    Reconciling(on_quiet=told.append).tell_quiet(timedelta(seconds=7))
    ApplyByHand().tell_quiet(timedelta(seconds=8))
    assert told == [timedelta(seconds=7)]
