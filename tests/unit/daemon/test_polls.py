"""When remotes are looked at, with stand-ins for the remotes that hang for as long as the test wants."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from envmgr.daemon.lifecycle import Daemon
from envmgr.daemon.outage import Outage
from envmgr.daemon.polls import Polls
from envmgr.domain.errors import Transient
from envmgr.domain.values.hosts.duty import Duty
from envmgr.domain.values.hosts.terms import TERMS
from envmgr.domain.values.names import RepositoryId


class Remotes:
    """Named remotes, what happens when each is looked at, and how often that was."""

    def __init__(self, looks: dict[str, Callable[[], None]]) -> None:
        """Nothing has been looked at."""
        self.looks = looks
        self.seen: dict[str, int] = dict.fromkeys(looks, 0)
        self.failures_of: dict[str, int] = {}
        self.never_seen: set[str] = set()

    def poll(self, repository: Any) -> SimpleNamespace:
        """Look at one."""
        self.seen[repository.id.name] += 1
        self.looks[repository.id.name]()
        return SimpleNamespace(changed=repository.id.name.startswith("changed"))

    def failures(self, repository: RepositoryId) -> int:
        """How often in a row it has failed."""
        return self.failures_of.get(repository.name, 0)

    def has_seen(self, repository: RepositoryId) -> bool:
        """Whether a look ever came to something."""
        return repository.name not in self.never_seen


def polls_of(remotes: Remotes, interval: float = 60, workers: int = 2) -> tuple[Polls, list[str]]:
    """Polls over stand-ins, and the names of those whose records changed."""
    changed: list[str] = []
    made = Polls(
        runtime_of(remotes, interval, workers),
        lambda repository: changed.append(repository.id.name),
        Outage(lambda: None),
    )
    return made, changed


def runtime_of(remotes: Remotes, interval: float, workers: int = 2) -> Any:
    """What `Polls` uses of a runtime."""
    repositories = {
        RepositoryId("acme", name): SimpleNamespace(
            id=RepositoryId("acme", name), interval=timedelta(seconds=interval)
        )
        for name in remotes.looks
    }
    fleet = SimpleNamespace(takes_poll=lambda _: True)
    services = SimpleNamespace(clock=lambda: datetime.now(UTC), repositories=repositories, fleet=fleet)
    return SimpleNamespace(services=services, poller=remotes, poll_workers=workers)


def tick_until(polls: Polls, condition: Callable[[], bool], seconds: float = 60) -> float:
    """Tick as the daemon does, only faster; gives the time it took, a generous limit aside for busy machines."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "it did not come about in time"
        polls.tick()
        time.sleep(0.05)
    return time.monotonic() - began


def test_each_remote_is_looked_at_once_in_its_interval() -> None:
    """And those that changed are told of."""
    remotes = Remotes({"one": lambda: None, "changed": lambda: None})
    polls, changed = polls_of(remotes)
    tick_until(polls, lambda: all(remotes.seen.values()))
    for _ in range(5):
        polls.tick()
    time.sleep(0.1)

    assert remotes.seen == {"one": 1, "changed": 1}
    assert changed == ["changed"]


def test_what_a_dead_host_looked_at_is_looked_at_as_soon_as_that_is_heard() -> None:
    """However long its interval is; of nothing else."""
    remotes = Remotes({"one": lambda: None, "elsewhere": lambda: None})
    polls, _ = polls_of(remotes, interval=3600)
    runtime, soon = runtime_of(remotes, 3600), list[str]()
    left = Duty("acme", "one")
    runtime.services.fleet = SimpleNamespace(
        takes_poll=lambda _: False, hear=lambda: {left, Duty("acme", "@drift")}
    )
    polls.reconfigure(runtime)
    polls.tick()
    time.sleep(0.1)
    runtime.services.fleet.takes_poll = lambda repository: Duty.of(repository) == left
    forges = SimpleNamespace(soon=lambda repository: soon.append(repository.name))
    Daemon._tick_fleet(cast(Any, SimpleNamespace(_runtime=runtime, _polls=polls, _forges=forges)))
    tick_until(polls, lambda: remotes.seen["one"] == 1, TERMS.silent.total_seconds() / 2)
    assert (remotes.seen, soon) == ({"one": 1, "elsewhere": 0}, ["one"])


def test_a_configuration_that_was_read_again_is_polled_at_once() -> None:
    """All of its remotes, by it alone: one may have another address now, and one may be gone."""
    before, now = Remotes({"one": lambda: None, "gone": lambda: None}), Remotes({"one": lambda: None})
    polls, _ = polls_of(before)
    tick_until(polls, lambda: all(before.seen.values()))
    polls.reconfigure(runtime_of(now, 60))
    tick_until(polls, lambda: now.seen == {"one": 1})
    assert before.seen == {"one": 1, "gone": 1}


@pytest.mark.slow
def test_remotes_that_hang_hold_up_no_other() -> None:
    """Six of them before a good one, with two threads."""
    go_on = threading.Event()
    hanging = {f"hangs-{number}": lambda: cast(None, go_on.wait(30)) for number in range(6)}
    remotes = Remotes({**hanging, "good": lambda: None})
    polls, _ = polls_of(remotes)
    before = threading.active_count()

    tick_until(polls, lambda: remotes.seen["good"] == 1, 20)
    threads = threading.active_count() - before
    go_on.set()

    assert threads <= 2 + 2 * len(hanging)


def test_what_a_look_raises_ends_neither_its_thread_nor_its_turn() -> None:
    """The next look comes, later with each failure."""

    def fail() -> None:
        raise Transient("away")

    def surprise() -> None:
        raise RuntimeError("unforeseen")

    remotes = Remotes({"fails": fail, "surprises": surprise})
    polls, _ = polls_of(remotes, interval=0.05)

    tick_until(polls, lambda: min(remotes.seen.values()) >= 3)


def test_failures_in_a_row_are_looked_at_less_often() -> None:
    """The pause doubles."""
    remotes = Remotes({"away": lambda: None})
    remotes.failures_of["away"] = 10
    polls, _ = polls_of(remotes, interval=0.05)

    tick_until(polls, lambda: remotes.seen["away"] == 1)
    for _ in range(10):
        polls.tick()
        time.sleep(0.03)

    assert remotes.seen["away"] == 1


def test_one_that_was_just_added_is_looked_at_again_soon() -> None:
    """Whoever added it mends what is wrong with it, and waits for that; one that was seen before has its interval."""
    remotes = Remotes({"added": lambda: None, "known": lambda: None})
    remotes.failures_of = {"added": 1, "known": 1}
    remotes.never_seen = {"added"}
    polls, _ = polls_of(remotes, interval=60)

    tick_until(polls, lambda: remotes.seen["added"] == 2)
    assert remotes.seen["known"] == 1


def test_a_look_that_began_before_the_configuration_was_read_again_puts_off_no_other() -> None:
    """It was by the address or the credentials of before."""
    go_on = threading.Event()
    remotes = Remotes({"mended": lambda: cast(None, go_on.wait(30))})
    polls, _ = polls_of(remotes, interval=60)
    tick_until(polls, lambda: remotes.seen["mended"] == 1)
    polls.reconfigure(runtime_of(remotes, 60))
    go_on.set()
    tick_until(polls, lambda: remotes.seen["mended"] == 2)


def test_what_is_wanted_soon_is_looked_at_by_the_next_tick() -> None:
    """Long before its interval is over; others are not."""
    remotes = Remotes({"pushed": lambda: None, "quiet": lambda: None})
    polls, _ = polls_of(remotes, interval=3600)
    tick_until(polls, lambda: all(remotes.seen.values()) and not polls._asked)
    polls.soon(RepositoryId("acme", "pushed"))
    polls.soon(RepositoryId("acme", "unknown"))
    tick_until(polls, lambda: remotes.seen == {"pushed": 2, "quiet": 1})


def test_what_is_wanted_while_it_is_looked_at_is_looked_at_once_more() -> None:
    """The look under way may have begun before what it is wanted for."""
    go_on, began = threading.Event(), threading.Event()

    def look() -> None:
        began.set()
        go_on.wait(30)

    remotes = Remotes({"pushed": look})
    polls, _ = polls_of(remotes, interval=3600)
    polls.tick()
    assert began.wait(30)
    polls.soon(RepositoryId("acme", "pushed"))
    go_on.set()
    tick_until(polls, lambda: remotes.seen["pushed"] == 2 and not polls._asked)
    polls.tick()
    time.sleep(0.1)
    assert remotes.seen["pushed"] == 2
