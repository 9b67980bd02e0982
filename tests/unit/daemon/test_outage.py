"""A database that is away: told of once, asked after ever less often, and everything else left out until it is back."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from structlog.testing import capture_logs

from envmgr.daemon.outage import Outage
from envmgr.domain.errors import StoreAway, Transient


class World:
    """A database, ticks that need it, and a clock."""

    def __init__(self) -> None:
        self.now, self.away = 0.0, False
        self.probes: list[float] = []
        self.done: list[str] = []
        self.outage = Outage(self._probe, lambda: self.now)
        self.ticks = [self.outage.spared(self._tick(name), "store-failed") for name in ("work", "polls")]

    def _probe(self) -> None:
        self.probes.append(self.now)
        self._need()

    def _need(self) -> None:
        if self.away:
            raise StoreAway("The database cannot be reached.")

    def _tick(self, name: str) -> Callable[[], None]:
        def tick() -> None:
            self._need()
            self.done.append(name)

        return tick

    def passes(self, seconds: int) -> None:
        """A tick of everything each second."""
        for _ in range(seconds):
            self.now += 1
            self.outage.tick()
            for tick in self.ticks:
                tick()


def test_one_line_at_its_begin_and_one_at_its_end() -> None:
    """However many needed it meanwhile; and afterwards all goes on."""
    world = World()
    with capture_logs() as logged:
        world.passes(2)
        world.away = True
        world.passes(60)
        assert world.done == ["work", "polls"] * 2
        world.away = False
        world.passes(12)
    assert [(line["action"], line["log_level"]) for line in logged] == [
        ("database-away", "error"),
        ("database-back", "info"),
    ]
    assert logged[0]["event"].startswith("The database cannot be reached. ")
    assert world.done[4:8] == ["work", "polls"] * 2
    assert not world.outage.lasts


def test_it_is_asked_ever_less_often() -> None:
    """Ten seconds apart at the most, so that work goes on soon after."""
    world = World()
    world.away = True
    world.passes(120)
    apart = [later - earlier for earlier, later in pairwise(world.probes)]
    assert apart == sorted(apart)
    assert (apart[0], apart[-1]) == (1, 10)
    assert len(world.probes) < 20


def test_what_is_no_outage_stops_nothing_else() -> None:
    """One tick that fails is told of each time, and the others come."""
    world = World()

    def fails() -> None:
        raise Transient("A lock was not given.")

    world.ticks.insert(0, world.outage.spared(fails, "health-unknown"))
    with capture_logs() as logged:
        world.passes(3)
    assert [line["action"] for line in logged] == ["health-unknown"] * 3
    assert world.done == ["work", "polls"] * 3
    assert world.probes == []


def test_what_nobody_foresaw_is_not_hidden() -> None:
    """It is the scheduler's to tell."""

    def fails() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        World().outage.spared(fails, "store-failed")()
