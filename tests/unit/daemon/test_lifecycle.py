"""A daemon that is told to end while it looks at all of its repositories, or at what is on their forges, ends."""

import signal
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import NoReturn

import pytest

from envmgr.daemon import housekeeping
from envmgr.daemon.forge_watch import ForgeWatch
from envmgr.daemon.lifecycle import Daemon
from envmgr.daemon.notify import Notifier
from envmgr.daemon.signals import Signals
from envmgr.daemon.ticks import Ticks
from envmgr.domain.errors import Transient
from envmgr.domain.values.forge import ForgeRules, KnownPullRequest, PullRequest
from envmgr.domain.values.names import RepositoryId
from envmgr.engine.context import logs
from envmgr.engine.context.organization import Repository
from tests.support.in_memory.rules import SHOP, Rules
from tests.support.in_memory.world import World
from tests.support.memory_forge import MemoryForge, pull_request

MANY = 30


class Sent(Signals):
    """Signals that a test sends."""

    def keep(self, *_: int) -> None:
        """This process's own stay as they are."""

    def send(self, *numbers: int) -> None:
        """They come."""
        for number in numbers:
            self._received.put(number)


class Still(Ticks):
    """Nothing ticks."""

    def start(self) -> None:
        """None comes."""

    def stop(self) -> None:
        """None came."""


class Trial:
    """A daemon with many repositories, whose looks a test sees."""

    def __init__(self, folder: Path) -> None:
        """`looked` are those that were looked at, in turn."""
        self.signals, self.looked = Sent(), list[RepositoryId]()
        self.at: dict[int, partial[None]] = {}
        """What happens right after so many looks."""
        runtime = World(folder).daemon.application
        shop = runtime.services.repositories[SHOP]
        made = (replace(shop, id=RepositoryId("acme", f"r{number:02}")) for number in range(MANY))
        runtime.services = replace(runtime.services, repositories={each.id: each for each in made})
        runtime.workers.look = self._look  # type: ignore[method-assign]
        self.daemon = Daemon(runtime, lambda found: found, Notifier({}), timedelta(0), None, self.signals)
        self.daemon._ticks = Still()

    def _look(self, repository: Repository, **_: object) -> int:
        self.looked.append(repository.id)
        if then := self.at.get(len(self.looked)):
            then()
        return 0


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    """One that was not started yet."""
    return Trial(tmp_path)


def test_who_is_told_to_end_while_it_starts_looks_no_further(trial: Trial) -> None:
    """With thousands of environments a look at all takes a while, in which it would begin more and more."""
    trial.at[3] = partial(trial.signals.send, signal.SIGTERM)
    trial.daemon.run()
    assert len(trial.looked) == 3


def test_what_a_reload_kept_from_a_look_is_looked_at_by_the_next_tick(trial: Trial) -> None:
    """Which is asked for in the midst of the first look, and twice, and looks at all itself."""
    trial.at[3] = partial(trial.signals.send, signal.SIGHUP, signal.SIGHUP)
    trial.at[3 + MANY] = partial(trial.signals.send, signal.SIGTERM)
    trial.daemon.run()
    assert len(trial.looked) == 3 + MANY
    assert set(trial.looked[3:]) == set(trial.daemon._runtime.services.repositories)


def test_the_rest_of_a_look_that_was_broken_off_is_a_ticks(trial: Trial) -> None:
    """So that nothing is passed over, whatever the signal was."""
    trial.signals.send(signal.SIGHUP)
    trial.daemon._look_everywhere()
    assert trial.looked == []
    trial.daemon._tick_work()
    assert sorted(trial.looked) == sorted(trial.daemon._runtime.services.repositories)
    trial.looked.clear()
    trial.daemon._tick_work()
    assert trial.looked == []


def test_who_ends_looks_at_nothing_more(trial: Trial) -> None:
    """A tick that is in the midst of it would read all records in vain, and the process wait for it."""
    trial.daemon._unlooked.update(trial.daemon._runtime.services.repositories)
    trial.at[2] = partial(setattr, trial.daemon, "_ending", True)
    trial.daemon._tick_work()
    assert len(trial.looked) == 2


def test_who_ends_tidies_no_further(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is under way comes to its end; the rest is for the next hour."""
    services, done = World(tmp_path).daemon.application.services, list[str]()
    monkeypatch.setattr(housekeeping, "_prune_logs", lambda _: done.append("logs"))
    monkeypatch.setattr(logs, "catch_up", lambda _: done.append("copies"))
    housekeeping.tidy(services, lambda: bool(done))
    assert done == ["logs"]
    housekeeping.tidy(services, lambda: True)
    assert done == ["logs"]


def test_who_ends_asks_a_forge_for_no_further_pull_request(tmp_path: Path) -> None:
    """One that hangs with each of them would keep the daemon for as long as all of them take."""
    asked = list[int]()

    class Hanging(MemoryForge):
        def pull_request(self, number: int) -> PullRequest:
            asked.append(number)
            watch.close()
            raise Transient("No answer within 20 s.")

    forge = Hanging()
    world = World(tmp_path, Rules(forge=forge, forge_rules=ForgeRules()))
    for number in range(1, 20):
        known = KnownPullRequest(
            repository=SHOP, told=pull_request(number), first_seen_at=world.now, seen_at=world.now
        )
        world.store.pull_requests.change(SHOP, number, lambda _, k=known: k)  # type: ignore[misc]
    watch = ForgeWatch(world.daemon.application, lambda _: None)
    watch.tick()
    assert watch.wait(20)
    assert asked == [1]


def test_a_thaw_is_looked_at_though_the_database_failed_right_after_it_was_read(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told of once: what waits for it would wait for the next push, or for good."""
    runtime = trial.daemon._runtime
    monkeypatch.setattr(trial.daemon._freezes, "news", lambda _: [RepositoryId("acme", "r07")])
    monkeypatch.setattr(runtime.workers, "unattended", _fails)
    trial.daemon._tick_work()
    monkeypatch.setattr(trial.daemon._freezes, "news", lambda _: [])
    monkeypatch.setattr(runtime.workers, "unattended", frozenset)
    trial.daemon._tick_work()
    assert trial.looked == [RepositoryId("acme", "r07")]


def _fails() -> NoReturn:
    raise Transient("The database took too long.")
