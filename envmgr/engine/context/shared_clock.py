"""The present on a host that works with others: its own clock, as long as that and the database's say the same."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from envmgr.domain.values.hosts.terms import CLOCKS
from envmgr.ports import Clock
from envmgr.ports.hosts import Hosts

_SET = timedelta(seconds=1)


def present() -> datetime:
    """The present by this host's clock."""
    return datetime.now(UTC)


def _steady() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)  # which nobody sets, and which goes on while a host sleeps


class SharedClock:
    """Called, it gives the present.

    That goes on steadily from the last time at which both clocks said the same, so whoever sets this host's moves
    nothing that is under way. `ahead` tells where they say it no more: then nothing is to be begun here.
    """

    def __init__(self, wall: Clock = present, steady: Callable[[], float] = _steady) -> None:
        """`wall` is this host's clock, `steady` counts seconds whatever becomes of that one."""
        self._wall, self._steady = wall, steady
        self._good = self._compared = (wall(), steady())
        self._found = timedelta()

    def __call__(self) -> datetime:
        """The present."""
        return self._since(self._good)

    def compare(self, hosts: Hosts) -> None:
        """Compares this host's clock with the database's. Raises what the store raises."""
        here = (self._wall(), self._steady())
        self._found, self._compared = hosts.ahead(self._wall), here
        if abs(self._found) <= CLOCKS:
            self._good = here

    @property
    def was_set(self) -> bool:
        """Whether somebody set this host's clock since it was compared."""
        return abs(self._jump) > _SET

    @property
    def ahead(self) -> timedelta:
        """How far this host's clock is ahead of the database's by now, negative where it is behind; without asking that.

        Where they said another time when they were compared, that counts until they are compared again: until then the
        present that is given here may be of that other time.
        """
        return self._found if abs(self._found) > CLOCKS else self._found + self._jump

    @property
    def _jump(self) -> timedelta:
        return self._wall() - self._since(self._compared)

    def _since(self, moment: tuple[datetime, float]) -> datetime:
        return moment[0] + timedelta(seconds=self._steady() - moment[1])
