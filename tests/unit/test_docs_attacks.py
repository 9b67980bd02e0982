"""README and the guide say which attacks were tried: exactly those that tests try, with what they meet."""

import re

from tests.integration.attack_rows import Group, Row
from tests.unit.documents_example import CHECKOUT, TEXTS, tables

GUIDE = "docs/guides/untrusted-code.md"


def table(path: str) -> list[list[str]]:
    """The rows below the head of the one table of attacks in a text."""
    (found,) = [
        rows for rows in tables(TEXTS[path]) if "in a cage" in rows[0] and "without a cage" in rows[0]
    ]
    return [list(row) for row in found[1:]]


def test_the_guide_tells_every_attack() -> None:
    assert table(GUIDE) == [[row.value.attack, row.value.bare, row.value.caged] for row in Row]


def test_readme_tells_them_in_short() -> None:
    assert table("README.md") == [list(group.value) for group in Group]
    assert {row.value.group for row in Row} == set(Group)


def test_every_attack_is_tried() -> None:
    """By a test that says so, in a file that the guide names."""
    named = re.findall(r"`(tests/integration/test_\w+\.py)`", TEXTS[GUIDE])
    tried = {
        name for path in named for name in re.findall(r"\bRow\.([A-Z_]+)\b", (CHECKOUT / path).read_text())
    }
    assert tried == set(Row.__members__)
