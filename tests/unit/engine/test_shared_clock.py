"""A host beside others whose own clock is wrong, or is set: it ends nothing early, and says what is wrong with it."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from envmgr.commands.hosts.standing import standings
from envmgr.commands.steering import extend
from envmgr.domain.errors import EnvironmentBusy, NeedsPerson, Transient
from envmgr.domain.values.environment import Lease, Status
from envmgr.domain.values.hosts.host import HostStatus
from envmgr.domain.values.hosts.terms import TERMS
from envmgr.engine.context.organization import TimeToLive
from envmgr.engine.context.shared_clock import SharedClock
from tests.support.in_memory.daemon import Daemon
from tests.support.in_memory.processes import Host
from tests.support.in_memory.rules import SHOP, Rules
from tests.support.in_memory.world import World

HOUR = timedelta(hours=1)
APART = [pytest.param(HOUR, id="ahead"), pytest.param(-HOUR, id="behind")]


class Crooked:
    """A second host of a world, with a clock of its own that `off` sets."""

    def __init__(self, folder: Path, off: timedelta = timedelta()) -> None:
        """An environment lives for 90 minutes."""
        self.world = World(folder, Rules(ttl=TimeToLive(default=1.5 * HOUR)))
        self.world.store.hosts.clock = self.world.clock
        self.off = off
        clock = SharedClock(self.wall, self.steady)
        host = Host(clock, "second", "boot-2")
        self.daemon = Daemon(self.world, host, self.world.terraform_of(host))
        self.fleet = self.daemon.application.services.fleet
        for each in (self.world.daemon.application.services.fleet, self.fleet):
            each.configure({"acme": "d"})
            each.serve()
            each.beat()

    def wall(self) -> datetime:
        """What the second host's own clock says."""
        return self.world.now + self.off

    def steady(self) -> float:
        """Seconds, whatever its clock says."""
        return self.world.now.timestamp()

    def polls(self) -> bool:
        """Whether the second host would look at the remote, were it asked first."""
        self.world.forward(minutes=1)  # the first one is silent
        self.fleet.beat()
        return self.fleet.takes_poll(SHOP)


def is_away() -> datetime:
    """The database cannot be asked."""
    raise Transient("away")


@pytest.mark.parametrize("off", APART)
def test_who_starts_with_a_wrong_clock_begins_nothing(tmp_path: Path, off: timedelta) -> None:
    """Neither what is due nor a look at a remote; the other hosts see it, and work on, by the newer files of either."""
    crooked = Crooked(tmp_path, off)
    crooked.world.push("alice")
    crooked.world.turn()
    ends = crooked.world.environment("alice").life.expires_at
    assert ends == crooked.world.now + 1.5 * HOUR

    crooked.world.forward(minutes=45)
    crooked.daemon.turn()
    assert crooked.world.status("alice") is Status.READY
    assert not crooked.polls()
    with pytest.raises(
        EnvironmentBusy, match=r"The clock of second is 3600 s (ahead of|behind) the database's"
    ):
        crooked.daemon.application.services.leases.hold(
            crooked.world.environment("alice").id, "apply"
        ).__enter__()

    crooked.fleet.configure({"acme": "newer"})
    crooked.fleet.beat()
    application = crooked.world.daemon.application
    application.services.fleet.beat()
    assert application.services.fleet.why_passive("acme") == ""
    [_, second] = standings(application)
    assert (second.status, "time service (NTP)" in second.why) == (HostStatus.PASSIVE, True)


@pytest.mark.parametrize("off", APART)
def test_once_it_is_set_right_the_host_works(
    tmp_path: Path, off: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the right time, though its process began by the wrong one."""
    crooked = Crooked(tmp_path, off)
    crooked.off = timedelta()
    with monkeypatch.context() as away:
        away.setattr(crooked.world.store.hosts, "present", is_away)
        assert "The clock of second is" in crooked.fleet.why_passive("acme")  # by the time it began with
    assert crooked.fleet.why_passive("acme") == ""
    assert crooked.fleet.clock() == crooked.world.now
    assert crooked.polls()
    assert crooked.fleet.clock() == crooked.world.now
    crooked.world.push("alice")
    crooked.daemon.turn()
    assert crooked.world.environment("alice").life.expires_at == crooked.world.now + 1.5 * HOUR


@pytest.mark.parametrize("off", APART)
def test_a_clock_that_is_set_moves_nothing(
    tmp_path: Path, off: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is noticed at once, also where the database is away; what is under way goes on by the time of before."""
    crooked = Crooked(tmp_path)
    crooked.world.push("alice")
    services = crooked.daemon.application.services
    crooked.daemon.turn()
    with services.leases.hold(crooked.world.environment("alice").id, "apply"):
        crooked.off = off
        crooked.world.forward(seconds=5)
        assert services.clock() == crooked.world.now
    with monkeypatch.context() as away:
        away.setattr(crooked.world.store.hosts, "present", is_away)
        assert "The clock of second is 3600 s" in crooked.fleet.why_passive("acme")
    assert not crooked.polls()
    assert services.clock() == crooked.world.now


def test_a_person_says_nothing_there_that_goes_by_the_time(tmp_path: Path) -> None:
    """An end that is put off by a clock that is behind would come too early."""
    crooked = Crooked(tmp_path, -HOUR)
    crooked.world.push("alice")
    crooked.world.turn()
    alice = crooked.world.environment("alice")
    with pytest.raises(NeedsPerson, match="The clock of second is 3600 s behind"):
        extend(crooked.daemon.application, [alice], HOUR)
    assert crooked.world.environment("alice") == alice


def test_some_seconds_apart_are_nothing(tmp_path: Path) -> None:
    """Clocks are never the same."""
    crooked = Crooked(tmp_path, timedelta(seconds=20))
    assert crooked.fleet.why_passive("acme") == ""
    assert crooked.polls()


class Jumping(Crooked):
    """The second host's clock is right; the database's is set by `jump`."""

    jump = timedelta()

    def __init__(self, folder: Path) -> None:
        """The first host is at work on an environment, and its Terraform has the lock of the state."""
        super().__init__(folder)
        self.world.store.hosts.clock = lambda: self.world.now + self.jump
        self.world.push("alice")
        self.world.turn()
        self.alice, store = self.world.environment("alice"), self.world.store
        self.first = self.world.daemon.application.services.fleet
        self.lease = store.acquire(
            self.alice.id, self.first.process, "apply", self.world.now, TERMS.lease, lambda _: False
        )
        self.fleet.beat()

    def taken(self) -> bool:
        """Whether the second host has the environment, as soon as it tries."""
        try:
            with self.daemon.application.services.leases.hold(self.alice.id, "apply"):
                return True
        except EnvironmentBusy:
            return False

    def lives(self, seconds: float) -> None:
        """The first host goes on for so long, and renews its lease and says that it is there every five seconds."""
        assert isinstance(self.lease, Lease)
        for _ in range(int(seconds / 5)):
            self.world.forward(seconds=5)
            self.world.store.renew(self.lease, self.world.now, TERMS.lease)
            self.first.beat()
            self.fleet.beat()


@pytest.mark.parametrize("seconds", [25, 50, 70, 3600])
def test_a_databases_clock_that_is_set_forward_takes_nothing_from_who_lives(
    tmp_path: Path, seconds: int
) -> None:
    """All leases are over by it at once, and all hosts silent: nobody takes one over before its holder could renew it."""
    jumping = Jumping(tmp_path)
    assert not jumping.taken()
    jumping.lives(10)
    jumping.world.forward(seconds=29)  # the holder is late, as its database was slow, but lives

    jumping.jump = timedelta(seconds=seconds)

    assert jumping.world.store.leases(jumping.world.now) == {}
    assert jumping.fleet.why_passive("acme") == "", "its own clock was right when it was compared"
    assert not jumping.taken()
    assert jumping.fleet.gone(jumping.first.process) == ""
    jumping.fleet.beat()
    assert bool(jumping.fleet.why_passive("acme")) is (seconds > 30)
    assert not jumping.taken()
    assert jumping.fleet.gone(jumping.first.process) == ""
    jumping.lives(120)
    assert not jumping.taken()


def test_who_is_dead_is_taken_over_all_the_same(tmp_path: Path) -> None:
    """A lease's time after the database's clock was set, and at once where it never was."""
    never = Jumping(tmp_path / "never")
    never.world.forward(seconds=TERMS.lease.total_seconds() + 1)
    assert "is silent since" in never.fleet.gone(never.first.process)
    assert never.taken()

    jumping = Jumping(tmp_path / "jumping")
    jumping.jump = timedelta(seconds=25)
    jumping.world.forward(seconds=TERMS.lease.total_seconds() + 1)
    assert not jumping.taken()
    jumping.world.forward(seconds=TERMS.lease.total_seconds() + 1)
    assert jumping.taken()


def test_who_finds_the_time_only_late_takes_nothing_over(tmp_path: Path) -> None:
    """An answer that took seconds does not tell whether the clock was set; the next one that comes at once does."""
    jumping = Jumping(tmp_path)
    jumping.world.forward(seconds=TERMS.lease.total_seconds() + 1)
    answer = jumping.world.store.hosts.clock

    def slow() -> datetime:
        jumping.world.now += timedelta(seconds=3)
        assert answer is not None
        return answer()

    jumping.world.store.hosts.clock = slow
    assert not jumping.taken()
    jumping.world.store.hosts.clock = answer
    assert jumping.taken()
