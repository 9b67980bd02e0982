"""The picture of an environment's applications and what they need of each other: boxes in columns, needs on the left."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from envmgr.domain.values.environment import Environment

_WIDTH, _HEIGHT = 168, 48
_ACROSS, _DOWN = 56, 16
_MARGIN = 8
_LONGEST = 18


@dataclass(frozen=True, slots=True)
class Box:
    """An application at its place in the picture."""

    name: str
    status: str
    x: int
    y: int
    width: int = _WIDTH
    height: int = _HEIGHT

    @property
    def shown(self) -> str:
        """Its name, as far as there is room."""
        return self.name if len(self.name) <= _LONGEST else f"{self.name[: _LONGEST - 1]}…"


@dataclass(frozen=True, slots=True)
class Arrow:
    """From an application to the one that needs it."""

    begin: tuple[int, int]
    end: tuple[int, int]

    @property
    def path(self) -> str:
        """Its line: level at both ends."""
        (x1, y1), (x2, y2) = self.begin, self.end
        middle = (x1 + x2) // 2
        return f"M{x1} {y1}C{middle} {y1} {middle} {y2} {x2 - 6} {y2}"

    @property
    def head(self) -> str:
        """Its point."""
        x, y = self.end
        return f"M{x} {y}l-8 -4v8z"


@dataclass(frozen=True, slots=True)
class Graph:
    """The picture; `sentences` say the same in words."""

    boxes: Sequence[Box]
    arrows: Sequence[Arrow]
    width: int
    height: int
    sentences: Sequence[str]


def graph(records: Sequence[Environment]) -> Graph | None:
    """Of an environment's records; None where it has no applications."""
    applications = {e.id.application: e for e in records if e.id.application}
    if not applications:
        return None
    needs = {name: _needs(found, applications) for name, found in applications.items()}
    columns = _columns(needs)
    tallest = max(len(column) for column in columns)
    places = {
        name: (_x(across), _y(down, len(column), tallest))
        for across, column in enumerate(columns)
        for down, name in enumerate(column)
    }
    boxes = [Box(name, applications[name].status.value, *places[name]) for name in places]
    arrows = [_arrow(places[needed], places[name]) for name in places for needed in needs[name]]
    return Graph(
        boxes=boxes,
        arrows=arrows,
        width=2 * _MARGIN + len(columns) * (_WIDTH + _ACROSS) - _ACROSS,
        height=2 * _MARGIN + tallest * (_HEIGHT + _DOWN) - _DOWN,
        sentences=[_sentence(box, needs[box.name]) for box in boxes],
    )


def _needs(found: Environment, applications: Mapping[str, Environment]) -> list[str]:
    claimed = found.claim.needs if found.claim is not None else {}
    return sorted(name for name in claimed if name in applications and name != found.id.application)


def _columns(needs: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """The applications by how far they are from one that needs nothing; what needs itself in a circle comes last."""
    columns: list[list[str]] = []
    placed: set[str] = set()
    while len(placed) < len(needs):
        ready = [name for name in needs if name not in placed and placed.issuperset(needs[name])]
        column = ready or [name for name in needs if name not in placed]
        columns.append(sorted(column))
        placed.update(column)
    return columns


def _x(across: int) -> int:
    return _MARGIN + across * (_WIDTH + _ACROSS)


def _y(down: int, rows: int, tallest: int) -> int:
    begin = (tallest - rows) * (_HEIGHT + _DOWN) // 2
    return _MARGIN + begin + down * (_HEIGHT + _DOWN)


def _arrow(needed: tuple[int, int], needing: tuple[int, int]) -> Arrow:
    half = _HEIGHT // 2
    return Arrow((needed[0] + _WIDTH, needed[1] + half), (needing[0], needing[1] + half))


def _sentence(box: Box, needs: Sequence[str]) -> str:
    what = f"needs {', '.join(needs)}" if needs else "needs none of the others"
    return f"{box.name} ({box.status}) {what}."
