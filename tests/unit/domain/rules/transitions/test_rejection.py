"""What is said of a plan that somebody turned down: what brings a new one, of a branch and of a tag."""

from dataclasses import replace

import pytest

from envmgr.domain.rules.approval import words
from envmgr.domain.rules.transitions import proposals
from envmgr.domain.values.environment import Origin, OriginKind
from envmgr.domain.values.pipeline.proposal import Rejection
from tests.unit.domain.rules.approval.test_approval import proposal
from tests.unit.domain_example import NOW, ready


@pytest.mark.parametrize(
    ("kind", "following"),
    [
        (OriginKind.BRANCH, "a push"),
        (OriginKind.PULL_REQUEST, "a push"),
        (OriginKind.TAG, "a newer tag"),
    ],
)
def test_what_brings_a_new_plan_is_what_can_come(kind: OriginKind, following: str) -> None:
    """A tag is never pushed to."""
    found = replace(ready(), origin=Origin(kind))
    turned_down = words.rejected(proposal(), Rejection("person carol", "Friday", NOW))
    said = proposals.rejected(found, turned_down).message
    assert said == (
        f"The plan of c was rejected by person carol (Friday): {following}, or `envmgr apply {found.label}`, "
        "brings a new plan."
    )
