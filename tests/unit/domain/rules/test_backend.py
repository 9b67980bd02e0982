"""Where a backend is: what is said of it, and when two settings mean one place."""

from dataclasses import replace

import pytest

from envmgr.domain.documents.claim_document import claim_document, parse_claim
from envmgr.domain.rules.decide import decide
from envmgr.domain.rules.transitions.applies import moved
from envmgr.domain.values.backend import Backend, changed, is_same, is_same_place, place
from envmgr.domain.values.decision import Wait
from envmgr.domain.values.environment import Environment, Status, Suspension
from tests.unit.domain_example import ALONE, NEW, NOW, POLICY, claim, gone, ready

FOLDER: Backend = ("local", {"path": "/srv/state"})
BUCKET: Backend = ("s3", {"bucket": "one", "region": "eu-west-1"})
CONTAINER: Backend = ("azurerm", {"storage_account_name": "acme", "container_name": "states"})


def with_(backend: Backend, **settings: object) -> Backend:
    """A backend with other settings."""
    return backend[0], {**backend[1], **settings}


def test_a_place_is_named_by_what_people_call_it() -> None:
    named = [place(backend) for backend in (FOLDER, BUCKET, CONTAINER)]
    assert named == [
        "the folder /srv/state",
        "the S3 bucket one",
        "the container states in storage account acme",
    ]


@pytest.mark.parametrize(
    ("one", "other", "same_place", "said"),
    [
        (BUCKET, with_(BUCKET, encrypt=True), True, "that with another encrypt"),
        (BUCKET, with_(BUCKET, region="x", profile="y"), True, "that with another profile and region"),
        (BUCKET, with_(BUCKET, bucket="two"), False, "the S3 bucket two"),
        (BUCKET, with_(BUCKET, endpoints={"s3": "http://x"}), False, "that with another endpoints"),
        (BUCKET, FOLDER, False, "the folder /srv/state"),
        (FOLDER, with_(FOLDER, path="/srv/other"), False, "the folder /srv/other"),
        (CONTAINER, with_(CONTAINER, use_azuread_auth=True), True, "that with another use_azuread_auth"),
        (CONTAINER, with_(CONTAINER, container_name="c"), False, "the container c in storage account acme"),
        (
            CONTAINER,
            with_(CONTAINER, storage_account_name="b"),
            False,
            "the container states in storage account b",
        ),
    ],
)
def test_two_settings_of_one_place(one: Backend, other: Backend, same_place: bool, said: str) -> None:
    assert is_same(one, (one[0], dict(one[1])))
    assert not is_same(one, other)
    assert (is_same_place(one, other), is_same_place(other, one)) == (same_place, same_place)
    assert changed(one, other) == said


def on_its_way(environment: Environment) -> Environment:
    """One whose state is being moved."""
    return replace(environment, claim=replace(claim(), moves=BUCKET))


@pytest.mark.parametrize(
    "environment",
    [
        ready(commit=NEW),
        gone(),
        ready(status=Status.FAILED, failures=3),
        ready(expires_at=NOW),
        ready(suspended="Destroyed by a person.", suspended_by=Suspension.DESTROY),
    ],
    ids=["pushed", "gone", "failed", "expired", "destroyed by hand"],
)
def test_nothing_is_done_while_a_state_is_on_its_way(environment: Environment) -> None:
    decision = decide(on_its_way(environment), POLICY, ALONE, NOW, asked=True)
    assert isinstance(decision, Wait)
    assert "between the folder /srv/state and the S3 bucket one" in decision.reason
    assert "`envmgr move-state acme` finishes" in decision.reason


def test_both_places_are_in_the_record() -> None:
    begun = replace(claim(), moves=BUCKET)
    assert parse_claim(claim_document(begun)) == begun
    assert "moves" not in claim_document(claim())


def test_what_was_applied_is_so_by_the_new_place_as_well() -> None:
    """And what failed because of the old one is tried again, once the move is over."""
    before = ready(applied_fingerprint="f" * 64, failed_on="x", retry_at=NOW)
    begun = moved(before, replace(claim(), moves=BUCKET))
    switched = moved(begun, replace(claim(), backend=BUCKET, moves=FOLDER, fingerprint="e" * 64))
    assert (switched.applied.fingerprint, switched.failure.on, switched.failure.retry_at) == (
        "e" * 64,
        "x",
        NOW,
    )
    done = moved(switched, replace(claim(), backend=BUCKET, fingerprint="e" * 64))
    assert (done.applied.fingerprint, done.failure.on, done.failure.retry_at) == ("e" * 64, "", None)
    unknown = moved(ready(applied_fingerprint=None), replace(claim(), backend=BUCKET))
    assert unknown.applied.fingerprint is None
