"""Tables fit, align and never cut what must stay whole."""

from hypothesis import given
from hypothesis import strategies as st

from envmgr.cli import table

COLUMNS = (
    table.Column("NAME", least=8),
    table.Column("STATUS"),
    table.Column("URL", drop=1),
    table.Column("MESSAGE", least=8),
)
TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp", "Mn", "Me")), max_size=60
)


@given(
    st.lists(st.tuples(TEXT, st.sampled_from(["ready", "failed"]), TEXT, TEXT), min_size=1),
    st.integers(40, 200),
)
def test_every_line_fits(rows: list[tuple[str, ...]], width: int) -> None:
    """Whatever the texts are, wide characters too."""
    lines = list(table.render(COLUMNS, rows, width))
    assert len(lines) == len(rows) + 1
    assert all(table.cells(line) <= width for line in lines)


def test_without_a_width_nothing_is_cut() -> None:
    """A program that reads it gets all."""
    rows = [("n" * 50, "ready", "u" * 90, "m" * 300)]
    assert list(table.render(COLUMNS, rows, None))[1].split() == ["n" * 50, "ready", "u" * 90, "m" * 300]


def test_columns_go_only_as_far_as_needed() -> None:
    """Empty ones are left out; one that was dropped for another's sake comes back where it fits."""
    columns = (table.Column("A"), table.Column("B", drop=1), table.Column("C", drop=2), table.Column("D"))
    lines = list(table.render(columns, [("a", "bbbb", "c" * 50, "")], 20))
    assert lines == ["A  B", "a  bbbb"]


def test_what_is_cut_says_so() -> None:
    """By an ellipsis within the width."""
    assert table.cut("abcdef", 4) == "abc…"
    assert table.cut("日本語", 4) == "日…"
    assert table.cut("abcd", 4) == "abcd"
