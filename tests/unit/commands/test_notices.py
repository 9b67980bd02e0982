"""Telling somebody: in order, at least once, by one process, and with pauses where she is away."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from envmgr.commands.notices.checks import of_notifications
from envmgr.commands.notices.delivery import ALONE, Delivery
from envmgr.commands.notices.target import Target
from envmgr.config.settings import ServerSettings
from envmgr.daemon.notice_watch import NoticeWatch
from envmgr.domain.errors import Transient
from envmgr.domain.values.environment import Event
from envmgr.domain.values.names import EnvironmentId
from envmgr.domain.values.notices import Audience, Message, Position
from tests.support.in_memory.world import World
from tests.support.waiting import wait_for


@dataclass
class Receiver:
    """Somebody who is told; `away` for as long as she is."""

    got: list[Message] = field(default_factory=list)
    tries: int = 0
    away: bool = False

    def describe(self) -> str:
        """See the port."""
        return "A receiver"

    def send(self, message: Message) -> None:
        """See the port."""
        self.tries += 1
        if self.away:
            raise Transient("It does not answer.")
        self.got.append(message)


class Told:
    """A target, who gets what is sent to it, and records in memory."""

    def __init__(self, folder: Path) -> None:
        self.world, self.receiver = World(folder), Receiver()
        self.runtime = replace(
            self.world.daemon.application, server=ServerSettings(public_url="https://envmgr.example.com")
        )
        self.target = Target(
            key="t",
            label="Notification 1 of acme",
            audience=Audience(
                organization="acme", kinds=frozenset({"failed", "recovered", "waiting"}), is_whole_host=True
            ),
            open=lambda: self.receiver,
        )
        self.delivery = Delivery(self.target)
        self.delivery.tell(self.runtime)  # from now on

    def happens(self, action: str, name: str = "alice", times: int = 1) -> None:
        """Something happens to an environment."""
        for number in range(times):
            self.world.store.record(
                Event(
                    at=self.world.now,
                    environment=EnvironmentId("acme", "shop", name if times == 1 else f"{name}{number}"),
                    action=action,
                    message=f"{action} {number}",
                    actor="daemon",
                )
            )

    def tells(self, delivery: Delivery | None = None, **later: float) -> list[str]:
        """After a while what there is is told; the titles of all that came so far."""
        self.world.forward(**later)
        self.goes_on = (delivery or self.delivery).tell(self.runtime)
        return [message.title for message in self.receiver.got]

    @property
    def position(self) -> Position:
        """Where the target stands."""
        found = self.world.store.hooks.positions.get("t")
        assert found is not None
        return found


@pytest.fixture
def told(tmp_path: Path) -> Told:
    """Before anything has happened."""
    return Told(tmp_path)


def test_what_happened_before_is_not_told(told: Told) -> None:
    """Nor anything twice, nor by a process that begins anew."""
    told.happens("failed")
    assert told.tells() == ["acme/shop/alice has failed"]
    assert told.receiver.got[0].text == "failed 0\nhttps://envmgr.example.com/environments/acme/shop/alice"
    late = Delivery(replace(told.target, key="late"))
    assert told.tells(late) == ["acme/shop/alice has failed"]
    assert told.tells(Delivery(told.target)) == ["acme/shop/alice has failed"]
    told.happens("failed", "bob")
    assert told.tells(late) == ["acme/shop/alice has failed", "acme/shop/bob has failed"]


def test_one_that_is_ready_again_is_told_without_an_event(told: Told) -> None:
    """By its record."""
    told.world.push("alice")
    told.world.turn()
    told.happens("failed")
    assert told.tells() == ["acme/shop/alice has failed", "acme/shop/alice is ready again"]
    assert told.tells() == ["acme/shop/alice has failed", "acme/shop/alice is ready again"]


def test_who_is_away_is_told_later_in_order(told: Told) -> None:
    """With pauses that grow; what was told already is not told again."""
    told.happens("waiting", "first")
    told.tells()
    told.receiver.away = True
    told.happens("waiting", "second")
    told.happens("waiting", "third")
    told.tells()
    tries = told.receiver.tries
    assert (told.position.failures, told.position.error) == (1, "It does not answer.")
    told.tells(seconds=29)
    assert told.receiver.tries == tries
    told.tells(seconds=1)
    assert (told.receiver.tries, told.position.failures) == (tries + 1, 2)
    told.receiver.away = False
    assert told.tells(seconds=60) == [f"acme/shop/{name} waits" for name in ("first", "second", "third")]
    assert (told.position.failures, told.position.failing_since, told.position.error) == (0, None, "")


def test_what_is_a_day_old_is_dropped_and_told_of(told: Told) -> None:
    """Once, whoever stays away for longer."""
    told.receiver.away = True
    told.happens("waiting", "old", times=3)
    told.tells()
    told.happens("waiting", "new")
    told.receiver.away = False
    told.tells(hours=24, seconds=1)
    dropped = [e.message for e in told.world.store.events() if e.action == "notifications-dropped"]
    assert len(dropped) == 1
    assert "was not told of 4 events" in dropped[0]
    assert told.receiver.got == []


def test_many_in_a_minute_come_together(told: Told) -> None:
    """The first few alone, then all in one; later one by one again."""
    told.happens("waiting", "few", times=ALONE - 1)
    told.tells()
    told.happens("waiting", "many", times=50)
    assert told.tells()[-1] == "50 messages of acme"
    told.happens("waiting", "more", times=2)
    assert len(told.tells()) == ALONE
    assert told.goes_on
    assert len(told.tells(minutes=1, seconds=1)) == ALONE + 2


def test_a_machine_gets_documents_of_many(told: Told) -> None:
    """However many a minute; each with its kind and its link."""
    machine = Delivery(replace(told.target, is_machine=True))
    told.happens("waiting", "many", times=250)
    told.tells(machine)
    documents = [message.document["events"] for message in told.receiver.got]
    assert [len(each) for each in documents if isinstance(each, list)] == [100, 100, 50]
    first = documents[0]
    assert isinstance(first, list)
    assert (first[0]["kind"], first[0]["environment"]) == ("waiting", "many0")
    assert first[0]["url"] == "https://envmgr.example.com/environments/acme/shop/many0"
    assert len({message.id for message in told.receiver.got}) == 3


def test_two_processes_tell_it_once(told: Told) -> None:
    """While one is at it the other waits; what a dead one had begun the other tells."""
    told.happens("failed")
    positions = told.world.store.hooks.positions
    assert positions.claim("t", "another", told.world.now, told.world.now + timedelta(minutes=5)) is not None
    assert told.tells() == []
    assert told.goes_on
    assert told.tells(minutes=5, seconds=1) == ["acme/shop/alice has failed"]


def test_a_target_that_is_away_holds_up_no_other(told: Told) -> None:
    """Each has a thread of its own; the same target goes on where it was after the configuration is read again."""
    other = Receiver(away=True)
    away = replace(told.target, key="away", open=lambda: other)
    runtime = replace(told.runtime, targets=(away, told.target))
    watch = NoticeWatch(runtime)
    watch.tick()
    wait_for(lambda: told.world.store.hooks.positions.get("away"))
    told.happens("failed")
    _ticks_until(watch, lambda: bool(told.receiver.got and other.tries))
    watch.reconfigure(replace(runtime, targets=(told.target,)))
    told.happens("failed", "bob")
    _ticks_until(watch, lambda: len(told.receiver.got) == 2)
    watch.close()
    told.happens("failed", "carol")
    watch.tick()
    assert len(told.receiver.got) == 2


def _ticks_until(watch: NoticeWatch, condition: Callable[[], bool]) -> None:
    def ticked() -> bool:
        watch.tick()
        return condition()

    wait_for(ticked)


def test_doctor_says_who_cannot_be_told_and_tries_it_if_asked(told: Told) -> None:
    """It sends nothing by itself."""
    runtime = replace(told.runtime, targets=(told.target,))
    (well,) = of_notifications(runtime, sends=False)
    assert (well.check, well.ok) == ("notification 1 of acme", True)
    assert well.message == "A receiver is told of failed, recovered, waiting"
    told.receiver.away = True
    told.happens("failed")
    told.tells()
    (away,) = of_notifications(runtime, sends=False)
    assert not away.ok
    assert "could not be told since 2026-11-20 12:00 UTC: It does not answer." in away.message
    assert not next(of_notifications(runtime, sends=True)).ok
    assert told.receiver.got == []
    told.receiver.away = False
    assert next(of_notifications(runtime, sends=True)).ok
    assert [message.title for message in told.receiver.got] == ["A trial of envmgr"]
