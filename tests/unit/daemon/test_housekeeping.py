"""What one folder, or one organization, meets keeps no other from making room."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest

from envmgr.daemon import housekeeping
from envmgr.domain.errors import NeedsPerson, Transient
from envmgr.engine.source import step_caches
from envmgr.host.leftovers import clear
from tests.support.in_memory.world import World

Clear = Callable[[Path], Path | None]


def stuck(met: list[str]) -> Clear:
    """Removes what it is given, but for the first of the folders."""

    def remove(path: Path) -> Path | None:
        if "gone-" in path.name and not met:
            met.append(path.name)
            raise NeedsPerson(f"{path} can be neither removed nor put aside.")
        return clear(path)

    return remove


@pytest.mark.parametrize("where", ["workspaces", "environment-caches"])
def test_a_folder_that_cannot_go_keeps_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """It would do so in each round, and the disk would fill."""
    services, met = World(tmp_path).daemon.application.services, list[str]()
    folder = services.layout.root / where / "acme/shop"
    for number in range(8):
        (folder / f"gone-{number}").mkdir(parents=True)
    for module in (housekeeping, step_caches):
        monkeypatch.setattr(module, "clear", stuck(met))
    housekeeping.tidy(services)
    assert [path.name for path in folder.iterdir()] == met != []


def test_logs_of_an_organization_go_though_the_states_of_another_are_away(tmp_path: Path) -> None:
    """Each has a store of its own."""
    world = World(tmp_path)
    services = world.daemon.application.services
    [acme] = services.organizations.values()
    world.place.exists = True
    place = f"acme/envmgr-logs/{services.layout.records}/"
    world.place.objects |= {place + name: b"said" for name in ("7/whole", "8/000000000000")}

    def away(*_: object) -> NoReturn:
        raise Transient("It is away.")

    there = replace(acme, is_new=lambda: False, _states={})
    gone = replace(there, name="away", open_state=away, _states={})
    housekeeping.tidy(replace(services, organizations={"away": gone, "acme": there}))
    assert [key for key in world.place.objects if key.startswith(place)] == []
