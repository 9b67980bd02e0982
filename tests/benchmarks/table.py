"""The table that `make bench` prints."""

from collections.abc import Sequence
from statistics import median

from tests.benchmarks.comparison import Comparison

_HEAD = ("benchmark", "envmgr", "by hand", "ratio", "of single rounds", "target", "")


def render(comparisons: Sequence[Comparison]) -> str:
    """All lines, aligned; the notes below."""
    rows = [_HEAD, *map(_row, comparisons)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    notes = [f"* {c.name}: {told}" for c in comparisons if (told := _told(c))]
    return "\n".join(line.rstrip() for line in [*lines, "", *notes]).rstrip()


def _told(comparison: Comparison) -> str:
    sure = ""
    if comparison.settles and comparison.interval is not None:
        low, high = comparison.interval
        sure = f"the ratio of {len(comparison.ours)} pairs lies within {low:.3f}x and {high:.3f}x, 99 % sure"
    return "; ".join(filter(None, (comparison.note, sure)))


def _row(comparison: Comparison) -> tuple[str, ...]:
    spread = comparison.spread
    return (
        comparison.name,
        _figure(comparison.ours, comparison.unit),
        _figure(comparison.by_hand, comparison.unit),
        f"{comparison.ratio:.2f}x" if comparison.ratio is not None else "",
        f"{spread[0]:.2f}-{spread[1]:.2f}" if spread else "",
        comparison.target,
        comparison.verdict,
    )


def _figure(values: Sequence[float], unit: str) -> str:
    return f"{median(values):.4g} {unit}".rstrip() if values else ""
