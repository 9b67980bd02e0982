"""What of taking over an environment that exists is pure: the state that is given, the mark, what a plan may do."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from envmgr.domain.documents.claim_document import claim_document, parse_claim
from envmgr.domain.documents.manifest import Manifest
from envmgr.domain.documents.plan import Plan
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.rules.decide import decide
from envmgr.domain.rules.takeover import GivenState, check_kept
from envmgr.domain.rules.transitions.applies import claimed, not_adopted
from envmgr.domain.rules.unfinished import unfinished
from envmgr.domain.values.decision import Destroy, Wait
from envmgr.domain.values.environment import Environment, Status, Suspended, Suspension
from tests.support.records import altered
from tests.unit.domain.documents.test_plan import CREATE, FORGET, NO_OP, UPDATE, change, document
from tests.unit.domain.rules.test_gates import BUCKET, applied, destroyed
from tests.unit.domain_example import ALICE, ALONE, HOUR, NEW, NOW, POLICY, claim, gone, pending, ready

STATE = (
    '{"version": 4, "lineage": "l", "serial": 7, "outputs": {"n": {"value": 1.10e400}}, "resources": '
    '[{"mode": "managed", "type": "t", "name": "x", "instances": [{"attributes": {"n": 12345678901234567890.10}}]}]}'
)
MARK = "a" * 64


# --- the given state ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        STATE.encode(),
        f"\n {STATE}\r\n\n".encode(),
        STATE.encode("utf-8-sig"),
        STATE.encode("utf-16"),
        f"{STATE[:-1]}\n}}\n".encode(),
    ],
    ids=["minified", "blanks", "BOM", "UTF-16", "as Terraform writes it"],
)
def test_a_state_is_put_as_terraform_ends_one_and_every_digit_stays(text: bytes) -> None:
    given = GivenState.of(text, "FILE")
    assert given.content == f"{STATE[:-1]}\n}}\n".encode()
    assert (given.state.lineage, given.state.serial, given.state.resources) == ("l", 7, ("t.x",))
    assert given.digest == GivenState.of(STATE.encode(), "FILE").digest
    assert "12345678901234567890" not in repr(given)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "is not a Terraform state"),
        (b"\xff\xfe\x00", "is not a Terraform state"),
        (STATE.replace("4", "3", 1).encode(), "is not a Terraform state"),
        (STATE.replace('"l"', '""').encode(), "has no lineage"),
        (STATE.replace("managed", "data").encode(), "lists no resources"),
        (
            json.dumps({"version": 4, "lineage": "l", "serial": 1, "resources": []}).encode(),
            "lists no resources",
        ),
    ],
)
def test_what_is_no_state_to_take_over_is_said(text: bytes, said: str) -> None:
    with pytest.raises(NeedsPerson, match=f"FILE.*{said}|state at FILE {said}"):
        GivenState.of(text, "FILE")


# --- the mark ----------------------------------------------------------------------------------


def marked(environment: Environment) -> Environment:
    """One whose taking-over began."""
    return replace(environment, claim=replace(claim(), adopts=MARK))


@pytest.mark.parametrize(
    "environment",
    [
        pending(),
        ready(commit=NEW),
        gone(),
        ready(expires_at=NOW - HOUR),
        ready(status=Status.FAILED, failures=3),
        ready(branch="other"),
    ],
    ids=["new", "pushed", "gone", "expired", "failed", "unwatched"],
)
@pytest.mark.parametrize("asked", [False, True])
def test_nothing_is_done_with_what_was_taken_over_in_part(environment: Environment, asked: bool) -> None:
    """Neither a second environment is made beside it, nor is it destroyed with its branch."""
    decision = decide(marked(environment), POLICY, ALONE, NOW + timedelta(days=9), asked=asked)
    assert isinstance(decision, Wait)
    assert "`envmgr adopt acme/shop/alice --state FILE`" in decision.reason


def test_a_person_may_destroy_it_all_the_same() -> None:
    by_hand = marked(ready(suspended="Destroyed by a person.", suspended_by=Suspension.DESTROY))
    assert unfinished(by_hand) is None
    assert isinstance(decide(by_hand, POLICY, ALONE, NOW), Destroy)


def test_a_claim_ends_an_earlier_destroy_by_hand_and_the_mark_goes_with_the_next() -> None:
    """Else that would go on with what is made, or taken over; a person's suspension is the end of the work to lift."""
    before = pending(suspended="Destroyed.", suspended_by=Suspension.DESTROY, suspended_commit=NEW)
    begun = claimed(before, replace(claim(), adopts=MARK))
    assert begun.suspended is None
    assert unfinished(begun)
    assert not unfinished(claimed(begun, claim()))
    undone = not_adopted(begun, "Undone.", NOW)
    assert (undone.claim, undone.suspended) == (None, Suspended("Undone.", Suspension.PERSON, at=NOW))
    assert claimed(before, claim()).suspended_by is None
    held = altered(before, suspended_by=Suspension.PERSON)
    assert claimed(held, replace(claim(), adopts=MARK)).why_suspended == "Destroyed."


def test_the_mark_is_in_the_record_and_beside_the_state() -> None:
    begun = replace(claim(), adopts=MARK)
    assert parse_claim(json.loads(json.dumps(claim_document(begun)))) == begun
    assert "adopts" not in claim_document(claim())
    variables = {k: begun.tags[k] for k in ("environment", "project", "organization", "branch")}
    text = Manifest.of(pending(), replace(begun, variables=variables)).to_json().encode()
    assert Manifest.from_json(text, ALICE).claim.adopts == MARK
    with pytest.raises(NeedsPerson, match="the state that it takes over is not valid"):
        Manifest.from_json(text.replace(MARK.encode(), b"x"), ALICE)


# --- the plan ----------------------------------------------------------------------------------


def test_what_exists_is_kept() -> None:
    assert check_kept(Plan.from_json(document(CREATE, UPDATE, NO_OP, FORGET))) == []
    assert check_kept(None) == []
    found = check_kept(
        Plan.from_json(
            document(
                change("t.a", "delete", "create"), change("t.b", "create", "delete"), change("t.c", "delete")
            )
        )
    )
    assert found == ["t.a would be replaced.", "t.b would be replaced.", "t.c would be destroyed."]


THEIRS = {"managed-by": "terraform", "environment": "legacy"}
OURS = {"environment": "alice"}


def test_tags_of_another_tool_give_way() -> None:
    """Those of another environment of envmgr do not; nor is anything deleted that carries another's."""
    update = {"before": {"tags_all": THEIRS}, "after": {"tags_all": OURS}}
    assert applied(change(BUCKET, "update", **update)) == []
    envmgrs = {**THEIRS, "managed-by": "envmgr"}
    [finding] = applied(change(BUCKET, "update", before={"tags_all": envmgrs}, after={"tags_all": OURS}))
    assert "carries tags of another environment" in finding
    [finding] = destroyed(change(BUCKET, "delete", before={"tags_all": THEIRS}))
    assert "carries tags of another environment" in finding
