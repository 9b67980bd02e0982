"""What was measured: envmgr's figures beside those of the same work done by hand, and the target."""

from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One line of the table.

    `ours` and `by_hand` are one figure per round, in `unit`. A `relative` limit is on the ratio of their
    medians, any other on the median of `ours`. Where they are `paired`, one of each done right after the other, it is
    the median of the ratios of single rounds instead: a machine that is slow for a while is so for both. Without a
    target (`limit` is None) the line only informs.
    """

    name: str
    unit: str
    ours: tuple[float, ...]
    by_hand: tuple[float, ...] = ()
    limit: float | None = None
    relative: bool = True
    paired: bool = False
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
        """Whether the target is reached; None where there is none."""
        return None if self.limit is None else self.value <= self.limit

    @property
    def verdict(self) -> str:
        """As the table says it."""
        return {None: "", True: "reached", False: "falls short"}[self.reached]

    @property
    def target(self) -> str:
        """The limit with its unit."""
        if self.limit is None:
            return ""
        return f"≤ {self.limit:.2f}x" if self.relative else f"≤ {self.limit:g} {self.unit}".rstrip()

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
            "reached": self.reached,
            "note": self.note,
        }
