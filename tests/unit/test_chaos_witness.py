"""The judge of a campaign with approvals sees what must never be, so that a campaign can fail."""

import pytest

from tests.chaos.promotion.witness import Breach, Never, Permit, acts, breaches
from tests.chaos.promotion.world import label

VERSIONS = {"abc": 1, "def": 2}
APPROVED = Permit(1, "small", ("made only1", "made stays")).line
GOOD = [
    "made staging 1 small only1 x1",
    "deployed staging abc",
    "tested abc",
    APPROVED,
    "made production 1 small only1 x2",
    "made production 1 small stays x3",
    "deployed production abc",
]


def found(*history: str, forgives: bool = False) -> list[Never]:
    """What is held against a history."""
    return [breach.kind for breach in breaches(history, VERSIONS, forgives=forgives)]


def test_what_was_approved_may_be_done() -> None:
    assert found(*GOOD) == []
    second = Permit(2, "small", ("ended only1", "made only2")).line
    assert (
        found(*GOOD, "tested def", second, "ended production only1 x2", "made production 2 small only2 x4")
        == []
    )


@pytest.mark.parametrize(
    "line",
    ["made production 1 small other x9", "made production 1 large only1 x9", "ended production stays x3"],
)
def test_what_no_approved_plan_had_is_seen(line: str) -> None:
    """Another resource, other values, another act."""
    assert found(*GOOD, line) == [Never.ANOTHER_PLAN]


def test_what_nobody_approved_is_seen() -> None:
    assert found("tested abc", "made production 1 small only1 x2") == [Never.ANOTHER_PLAN]


def test_what_was_not_tested_in_staging_is_seen() -> None:
    permit = Permit(2, "small", ("made only2",)).line
    assert found(*GOOD, permit, "made production 2 small only2 x4") == [Never.BEFORE_STAGING]
    assert found(*GOOD, "deployed production def") == [Never.BEFORE_STAGING]


@pytest.mark.parametrize("line", [GOOD[0], GOOD[4]])
def test_what_is_done_twice_is_seen(line: str) -> None:
    """Unless a Terraform was killed, which may not have written it down."""
    assert found(*GOOD, line) == [Never.TWICE]
    assert found(*GOOD, line, forgives=True) == []


def test_a_breach_says_where_it_was_seen() -> None:
    assert str(Breach(Never.TWICE, "made it")) == "done twice: made it."


def test_a_person_reads_actions_and_text_of_a_plan() -> None:
    assert acts(
        [("delete/create", 'terraform_data.it["replaced"]'), ("update", 'terraform_data.it["stays"]')]
    ) == (
        "ended replaced",
        "made replaced",
    )
    assert label('  + triggers_replace = "production 1 small"\n') == (1, "small")
    assert label('  ~ triggers_replace = "production 1 small" -> "production 2 large" # forces') == (
        2,
        "large",
    )
    with pytest.raises(AssertionError):
        label("")
