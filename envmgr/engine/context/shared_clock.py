"""The present on a host that works with others: its own clock, as long as that and the database's say the same."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from envmgr.domain.rules.hosts.standing import ahead_for_sure
from envmgr.domain.rules.hosts.steps import STEP, Told, is_steady, surely_set
from envmgr.domain.values.hosts.terms import CLOCKS, TERMS
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
        self._told: Told | None = None
        self._reference: Told | None = None
        self._stepped: float | None = None

    def __call__(self) -> datetime:
        """The present."""
        return self._since(self._good)

    def compare(self, hosts: Hosts) -> timedelta:
        """Compares this host's clock with the database's. Raises what the store raises.

        Gives by how much that one was set since it was compared before, for sure; negative where backward.
        """
        here = (self._wall(), self._steady())
        there = hosts.present()
        self._compared = here
        if there is None:
            self._good = here
            return timedelta()
        self._told = told = Told(there, here[1], self._steady())
        self._found = ahead_for_sure(here[0], there, self._wall())
        if abs(self._found) <= CLOCKS:
            self._good = here
        return self._stepped_by(told)

    @property
    def is_kept(self) -> bool:
        """Whether the database's clock goes on steadily, as far as it was compared: what is over by it is over indeed.

        Not where it was set: who lives may not have renewed its lease by the new time yet. And not where it answered so
        late that this could not be seen.
        """
        if self._told is None:
            return True
        if self._stepped is not None and self._told.before - self._stepped <= TERMS.lease.total_seconds():
            return False
        return self._reference is not None and is_steady(self._reference, self._told)

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

    def _stepped_by(self, told: Told) -> timedelta:
        """By how much the database's clock was set; what it says next is compared with what it said when it answered at once."""
        known, by = self._reference, 0.0
        if known is not None:
            by = surely_set(known, told)
            if abs(by) > STEP:
                self._stepped, known = told.after, None
        is_old = known is None or told.before - known.before > TERMS.lease.total_seconds()
        if is_old and (known is None or is_steady(known, told)):
            self._reference = told if told.is_prompt else known
        return timedelta(seconds=by) if abs(by) > STEP else timedelta()

    @property
    def _jump(self) -> timedelta:
        return self._wall() - self._since(self._compared)

    def _since(self, moment: tuple[datetime, float]) -> datetime:
        return moment[0] + timedelta(seconds=self._steady() - moment[1])
