"""What is in doubt is said by `list` and `show`, wherever one asks: silent hosts, those that take no work, what forges were not told."""

import json
from collections.abc import Iterator

import pytest

from envmgr.domain.values.asking.person import Role
from envmgr.domain.values.environment import Lease
from envmgr.domain.values.hosts.host import SILENT, Report
from envmgr.domain.values.names import EnvironmentId
from tests.support.elsewhere import OTHER, Elsewhere, serving
from tests.support.in_memory.rules import SHOP
from tests.unit.web.test_hosts import at_the_page

from .test_remote_reading import untold

ALICE = EnvironmentId("acme", "shop", "alice")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elsewhere]:
    """Where a host died in its work, another is drained, and a forge refuses what it is told."""
    with serving(tmp_path_factory.mktemp("doubts")) as found:
        world, store = found.world, found.world.store
        store.hosts.beat(Report(process=OTHER, version="9", serves=True), world.now, lambda _: False)
        assert isinstance(store.acquire(ALICE, OTHER, "apply", world.now, SILENT, lambda _: False), Lease)
        world.forward(seconds=SILENT.total_seconds() * 3)
        world.daemon.application.services.fleet.serve()
        world.daemon.application.services.fleet.beat()
        store.hosts.drain(world.daemon.application.services.fleet.process.machine, draining=True)
        store.outbox.revise(SHOP, lambda _: ([untold(world.now)], []))
        yield found


@pytest.mark.parametrize(
    "words", ["list", "list --repository shop", "list --repository other", "show alice", "hosts"]
)
@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
def test_it_is_the_same_from_anywhere(world: Elsewhere, words: str, form: tuple[str, ...]) -> None:
    """Line by line."""
    words = f"{words} list" if words == "hosts" else words
    here, there = world.both(*words.split(), *form)
    assert there == here


def test_list_ends_with_what_is_in_doubt(world: Elsewhere) -> None:
    """A line for each; and that no host works."""
    listed, _ = world.both("list")
    first, silent, drained, nobody = listed.err.splitlines()
    assert first.startswith("1 thing could not be told to the forge of acme/shop since ")
    assert silent.startswith("Nothing is heard of build-2 since ")
    assert "It had begun work on acme/shop/alice, which nobody has taken up yet." in silent
    assert drained.endswith("--off` lets it work again.")
    assert nobody == "No host works: nothing is applied or destroyed until one does."


def test_programs_are_told_of_it_by_environment(world: Elsewhere) -> None:
    """The host that had begun work on it, and what its forge was not told."""
    (found,) = json.loads(world.both("list", "--json")[0].out)
    assert (found["host"]["name"], found["host"]["status"]) == ("build-2", "silent")
    assert [each["count"] for each in found["untold"]] == [1]
    shown = json.loads(world.both("show", "alice", "--json")[1].out)
    assert (shown["host"], shown["untold"]) == (found["host"], found["untold"])
    assert (
        "\nhost         nothing is heard of build-2, which had begun work on it, since "
        in world.both("show", "alice")[0].out
    )


def test_the_page_says_it_on_top_of_the_list(world: Elsewhere) -> None:
    """To whoever may see the environments."""
    page, _ = at_the_page(world.site, Role.VIEWER)
    shown = page.get("/").text
    for said in (
        "Nothing is heard of build-2 since",
        "could not be told to the forge of acme/shop",
        "No host works",
    ):
        assert said in shown
    assert (
        "Nothing is heard of build-2, which had begun work on it"
        in page.get("/environments/acme/shop/alice").text
    )
