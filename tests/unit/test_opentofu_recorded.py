"""The list of how OpenTofu differs says what is tried, and that is tried."""

import re

import pytest

from tests.support.opentofu import Difference, recorded
from tests.unit.documents_example import CHECKOUT

TESTS = "\n".join(path.read_text() for path in (CHECKOUT / "tests").rglob("test_*.py"))
RECORDED = recorded()


@pytest.mark.parametrize("each", RECORDED, ids=lambda each: each.what[:40])
def test_each_difference_is_complete(each: Difference) -> None:
    """By what it is tried there is; what nothing tries is not played."""
    assert all((each.what, each.source, each.meets))
    assert re.search(rf"^def {each.tried}\(", TESTS, re.MULTILINE) if each.tried else not each.played


def test_none_is_recorded_twice() -> None:
    assert len({each.what for each in RECORDED}) == len(RECORDED)
