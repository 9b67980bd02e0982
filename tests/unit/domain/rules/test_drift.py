"""Drift: what a plan says of it, when it is looked for, what is noise, and when it is corrected."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmgr.domain.documents.plan import Plan
from envmgr.domain.rules.comparison import differences
from envmgr.domain.values.drift import (
    Difference,
    Drift,
    DriftRules,
    checked,
    corrected,
    failed,
    is_due,
    is_news,
    why_not_corrected,
)
from envmgr.domain.values.names import EnvironmentId

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ALICE = EnvironmentId("acme", "shop", "alice")
CORRECT = DriftRules(action="correct", interval=HOUR)


def change(
    address: str, actions: list[str], before: object, after: object, **more: object
) -> dict[str, object]:
    """One resource of a plan as Terraform prints it."""
    kind = address.split(".", maxsplit=1)[0]
    body = {"actions": actions, "before": before, "after": after, "after_unknown": {}, **more}
    return {"address": address, "type": kind, "mode": "managed", "change": body}


def plan(*changes: dict[str, object]) -> Plan:
    """A plan of these changes."""
    return Plan.from_json({"resource_changes": list(changes)})


def updated(size: str = "large", **more: object) -> dict[str, object]:
    """A change of one attribute."""
    return change("aws_x.main", ["update"], {"size": "small", "id": "1"}, {"size": size, "id": "1"}, **more)


def found(digest: str, action: str = "update") -> tuple[Difference, ...]:
    """One difference."""
    return (Difference(address="aws_x.main", action=action, attributes={"size": digest}),)


class TestDifferences:
    """A plan of what was applied, read as drift."""

    def test_names_address_action_and_attributes(self) -> None:
        """Never a value."""
        [difference] = differences(plan(updated()))
        assert (difference.address, difference.action) == ("aws_x.main", "update")
        assert set(difference.attributes) == {"size"}
        assert "large" not in repr(difference)

    def test_a_sensitive_attribute_leaves_not_even_a_digest(self) -> None:
        """A digest of a short secret can be guessed."""
        [one] = differences(plan(updated("secret-1", after_sensitive={"size": True})))
        [two] = differences(plan(updated("secret-2", before_sensitive={"size": True})))
        assert one.attributes == two.attributes == {"size": "sensitive"}

    def test_what_is_gone_or_replaced_is_told_apart(self) -> None:
        """By what Terraform would do."""
        gone = change("aws_x.a", ["create"], None, {"size": "small"})
        other = change("aws_x.b", ["delete", "create"], {"size": "s"}, {"size": "l"})
        same = change("aws_x.c", ["no-op"], {"size": "s"}, {"size": "s"})
        shown = [(d.address, d.action, d.is_harmful) for d in differences(plan(gone, other, same))]
        assert shown == [("aws_x.a", "create", False), ("aws_x.b", "replace", True)]

    @pytest.mark.parametrize("pattern", ["aws_x.main.size", "aws_x.*.size", "*.size", "aws_x.main.*"])
    def test_what_is_to_be_ignored_is_left_out(self, pattern: str) -> None:
        """By address and attribute."""
        assert differences(plan(updated()), [pattern]) == ()

    def test_ignoring_one_attribute_leaves_the_others(self) -> None:
        """The resource still differs."""
        both = change("aws_x.main[0]", ["update"], {"a": 1, "b": 1}, {"a": 2, "b": 2})
        [difference] = differences(plan(both), ["aws_x.main[0].a"])
        assert set(difference.attributes) == {"b"}

    def test_a_resource_that_is_gone_is_not_overlooked_for_an_attribute(self) -> None:
        """Only a pattern for the whole resource does that."""
        gone = change("aws_x.main", ["create"], None, {"size": "small"})
        assert differences(plan(gone), ["aws_x.main.size"])
        assert not differences(plan(gone), ["aws_x.main.*"])


class TestDue:
    """When it is looked for."""

    @given(st.integers(0, 10**9))
    def test_within_a_tenth_of_the_interval(self, seconds: int) -> None:
        """Never much earlier or later."""
        drift = Drift(tried_at=NOW + timedelta(seconds=seconds))
        assert not is_due(ALICE, drift, CORRECT, drift.tried_at + HOUR * 0.89)
        assert is_due(ALICE, drift, CORRECT, drift.tried_at + HOUR * 1.11)

    def test_not_all_at_once(self) -> None:
        """Fifty environments that were checked together are due at different times."""
        drift = Drift(tried_at=NOW)
        due = [is_due(EnvironmentId("acme", "shop", f"e{n}"), drift, CORRECT, NOW + HOUR) for n in range(50)]
        assert 5 < sum(due) < 45

    def test_off_is_never(self) -> None:
        """Whatever time it is."""
        assert not is_due(ALICE, None, DriftRules(action="off"), NOW)


class TestNoise:
    """What differs at every check."""

    def test_an_attribute_that_changes_from_check_to_check_is_noise(self) -> None:
        """After three changes in a row; it is no drift from then on."""
        drift: Drift | None = None
        for number in range(4):
            drift = checked(drift, found(f"digest-{number}"), NOW + HOUR * number)
            assert drift.status == ("drift" if number < 3 else "none")
        assert drift is not None
        assert drift.noise == ("aws_x.main.size",)
        assert checked(drift, found("digest-9"), NOW + HOUR * 5).differences == ()

    def test_drift_that_stays_as_it_is_is_no_noise(self) -> None:
        """However often it is seen."""
        drift: Drift | None = None
        for number in range(9):
            drift = checked(drift, found("digest"), NOW + HOUR * number)
        assert drift is not None
        assert (drift.status, drift.noise) == ("drift", ())

    def test_what_comes_back_after_every_correction_is_noise(self) -> None:
        """Correcting it for ever would help nobody."""
        drift: Drift | None = None
        corrections = 0
        for number in range(9):
            drift = checked(drift, found("digest"), NOW + HOUR * number)
            if drift.differences:
                corrections += 1
                drift = corrected(drift, NOW + HOUR * number)
        assert drift is not None
        assert drift.noise == ("aws_x.main.size",)
        assert corrections == 3

    def test_only_other_things_are_news(self) -> None:
        """Neither the same again nor other digests of the same attribute."""
        one = checked(None, found("a"), NOW)
        assert is_news(None, one)
        assert not is_news(one, checked(one, found("b"), NOW))
        assert is_news(one, checked(one, (), NOW))


class TestCorrection:
    """Invariant 11: never blindly."""

    BEFORE = Drift(tried_at=NOW - HOUR, checked_at=NOW - HOUR)
    FOUND = Drift(tried_at=NOW, checked_at=NOW, differences=found("a"))

    def test_a_change_in_place_right_after_a_good_look_is_corrected(self) -> None:
        """Nothing speaks against it."""
        assert why_not_corrected(self.BEFORE, self.FOUND, CORRECT, "") == ""

    @pytest.mark.parametrize("action", ["delete", "replace"])
    def test_nothing_is_deleted(self, action: str) -> None:
        """Not even to make it anew."""
        harmful = replace(self.FOUND, differences=(*found("a"), *found("b", action)))
        assert "delete or replace aws_x.main" in why_not_corrected(self.BEFORE, harmful, CORRECT, "")

    def test_not_after_an_outage(self) -> None:
        """What was out of reach may be half back."""
        assert (
            why_not_corrected(self.BEFORE, self.FOUND, CORRECT, "the remote is away") == "the remote is away"
        )
        blind = failed(self.BEFORE, "no network", NOW - timedelta(minutes=5))
        assert "could not run" in why_not_corrected(blind, self.FOUND, CORRECT, "")

    def test_not_after_a_long_gap(self) -> None:
        """More than three intervals without a look."""
        long_ago = Drift(tried_at=NOW - HOUR * 3.1, checked_at=NOW - HOUR * 3.1)
        assert "nothing was checked since" in why_not_corrected(long_ago, self.FOUND, CORRECT, "")

    def test_a_check_that_cannot_run_says_since_when(self) -> None:
        """And keeps what was known."""
        once = failed(self.FOUND, "no network", NOW + HOUR)
        twice = failed(once, "no network", NOW + HOUR * 2)
        assert (twice.status, twice.failing_since) == ("unknown", NOW + HOUR)
        assert twice.differences == self.FOUND.differences
        assert checked(twice, (), NOW + HOUR * 3).status == "none"
