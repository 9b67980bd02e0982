"""A look at a forge: one call where nothing changed, and nothing is believed but what it says of just one number."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envmgr.daemon.forge_watch import ForgeWatch
from envmgr.domain.errors import NeedsPerson, RetryLater, Transient
from envmgr.domain.values.forge import (
    CommentSign,
    KnownPullRequest,
    Permission,
    PreviewRules,
    PullRequest,
    PullRequestState,
)
from tests.support.in_memory.previews import PreviewWorld
from tests.support.in_memory.rules import SHOP, Rules
from tests.support.in_memory.world import World
from tests.support.memory_forge import ALICE, MemoryForge, pull_request

if TYPE_CHECKING:
    from envmgr.engine.context.organization import Repository


class Looked:
    """A world whose repository is on a forge, and the watch that looks there."""

    def __init__(self, folder: Path, previews: PreviewRules | None = None) -> None:
        self.forge = MemoryForge(requests={7: pull_request(7)})
        self.world = World(folder, Rules(forge=self.forge, previews=previews))
        self.changed: list[Repository] = []
        self.watch = ForgeWatch(self.world.daemon.application, self.changed.append)

    def look(self) -> list[str]:
        """One look; the calls that it made."""
        self.forge.calls.clear()
        self.watch.look(self.world.daemon.application.services.repositories[SHOP])
        return list(self.forge.calls)

    def known(self, number: int = 7) -> KnownPullRequest:
        """What is known of a pull request."""
        found = self.world.store.pull_requests.get(SHOP, number)
        assert found is not None
        return found


@pytest.fixture
def looked(tmp_path: Path) -> Looked:
    """Without previews: of these no author has to be asked for."""
    return Looked(tmp_path)


def test_the_usual_look_is_one_call_and_writes_nothing(looked: Looked) -> None:
    """The first one tells of what is new."""
    assert looked.look() == ["open_pull_requests"]
    assert len(looked.changed) == 1
    writes = looked.world.store.pull_requests.writes
    assert looked.look() == ["open_pull_requests"]
    assert (len(looked.changed), looked.world.store.pull_requests.writes) == (1, writes)


def test_one_that_is_not_listed_is_asked_for_by_its_number(looked: Looked) -> None:
    """Merged it is once the forge says so; without an environment once is enough."""
    looked.look()
    looked.forge.requests[7] = replace(pull_request(7), state=PullRequestState.MERGED)
    assert looked.look() == ["open_pull_requests", "pull_request"]
    assert looked.known().told.state is PullRequestState.MERGED
    assert looked.look() == ["open_pull_requests"]


def test_a_list_that_is_short_proves_nothing(looked: Looked, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for by its number, it is open."""
    looked.look()
    monkeypatch.setattr(MemoryForge, "open_pull_requests", lambda _: [])
    looked.look()
    assert looked.known().is_open
    assert looked.known().closed == 0


def test_one_that_the_forge_does_not_know_any_more_is_lost_and_not_closed(looked: Looked) -> None:
    """It is told of once."""
    looked.look()
    del looked.forge.requests[7]
    looked.look()
    assert (looked.known().is_lost, looked.known().is_open, looked.known().closed) == (True, True, 0)
    assert looked.look() == ["open_pull_requests"]


@pytest.mark.parametrize("error", [Transient("away"), NeedsPerson("401"), RetryLater("busy")])
def test_a_failed_look_changes_nothing(looked: Looked, error: Exception) -> None:
    """However it failed."""
    looked.look()
    before = looked.known()
    looked.forge.requests.clear()
    looked.forge.broken = error  # type: ignore[assignment]
    with pytest.raises(type(error)):
        looked.look()
    assert looked.known() == before


def test_the_author_is_asked_for_once_and_again_where_it_was_not_enough(tmp_path: Path) -> None:
    """And only after the pull request has changed."""
    looked = Looked(tmp_path, PreviewRules())
    now = looked.world.now
    assert looked.look() == ["open_pull_requests", "permission"]
    assert looked.known().permission is Permission.NONE
    assert looked.look() == ["open_pull_requests"]
    looked.forge.permissions[ALICE.id] = Permission.WRITE
    looked.forge.requests[7] = pull_request(7, updated_at=now)
    assert looked.look() == ["open_pull_requests", "permission"]
    assert looked.known().permission is Permission.WRITE
    looked.forge.requests[7] = pull_request(7, title="Another")
    assert looked.look() == ["open_pull_requests"]


def test_each_forge_is_looked_at_by_its_interval_and_sooner_on_request(looked: Looked) -> None:
    """At most once in five seconds; one that fails is asked less often, and gets the pause that it asks for."""
    forge, world, watch = looked.forge, looked.world, looked.watch

    def ticks(**pause: float) -> int:
        forge.calls.clear()
        world.forward(**pause)
        watch.tick()
        assert watch.wait(10)
        return forge.calls.count("open_pull_requests")

    assert [ticks(), ticks(seconds=59), ticks(seconds=1)] == [1, 0, 1]
    watch.soon(SHOP)
    assert [ticks(seconds=1), ticks(seconds=4), ticks(seconds=10)] == [0, 1, 0]
    forge.broken = Transient("away")
    assert [ticks(minutes=1), ticks(minutes=1), ticks(minutes=1)] == [1, 1, 0]
    forge.broken = None
    assert [ticks(minutes=1), ticks(minutes=1)] == [1, 1]
    forge.broken = RetryLater("busy", timedelta(minutes=5))
    assert [ticks(minutes=1), ticks(minutes=4), ticks(minutes=1)] == [1, 0, 1]
    watch.close()


def test_a_forge_that_tells_of_no_comment_is_asked_for_these_at_each_second_look(tmp_path: Path) -> None:
    """Instead of the list, where that was no news; and at once where somebody said that there is something new."""
    world, changed = PreviewWorld(tmp_path), list[object]()
    world.forge.traits = replace(world.forge.traits, comments_show=CommentSign.NOWHERE)
    world.opens()
    world.both(times=2, minutes=1)
    application = world.daemon.application
    watch = ForgeWatch(application, changed.append)

    def looks() -> list[str]:
        world.forge.calls.clear()
        world.forward(minutes=1)
        watch.look(application.services.repositories[SHOP])
        return list(world.forge.calls)

    both = ["open_pull_requests", "comments"]
    assert looks() == both
    assert [looks() for _ in range(4)] == [both[:1], both[1:], both[:1], both[1:]]
    watch.soon(SHOP)
    assert looks() == both
    assert looks() == both[:1]
    world.ends()
    assert looks() == ["comments"]
    assert looks() == ["open_pull_requests", "pull_request"]
    assert not world.known().is_open
    watch.close()


@pytest.mark.parametrize("number", [0, -7, 2**31, 10**30])
def test_a_number_that_no_pull_request_has_makes_the_list_none(looked: Looked, number: int) -> None:
    """And what was known stays."""
    looked.look()
    looked.forge.requests[number] = pull_request(number)
    with pytest.raises(Transient, match="no pull request has the number"):
        looked.look()
    assert looked.known().is_open


def test_a_list_that_comes_empty_asks_for_fifty_at_once(
    looked: Looked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others at the next looks: none is forgotten."""
    looked.forge.requests = {number: pull_request(number) for number in range(1, 131)}
    looked.look()
    monkeypatch.setattr(MemoryForge, "open_pull_requests", lambda _: [])
    asked: set[int] = set()
    found = MemoryForge.pull_request

    def one(forge: MemoryForge, number: int) -> PullRequest:
        asked.add(number)
        return found(forge, number)

    monkeypatch.setattr(MemoryForge, "pull_request", one)
    for most in (50, 100, 130):
        looked.look()
        assert len(asked) == most
        looked.world.forward(minutes=1)
    assert all(looked.known(number).is_open for number in range(1, 131))
