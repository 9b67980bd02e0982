"""Tables fit, align and never cut what must stay whole."""

from hypothesis import given
from hypothesis import strategies as st

from envmgr.cli import table

COLUMNS = (
    table.Column("NAME", least=8),
    table.Column("STATUS"),
    table.Column("BRANCH", least=2, drop=2),
    table.Column("URL", drop=1),
    table.Column("MESSAGE", least=16),
)
TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp", "Mn", "Me")), max_size=60
)


@given(
    st.lists(st.tuples(TEXT, st.sampled_from(["ready", "failed"]), TEXT, TEXT, TEXT), min_size=1),
    st.integers(40, 200),
)
def test_every_line_fits(rows: list[tuple[str, ...]], width: int) -> None:
    """Whatever the texts are, wide characters too."""
    lines = list(table.render(COLUMNS, rows, width))
    assert len(lines) == len(rows) + 1
    assert all(table.cells(line) <= width for line in lines)


def test_without_a_width_nothing_is_cut() -> None:
    """A program that reads it gets all."""
    row = ("n" * 50, "ready", "b" * 70, "u" * 90, "m" * 300)
    assert list(table.render(COLUMNS, [row], None))[1].split() == list(row)


def test_columns_go_only_as_far_as_needed() -> None:
    """Empty ones are left out; one that was dropped for another's sake comes back where it fits."""
    columns = (table.Column("A"), table.Column("B", drop=1), table.Column("C", drop=2), table.Column("D"))
    lines = list(table.render(columns, [("a", "bbbb", "c" * 50, "")], 20))
    assert lines == ["A  B", "a  bbbb"]


def test_a_long_branch_leaves_room_for_the_message() -> None:
    """What is wider than its share of the room is cut; the name stays whole as long as that can be."""
    columns = (
        table.Column("NAME", least=8),
        table.Column("BRANCH", least=8),
        table.Column("MESSAGE", least=8),
    )

    def widths(row: tuple[str, ...], width: int) -> list[int]:
        [_, line] = table.render(columns, [row], width)
        return [len(part) for part in line.split()]

    assert widths(("n" * 20, "b" * 90, "m" * 90), 84) == [20, 30, 30]
    assert widths(("n" * 20, "b" * 9, "m" * 90), 54) == [20, 9, 21]
    assert widths(("n" * 20, "b" * 90, "m" * 9), 54) == [20, 21, 9]
    assert widths(("n" * 20, "b" * 90, "m" * 90), 34) == [14, 8, 8]


def test_what_is_cut_says_so() -> None:
    """By an ellipsis within the width."""
    assert table.cut("abcdef", 4) == "abc…"
    assert table.cut("日本語", 4) == "日…"
    assert table.cut("abcd", 4) == "abcd"
