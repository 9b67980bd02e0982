"""When a state passes for another's, and what of it is written down."""

import json
from dataclasses import replace

import pytest

from envmgr.domain.documents.claim_document import claim_document, parse_claim
from envmgr.domain.documents.lineage import is_another
from envmgr.domain.documents.manifest import Manifest
from envmgr.domain.documents.state import State
from envmgr.domain.rules.transitions.applies import Found, applied, began_with, claimed, noted, stated
from envmgr.domain.rules.transitions.ends import End, closed, emptied
from envmgr.domain.values.environment import Environment, Status
from tests.unit.domain_example import NEW, claim, pending, ready

OWN, OTHER = "its-own-lineage", "another"
ADDRESS = ("terraform_data.app",)


def environment(lineage: str, resources: tuple[str, ...] = ADDRESS) -> Environment:
    """One that was applied, by a state of this lineage."""
    made = ready(claim=replace(claim(), lineage=lineage))
    return replace(made, applied=replace(made.applied, resources=resources))


def state(lineage: str, resources: tuple[str, ...] = ADDRESS) -> State:
    """What is there."""
    return State(lineage=lineage, serial=1, resources=resources, outputs={})


@pytest.mark.parametrize(
    ("known", "listed", "there", "taken", "wanted"),
    [
        (OWN, ADDRESS, state(OWN), "", False),
        (OWN, ADDRESS, state(OTHER), "", True),
        (OWN, (), state(OTHER), "", True),
        (OWN, ADDRESS, state(OTHER, ()), "", True),
        (OWN, (), state(OTHER, ()), "", False),
        (OWN, ADDRESS, state(""), "", True),
        ("", ADDRESS, state(OTHER), "", False),
        (OWN, ADDRESS, state(OTHER), OTHER, False),
        (OWN, ADDRESS, state(OWN), OTHER, True),
    ],
)
def test_only_what_is_known_is_compared_and_only_where_anything_can_be_lost(
    known: str, listed: tuple[str, ...], there: State, taken: str, wanted: bool
) -> None:
    assert is_another(environment(known, listed), there, taken) is wanted


def test_what_has_no_claim_has_no_state_of_its_own() -> None:
    assert not is_another(pending(), state(OTHER))


def test_what_is_known_stays_until_the_state_ends_or_a_person_takes_another() -> None:
    """Neither a claim of another commit nor a state that is another's changes it."""
    found = Found(outputs={}, resources=ADDRESS, url=None, serial=1, identifiers=(), lineage=OTHER)
    for before in (environment(OWN), emptied(environment(OWN))):
        after = [
            claimed(before, claim(NEW)),
            applied(before, claim(NEW), None),
            stated(before, found),
            noted(before, ADDRESS, (), OTHER),
        ]
        assert [each.claim and each.claim.lineage for each in after] == [OWN] * 4
    taken = claimed(environment(OWN), replace(claim(NEW), lineage=OTHER))
    assert taken.claim == replace(claim(NEW), lineage=OTHER)
    anew = stated(began_with(environment(OWN), ""), found)
    assert anew.claim == replace(claim(), lineage=OTHER)
    assert closed(environment(OWN), End(then=Status.DESTROYED, message="")).claim is None
    assert began_with(pending(), OTHER) == pending()


def test_it_is_in_the_record_and_not_beside_the_state() -> None:
    """What is kept there may be older than the state; an earlier release knows nothing of it and leaves it out."""
    known = replace(claim(), lineage=OWN)
    assert parse_claim(json.loads(json.dumps(claim_document(known)))) == known
    assert "lineage" not in claim_document(claim())
    assert OWN not in Manifest.of(pending(), replace(known, variables={})).to_json()
