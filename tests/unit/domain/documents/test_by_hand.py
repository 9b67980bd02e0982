"""What people set of an environment: as a document, and as a lost record gets it back."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from envmgr.domain.documents.by_hand import SetByHand
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.rules.transitions.observed import as_set, as_unknown, is_restorable, restored
from envmgr.domain.values.environment import Guard, Pin, Status, Suspension
from envmgr.domain.values.names import EnvironmentId
from tests.support.records import altered, flat
from tests.unit.domain_example import ALICE, HOUR, NEW, NOW, OLD, pending, ready

SET = (
    {"suspended": "Suspended by carol.", "suspended_by": Suspension.PERSON},
    {"suspended": "Its life ended.", "suspended_by": Suspension.TTL, "suspended_commit": OLD, "claim": None},
    {"suspended": "Destroyed by carol.", "suspended_by": Suspension.DESTROY},
    {"pin": Pin(NEW)},
    {"pin": Pin(NEW, over=OLD)},
    {"expires_at": NOW + HOUR},
    {"resumed_at": NOW - HOUR},
    {"hold": Guard.MASS_DESTROY, "approved": Guard.MASS_DESTROY},
)


def said_of(**changes: Any) -> SetByHand:
    found = SetByHand.of(ready(**changes))
    assert found is not None
    return found


@pytest.mark.parametrize("changes", SET)
def test_what_a_person_set_survives_a_loss(changes: dict[str, Any]) -> None:
    """A record made of nothing but its claim has it again, through the document and back."""
    said = said_of(**changes)
    read = SetByHand.from_json(said.to_json().encode(), ALICE)
    assert read == said
    lost = as_set(pending(claim=ready().claim), read, NOW)
    assert {name: flat(lost)[name] for name in changes if name != "claim"} == {
        name: value for name, value in changes.items() if name != "claim"
    }
    assert (lost.status is Status.SUSPENDED) == ("suspended" in changes)


@pytest.mark.parametrize(
    "environment",
    [
        ready(),
        ready(suspended="Down until eight.", suspended_by=Suspension.SCHEDULE),
        ready(suspended="Suspended.", status=Status.DESTROYED),
        pending(refused="Two branches give one name.", expires_at=NOW),
    ],
)
def test_what_nobody_set_leaves_nothing_beside_the_state(environment: Any) -> None:
    assert SetByHand.of(environment) is None


def test_an_end_that_is_over_by_then_is_its_end_and_a_later_one_of_a_new_life_counts() -> None:
    over = said_of(expires_at=NOW - HOUR)
    assert as_set(pending(), over, NOW).life.expires_at == NOW - HOUR
    assert as_set(pending(expires_at=NOW + HOUR), over, NOW).life.expires_at == NOW + HOUR


def test_a_record_that_was_made_anew_takes_it_and_keeps_what_was_set_since() -> None:
    lost = as_set(pending(created_at=NOW - HOUR), said_of(**SET[0], pin=Pin(NEW)), NOW)
    anew = pending(created_at=NOW)
    assert is_restorable(anew, lost)
    after = restored(anew, lost)
    assert (after.why_suspended, after.pin, after.status) == (
        "Suspended by carol.",
        Pin(NEW),
        Status.SUSPENDED,
    )
    since = restored(altered(anew, suspended="Suspended by dave."), lost)
    assert since.why_suspended == "Suspended by dave."


def test_what_cannot_be_told_is_left_alone() -> None:
    found = as_unknown(pending(), "Nobody knows.", NOW)
    assert (found.status, found.why_suspended, found.suspended_by) == (
        Status.SUSPENDED,
        "Nobody knows.",
        Suspension.PERSON,
    )


@pytest.mark.parametrize(
    "alter",
    [
        lambda d: d.update(version=2),
        lambda d: d.update(environment="acme/shop/bob"),
        lambda d: d.update(commit="--help"),
        lambda d: d.update(pin={"commit": "main", "over": None}),
        lambda d: d.update(suspended=7),
        lambda d: d.update(suspended_by="nobody"),
        lambda d: d.update(expires_at="tomorrow"),
        lambda d: d.pop("branch"),
        lambda d: d.clear(),
    ],
)
def test_what_is_no_such_document_is_refused(alter: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads(said_of(**SET[0]).to_json())
    alter(document)
    with pytest.raises(NeedsPerson, match="acme/shop/alice/envmgr-by-hand"):
        SetByHand.from_json(json.dumps(document).encode(), ALICE)


def test_its_key_is_the_environments_and_no_states() -> None:
    api = EnvironmentId("acme", "shop", "alice", "api")
    assert EnvironmentId.of_key(api.by_hand_key) == api
    assert api.by_hand_key == "acme/shop/alice/api/envmgr-by-hand"
