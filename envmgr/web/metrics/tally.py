"""Counting runs as they end: from the records, so that those of every process on the same database count."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from envmgr.domain.values.environment import Run, RunKind, RunStatus
from envmgr.ports.figures import Figures

BOUNDS = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
"""The upper bounds of the buckets of durations, in seconds; the last one is without any."""


@dataclass(slots=True)
class Durations:
    """How long runs took: how many ended in each bucket, and all their seconds together."""

    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    seconds: float = 0.0

    def add(self, seconds: float) -> None:
        """Counts one run. A clock that was set back makes none that took less than nothing."""
        self.buckets[bisect_left(BOUNDS, max(0.0, seconds))] += 1
        self.seconds += max(0.0, seconds)

    @property
    def cumulative(self) -> Iterator[tuple[str, int]]:
        """Each bucket's bound, as Prometheus writes it, and how many took no longer."""
        total = 0
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), self.buckets, strict=True):
            total += count
            yield bound, total


class Tally:
    """The runs that have ended since it began, and those that run.

    Only what is newer than the last count, and what ran then, is read.
    """

    def __init__(self) -> None:
        """Begins with the first count: what ended before is history."""
        self.ended: Counter[tuple[str, RunKind, RunStatus]] = Counter()
        self.durations: dict[tuple[str, RunKind], Durations] = defaultdict(Durations)
        self._running: dict[int, Run] = {}
        self._last: int | None = None

    @property
    def running(self) -> Mapping[tuple[str, RunKind], int]:
        """How many run, by organization and kind."""
        return Counter((run.environment.organization, run.kind) for run in self._running.values())

    def count(self, figures: Figures, running: Callable[[], Sequence[Run]]) -> None:
        """Takes up what has come and ended. `running` gives the runs under way: asked only where it begins."""
        last = figures.last_run()
        if self._last is None or last < self._last:  # the first time, or over other records
            self._running = {run.id: run for run in running()}
            self._last = last
            return
        found = figures.runs(self._last, self._running)
        self._last = max([self._last, *(run.id for run in found)])
        self._running = {run.id: run for run in found if run.status is RunStatus.RUNNING}
        for run in found:
            if run.status is not RunStatus.RUNNING:
                self._add(run)

    def _add(self, run: Run) -> None:
        organization = run.environment.organization
        self.ended[organization, run.kind, run.status] += 1
        if run.finished_at is not None:
            self.durations[organization, run.kind].add((run.finished_at - run.started_at).total_seconds())
