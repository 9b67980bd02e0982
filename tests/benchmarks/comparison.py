"""What was measured: envmgr's figures beside those of the same work done by hand, and the target."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import comb
from statistics import median
from typing import Any, Self

_SURE = 0.99


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One line of the table.

    `ours` and `by_hand` are one figure per round, in `unit`. A `relative` limit is on the ratio of their
    medians, any other on the median of `ours`. Where they are `paired`, one of each done right after the other, it is
    the median of the ratios of single rounds instead: a machine that is slow for a while is so for both. One that
    `settles` says no more than is sure: on which side of the limit the interval is in which the median lies. Without
    a target (`limit` is None) the line only informs.
    """

    name: str
    unit: str
    ours: tuple[float, ...]
    by_hand: tuple[float, ...] = ()
    limit: float | None = None
    relative: bool = True
    paired: bool = False
    settles: bool = False
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """The ratio that the limit is on, None where nothing was done by hand."""
        if self.paired and self._ratios:
            return median(self._ratios)
        return median(self.ours) / median(self.by_hand) if self.by_hand and median(self.by_hand) else None

    @property
    def spread(self) -> tuple[float, float] | None:
        """The smallest and the largest ratio of one round."""
        return (min(self._ratios), max(self._ratios)) if self._ratios else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where the median of the ratios lies with a surety of 99 %, whatever their distribution; None of too few rounds."""
        ratios, outside, below = sorted(self._ratios), 0.0, 0
        while below < len(ratios) // 2:
            outside += 2 * comb(len(ratios), below) / 2 ** len(ratios)
            if outside > 1 - _SURE:
                break
            below += 1
        return (ratios[below - 1], ratios[-below]) if below else None

    @property
    def is_settled(self) -> bool:
        """Whether it is sure on which side of the limit the ratio lies."""
        if not self.settles or self.limit is None:
            return True
        return self.interval is not None and not self.interval[0] <= self.limit < self.interval[1]

    @property
    def _ratios(self) -> list[float]:
        return [one / other for one, other in zip(self.ours, self.by_hand, strict=False) if other]

    @property
    def value(self) -> float:
        """What the limit is about."""
        if not self.relative:
            return median(self.ours)
        if self.ratio is None:
            raise ValueError(f"{self.name} has a limit on a ratio, and nothing done by hand")
        return self.ratio

    @property
    def reached(self) -> bool | None:
        """Whether the target is reached; None where there is none, and where that is not settled."""
        return None if self.limit is None or not self.is_settled else self.value <= self.limit

    @property
    def verdict(self) -> str:
        """As the table says it."""
        if not self.is_settled:
            return "not settled"
        return {None: "", True: "reached", False: "falls short"}[self.reached]

    @property
    def target(self) -> str:
        """The limit with its unit."""
        if self.limit is None:
            return ""
        return f"≤ {self.limit:.2f}x" if self.relative else f"≤ {self.limit:g} {self.unit}".rstrip()

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """What `as_json` gave in another process."""
        given: dict[str, Any] = {each.name: document[each.name] for each in fields(cls)}
        figures = {name: tuple(given[name]) for name in ("ours", "by_hand")}
        return cls(**{**given, **figures})

    def as_json(self) -> dict[str, object]:
        """For scripts: the figures of all rounds too."""
        return {
            "name": self.name,
            "unit": self.unit,
            "ours": list(self.ours),
            "by_hand": list(self.by_hand),
            "ratio": self.ratio,
            "limit": self.limit,
            "relative": self.relative,
            "paired": self.paired,
            "settles": self.settles,
            "reached": self.reached,
            "note": self.note,
        }
