"""Tokens near their end are events: asked for once a day, told once for each end, by one process."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from envmgr.commands.forge.checks import SOON
from envmgr.commands.forge.tokens import warn_of_ends
from envmgr.daemon import housekeeping
from envmgr.domain.errors import NeedsPerson, RetryLater, Transient
from envmgr.domain.values.names import RepositoryId
from envmgr.engine.context.services import Services
from envmgr.ports.forge import ForgeIdentity
from tests.support.in_memory.rules import SHOP
from tests.support.in_memory.world import World
from tests.support.memory_forge import OURS, MemoryForge

SITE = RepositoryId("acme", "site")
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@dataclass
class Ending(MemoryForge):
    """A forge whose token ends some time."""

    told: ForgeIdentity = field(default=ForgeIdentity(person=OURS))

    def identity(self) -> ForgeIdentity:
        """See the port."""
        super().identity()
        return self.told


class Watched:
    """A world with a forge."""

    def __init__(self, folder: Path, ends: timedelta | None = SOON) -> None:
        self.world = World(folder)
        self.forge = Ending()
        self.ends(ends)
        self.services = self.of(SHOP)

    def of(self, *names: RepositoryId) -> Services:
        """The services where these repositories are on the forge."""
        services = self.world.daemon.application.services
        found = services.repositories[SHOP]
        return replace(
            services, repositories={each: replace(found, id=each, forge=self.forge) for each in names}
        )

    def ends(self, after: timedelta | None) -> None:
        """The token ends so long from now."""
        end = self.world.now + after if after is not None else None
        self.forge.told = ForgeIdentity(person=OURS, expires_at=end)

    def looks(self, times: int = 1, every: timedelta = HOUR) -> None:
        """Housekeeping comes round."""
        for _ in range(times):
            warn_of_ends(self.services)
            self.world.forward(seconds=every.total_seconds())

    def events(self) -> list[tuple[object, str]]:
        """Where an end was told of, and how."""
        return [(e.place, e.message) for e in self.world.store.events() if e.action == "token-ends-soon"]


def test_an_end_is_told_of_once_and_the_forge_asked_once_a_day(tmp_path: Path) -> None:
    """Whoever asks: it is kept, so a new process does not begin anew."""
    watched = Watched(tmp_path)
    end = f"{watched.world.now + SOON:%Y-%m-%d}"
    watched.looks(3 * 24)
    said = f"The token of envmgr-bot on github ends {end}: make another one, and put it in its place."
    assert watched.events() == [(("acme", "shop"), said)]
    assert watched.forge.calls == ["identity"] * 3
    watched.ends(300 * DAY)
    watched.looks(2, DAY)
    watched.ends(SOON - DAY)
    watched.looks(2, DAY)
    assert len(watched.events()) == 2


@pytest.mark.parametrize("ends", [None, SOON + HOUR], ids=["never", "later"])
def test_what_does_not_end_soon_is_no_event(tmp_path: Path, ends: timedelta | None) -> None:
    """Until it does."""
    watched = Watched(tmp_path, ends)
    watched.looks()
    assert watched.events() == []
    if ends is not None:
        watched.looks(1, DAY)
        watched.looks(24)
        assert len(watched.events()) == 1


@pytest.mark.parametrize("error", [Transient("away"), NeedsPerson("wrong token"), RetryLater("later")])
def test_a_forge_that_does_not_say_is_no_event(tmp_path: Path, error: Exception) -> None:
    """It is asked again an hour later."""
    watched = Watched(tmp_path)
    watched.forge.broken = error  # type: ignore[assignment]
    watched.looks()
    assert watched.events() == []
    watched.forge.broken = None
    watched.looks()
    assert len(watched.events()) == 1


def test_one_event_for_all_repositories_of_an_organization(tmp_path: Path) -> None:
    """They have the same token; another process that asks just now leaves it to that one."""
    watched = Watched(tmp_path)
    watched.services = watched.of(SHOP, SITE)
    watched.looks()
    assert [place for place, _ in watched.events()] == [("acme", None)]
    assert watched.forge.calls == ["identity"]
    positions = watched.world.store.hooks.positions
    (kept,) = positions.all()
    watched.world.forward(days=2)
    watched.ends(DAY)
    now = watched.world.now
    assert positions.claim(kept.target, "another", now, now + 2 * HOUR) is not None
    watched.looks()
    assert watched.forge.calls == ["identity"]
    watched.looks(3)
    assert watched.forge.calls == ["identity"] * 2


def test_a_round_of_housekeeping_looks(tmp_path: Path) -> None:
    """Last of all: a forge that hangs keeps nothing from making room."""
    watched = Watched(tmp_path)
    housekeeping.tidy(watched.services)
    assert len(watched.events()) == 1
