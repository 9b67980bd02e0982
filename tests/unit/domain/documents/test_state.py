"""States and lock notes as Terraform writes them, and as nobody should."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from envmgr.domain.documents.state import LockInfo, State
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.environment import Output
from tests.unit.domain_example import FIXED

EMPTY: dict[str, Any] = {
    "version": 4,
    "terraform_version": "1.11.4",
    "serial": 6,
    "lineage": "963d8f4c-a731-e125-3a53-4f868c909233",
    "outputs": {},
    "resources": [],
    "check_results": None,
}
DEEP = b"[" * 100_000 + b"]" * 100_000
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def read(**changes: object) -> State:
    """The state with some of its parts changed."""
    return State.from_bytes(json.dumps({**EMPTY, **changes}).encode(), "acme/shop/alice")


def resource(*keys: object, **changes: object) -> dict[str, Any]:
    """A resource with one instance for each key."""
    instances = [{} if key is None else {"index_key": key} for key in keys]
    return {"mode": "managed", "type": "aws_s3_bucket", "name": "site", "instances": instances, **changes}


def test_a_state_is_read() -> None:
    outputs = {"url": {"value": "http://x", "type": "string"}, "key": {"value": "s3cret", "sensitive": True}}
    state = read(outputs=outputs, resources=[resource(None)])
    assert (state.lineage, state.serial) == (EMPTY["lineage"], 6)
    assert state.resources == ("aws_s3_bucket.site",)
    assert state.outputs == {"url": Output("http://x"), "key": Output("s3cret", sensitive=True)}


def test_addresses_are_terraforms_own() -> None:
    resources = [
        resource(0, 1),
        resource("a", 'b"c'),
        resource(None, module='module.web["x"]'),
        resource(None, mode="data"),
        resource(),
        resource(instances=None),
    ]
    assert read(resources=resources).resources == (
        "aws_s3_bucket.site[0]",
        "aws_s3_bucket.site[1]",
        'aws_s3_bucket.site["a"]',
        'aws_s3_bucket.site["b\\"c"]',
        'module.web["x"].aws_s3_bucket.site',
    )


def test_what_a_later_terraform_may_manage_counts_too() -> None:
    assert read(resources=[resource(None, mode="something-new")]).resources == ("aws_s3_bucket.site",)


@pytest.mark.parametrize("missing", ["version", "serial", "lineage", "resources"])
def test_a_state_that_lacks_a_part_is_none(missing: str) -> None:
    document = {key: value for key, value in EMPTY.items() if key != missing}
    with pytest.raises(NeedsPerson, match=r"The state at here is not a Terraform state.*restore it"):
        State.from_bytes(json.dumps(document).encode(), "here")


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 3, "modules": []},
        {"version": 5},
        {"version": "4"},
        {"serial": None},
        {"serial": float("inf")},
        {"serial": float("nan")},
        {"resources": None},
        {"resources": 5},
        {"resources": ["x"]},
        {"resources": [{}]},
        {"resources": [resource(None, instances=5)]},
        {"resources": [resource(None, instances=["x"])]},
        {"outputs": {"url": "x"}},
    ],
)
def test_a_state_that_is_not_surely_right_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(NeedsPerson):
        read(**changes)


def test_an_encrypted_state_is_not_empty() -> None:
    encrypted = {"serial": 1, "lineage": "l", "meta": {}, "encrypted_data": "e", "encryption_version": "v0"}
    with pytest.raises(NeedsPerson, match="The state at here is encrypted, and envmgr cannot read it"):
        State.from_bytes(json.dumps(encrypted).encode(), "here")


@given(st.binary(max_size=50) | JSON.map(lambda value: json.dumps(value).encode()))
@FIXED
@example(b"")
@example(b"\xff\xfe")
@example(b"null")
@example(DEEP)
@example(b"1" * 5000)
def test_what_is_no_state_is_refused_with_a_sentence(text: bytes) -> None:
    with pytest.raises(NeedsPerson, match="here"):
        State.from_bytes(text, "here")


@given(st.dictionaries(st.sampled_from(sorted(EMPTY)), JSON, max_size=3))
@FIXED
def test_a_state_with_wrong_parts_is_read_or_refused(changes: dict[str, Any]) -> None:
    try:
        state = read(**changes)
    except NeedsPerson:
        return
    assert isinstance(state.serial, int)
    assert isinstance(state.lineage, str)


# --- lock notes --------------------------------------------------------------------------------

NOTE = {
    "ID": "9db590f1-b6fe-c5f2-2678-8804f089deba",
    "Operation": "OperationTypeApply",
    "Info": "",
    "Who": "deploy@ci",
    "Version": "1.11.4",
    "Created": "2026-01-05T12:00:00.123456789Z",
    "Path": "acme/shop/alice/terraform.tfstate",
}


def note(**changes: object) -> LockInfo:
    """The lock that a note with some parts changed tells of."""
    return LockInfo.from_json(json.dumps({**NOTE, **changes}))


def test_a_lock_note_is_read() -> None:
    at = datetime(2026, 1, 5, 12, 0, 0, 123456, tzinfo=UTC)
    assert note() == LockInfo(NOTE["ID"], "OperationTypeApply", "deploy@ci", at)
    assert LockInfo.from_json(json.dumps(NOTE).encode()) == note()


def test_a_lock_says_who_holds_it() -> None:
    assert str(note()) == (f"deploy@ci since 2026-01-05 12:00:00 UTC (OperationTypeApply, lock {NOTE['ID']})")
    assert str(LockInfo("")) == "someone who left no name (operation unknown, lock without ID)"
    assert "12:00:00 UTC" in str(note(Created="2026-01-05T14:00:00+02:00"))


@pytest.mark.parametrize("created", ["", "yesterday", 5, None, [], "0001-01-01T00:00:00+14:00"])
def test_a_time_that_cannot_be_read_costs_the_lock_nothing_else(created: object) -> None:
    assert note(Created=created) == LockInfo(NOTE["ID"], "OperationTypeApply", "deploy@ci")


@pytest.mark.parametrize("value", [None, 5, {}, ["x"], True])
def test_an_id_that_is_no_text_is_none(value: object) -> None:
    assert note(ID=value).id == ""


@given(
    st.binary(max_size=50)
    | st.text(max_size=50)
    | JSON.map(json.dumps)
    | st.dictionaries(st.sampled_from(sorted(NOTE)), JSON).map(json.dumps)
)
@FIXED
@example(DEEP)
@example("1" * 5000)
@example(b"\xff")
def test_any_note_is_a_lock(text: str | bytes) -> None:
    lock = LockInfo.from_json(text)
    assert isinstance(lock.id, str)
    assert str(lock)
