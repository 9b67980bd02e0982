"""Errors say how they are to be handled; back-off and backends, the smallest of the core."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmgr.domain import errors
from envmgr.domain.errors import EnvmgrError, RetryLater
from envmgr.domain.values.backend import with_key
from envmgr.domain.values.backoff import FIRST, LONGEST, delay
from tests.unit.domain_example import FIXED, HOUR, MINUTE

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, EnvmgrError)]
KEY = "acme/shop/alice/terraform.tfstate"


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_shows_its_sentence_or_says_what_it_is(kind: type[EnvmgrError]) -> None:
    assert str(kind("The disk is full.")) == "The disk is full."
    assert str(kind()).endswith(".")
    assert "\n" not in str(kind())


def test_what_is_only_busy_says_when_to_look_again() -> None:
    assert RetryLater("Busy.").after == timedelta(seconds=5)
    assert RetryLater("Busy.", MINUTE).after == MINUTE
    busy = {kind.__name__ for kind in KINDS if issubclass(kind, RetryLater)}
    assert busy == {
        "RetryLater",
        "LeaseLost",
        "EnvironmentBusy",
        "StalePlan",
        "StateLocked",
        "Interrupted",
        "NoPlace",
    }


def test_pauses_double_up_to_an_hour() -> None:
    assert [delay(n) for n in (1, 2, 3, 8)] == [FIRST, 2 * FIRST, 4 * FIRST, LONGEST]
    assert delay(1, first=HOUR * 2) == LONGEST


@given(st.integers(-5, 10**9), st.timedeltas(timedelta(seconds=1), HOUR))
@FIXED
def test_pauses_never_shrink_nor_end(failures: int, first: timedelta) -> None:
    assert min(first, LONGEST) <= delay(failures, first=first) <= delay(failures + 1, first=first) <= LONGEST


def test_a_key_is_where_each_backend_wants_it() -> None:
    assert with_key(("local", {"path": "/srv/state"}), KEY) == ("local", {"path": f"/srv/state/{KEY}"})
    for kind in ("s3", "azurerm"):
        settings = {"bucket": "b"}
        assert with_key((kind, settings), KEY) == (kind, {"bucket": "b", "key": KEY})
        assert settings == {"bucket": "b"}
