"""What was written to the records since somebody last asked, by whatever process."""

from collections.abc import Collection, Hashable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta

from envmgr.domain.values.names import RepositoryId
from envmgr.ports import Store

OVERLAP = timedelta(seconds=5)
"""How much later than its time a write may show, for who asks every second or two."""


class Written:
    """Which repositories have records with a write that was not told of yet. Each who asks has one of its own.

    A write shows later than its time says, as its transaction had to wait or its host's clock is behind: so all of the
    last while are asked for each time (`overlap`), and those that were told of are known again by their marks, not by
    their times.
    """

    def __init__(self, now: datetime, overlap: timedelta) -> None:
        """The first time all count that were written since then, and in the overlap before."""
        self._until, self._overlap = now, overlap
        self._told: Mapping[RepositoryId, frozenset[Hashable]] = {}

    @contextmanager
    def news(self, store: Store, now: datetime) -> Iterator[Collection[RepositoryId]]:
        """The repositories to look at: whoever reads their records in the block, or later, has all that was written.

        They are told of again where the block raises, and all of the last while where the clock was set back.
        """
        found = store.touched(min(self._until, now) - self._overlap)
        told = self._told if self._until <= now else {}
        yield [
            repository
            for repository, marks in found.items()
            if not marks <= told.get(repository, frozenset())
        ]
        self._told, self._until = found, now
