"""What is kept of freezes beside the states comes back as it was, and whatever else stands there freezes."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmgr.domain.documents.freezes import from_json, to_json
from envmgr.domain.values.asking.freeze import Freeze

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
words = st.text(st.characters(categories=("L", "N", "P")), min_size=1)
moments = st.datetimes(timezones=st.just(UTC))
freezes = st.builds(
    Freeze,
    organization=st.just("acme"),
    repository=st.none() | words,
    reason=words,
    by=words,
    since=moments,
    until=st.none() | moments,
)
ONE = {"repository": None, "reason": "r", "by": "b", "since": NOW.isoformat(), "until": None}


@given(st.lists(freezes))
def test_it_comes_back(found: list[Freeze]) -> None:
    assert from_json("acme", to_json(found).encode(), NOW) == found


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b"[" * 100_000,
        {"version": 2, "freezes": []},
        {"version": 1, "freezes": None},
        {"version": 1, "freezes": [{**ONE, "reason": "a\x1b[31m"}]},
        {"version": 1, "freezes": [{**ONE, "since": "yesterday"}]},
        {"version": 1, "freezes": [{**ONE, "until": 7}]},
        {"version": 1, "freezes": [{**ONE, "by": ""}]},
        {"version": [], "freezes": []},
    ],
)
def test_what_is_nothing_of_the_kind_freezes_all_of_it(content: Any) -> None:
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    (found,) = from_json("acme", text, NOW)
    assert (found.place, found.by, found.until) == ("acme", "envmgr", None)
