"""Aligned columns that fit: five thousand rows must not wait for a layout engine."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from unicodedata import combining, east_asian_width

_GAP = "  "


@dataclass(frozen=True, slots=True)
class Column:
    """A column by its title. `least` is how narrow it may be cut; None: never. `drop`: first dropped, from 1; 0: never."""

    title: str
    least: int | None = None
    drop: int = 0
    paint: Callable[[str, str], str] = lambda _, text: text


def render(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None) -> Iterator[str]:
    """The lines of a table, the title first; empty columns are left out, others as `width` needs."""
    sizes = [max(cells(c.title), _widest([row[i] for row in rows])) for i, c in enumerate(columns)]
    shown = [i for i, c in enumerate(columns) if any(row[i] for row in rows) or not rows]
    if width is not None:
        shown = _fitting(columns, sizes, shown, width)
        _shrink(columns, sizes, shown, width)
    last = shown[-1] if shown else None
    laid_out = [_laid_out(columns[i], [row[i] for row in rows], sizes[i], i == last) for i in shown]
    for line in zip(*laid_out, strict=True):
        yield _GAP.join(line).rstrip()


def _laid_out(column: Column, texts: Sequence[str], size: int, is_last: bool) -> Iterator[str]:
    """A whole column, the title first, each different text laid out and painted once: most are the same in many rows."""
    fit = cut if is_last else _fitted
    shown = {text: column.paint(text, fit(text, size)) for text in set(texts)}
    yield fit(column.title, size)
    yield from map(shown.__getitem__, texts)


def cells(text: str) -> int:
    """How many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def _widest(texts: Sequence[str]) -> int:
    size = len if "".join(texts).isascii() else cells
    return max(map(size, texts), default=0)


def cut(text: str, size: int) -> str:
    """The text, at most so many columns wide."""
    if cells(text) <= size:
        return text
    kept = text[: max(0, size - 1)]
    while cells(kept) > size - 1:
        kept = kept[:-1]
    return f"{kept}…"


def _fitted(text: str, size: int) -> str:
    """The text, exactly so many columns wide."""
    if len(text) <= size and text.isascii():
        return text.ljust(size)
    shown = cut(text, size)
    return shown + " " * (size - cells(shown))


def _fitting(columns: Sequence[Column], sizes: Sequence[int], shown: list[int], width: int) -> list[int]:
    """Without the columns that must go so that the others have room; as few as can be."""

    def fits(chosen: Sequence[int]) -> bool:
        return _total(chosen, lambda i: _least(columns[i], sizes[i])) <= width

    dropped: list[int] = []
    for index in sorted((i for i in shown if columns[i].drop), key=lambda i: columns[i].drop):
        if fits([i for i in shown if i not in dropped]):
            break
        dropped.append(index)
    for index in reversed(dropped):
        if fits([i for i in shown if i == index or i not in dropped]):
            dropped.remove(index)
    return [i for i in shown if i not in dropped]


def _shrink(columns: Sequence[Column], sizes: list[int], shown: Sequence[int], width: int) -> None:
    """Cuts columns until all fit: what is widest first, so that no message pays for a long branch; the name last."""
    cuttable = [index for index in shown if columns[index].least is not None]
    for indices in (cuttable[1:], cuttable[:1]):
        room = width - _total(shown, sizes.__getitem__) + sum(sizes[i] for i in indices)
        for index, size in _shared({i: (_least(columns[i], sizes[i]), sizes[i]) for i in indices}, room):
            sizes[index] = size


def _shared(wishes: Mapping[int, tuple[int, int]], room: int) -> Iterator[tuple[int, int]]:
    """How much of the room each gets, who wants at least and at most so much."""
    if not wishes:
        return
    share = room // len(wishes)
    # What must have more than its share, and then what wants less, leaves the others another one.
    settled = {i: least for i, (least, _) in wishes.items() if least > share}
    settled = settled or {i: most for i, (_, most) in wishes.items() if most <= share}
    settled = settled or dict.fromkeys(wishes, share)
    yield from settled.items()
    yield from _shared({i: w for i, w in wishes.items() if i not in settled}, room - sum(settled.values()))


def _least(column: Column, size: int) -> int:
    return size if column.least is None else min(size, column.least)


def _total(shown: Sequence[int], size: Callable[[int], int]) -> int:
    return sum(map(size, shown)) + len(_GAP) * (len(shown) - 1)
