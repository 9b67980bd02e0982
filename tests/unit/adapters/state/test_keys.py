"""Names of states and of their copies, and one environment's backend settings."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmgr.adapters.state.connect import open_state_store
from envmgr.adapters.state.keys import archive_key, archived_at, is_state
from envmgr.domain.errors import UsageError
from envmgr.domain.values.backend import with_key
from envmgr.domain.values.names import EnvironmentId

PART = st.from_regex(r"[a-z0-9-]+", fullmatch=True)
KEYS = st.builds(EnvironmentId, PART, PART, PART).map(lambda identity: identity.state_key)
ZONES = st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours)))
TIMES = st.datetimes(datetime(1970, 1, 2), datetime(9000, 1, 1), timezones=ZONES)  # noqa: DTZ001


@given(KEYS, TIMES)
def test_a_copy_knows_when_it_was_made_and_is_no_state(key: str, now: datetime) -> None:
    copy = archive_key(key, now)
    assert copy.startswith(f"archive/{key}.")
    assert archived_at(copy) == now
    assert is_state(key)
    assert not is_state(copy)
    assert archived_at(key) is None


@given(KEYS, TIMES, TIMES)
def test_two_copies_never_share_a_name(key: str, one: datetime, other: datetime) -> None:
    assert (archive_key(key, one) == archive_key(key, other)) == (one == other)


@given(st.text())
def test_any_name_is_a_copy_or_not(text: str) -> None:
    made = archived_at(text)
    assert made is None or made.tzinfo == UTC


@pytest.mark.parametrize(
    "key",
    [
        "archive/acme/shop/alice/terraform.tfstate",
        "archive/acme/shop/alice/terraform.tfstate.20261399T999999.000000Z",
        "other/acme/terraform.tfstate.20260102T030405.000000Z",
        "archive/notes.txt",
    ],
)
def test_what_only_looks_like_a_copy_is_never_pruned(key: str) -> None:
    assert archived_at(key) is None


def test_the_place_of_one_environment() -> None:
    key = "acme/shop/alice/terraform.tfstate"
    assert with_key(("local", {"path": "/srv/state"}), key) == ("local", {"path": f"/srv/state/{key}"})
    settings = {"bucket": "b", "region": "eu-west-1"}
    assert with_key(("s3", settings), key) == ("s3", {**settings, "key": key})
    assert settings == {"bucket": "b", "region": "eu-west-1"}
    assert with_key(("azurerm", {"container_name": "c"}), key)[1] == {
        "container_name": "c",
        "key": key,
    }


def test_an_unknown_backend_is_refused() -> None:
    with pytest.raises(UsageError, match="local, azurerm or s3"):
        open_state_store("gcs", {}, {})
