"""Several hosts on one database: who is behind takes no work, and each remote is one host's affair."""

from datetime import datetime
from functools import partial
from pathlib import Path

import pytest

from envmgr.commands.hosts import standing
from envmgr.composition import frozen
from envmgr.composition.digests import configured
from envmgr.config.load import Configuration, load
from envmgr.daemon import housekeeping
from envmgr.daemon.forge_watch import ForgeWatch
from envmgr.domain.errors import EnvironmentBusy, Transient
from envmgr.domain.rules.hosts.words import doubts
from envmgr.domain.values.environment import Lease, RunKind, RunStatus, Status
from envmgr.domain.values.hosts.duty import Duty, Task
from envmgr.domain.values.hosts.host import GONE, SILENT, HostStatus
from envmgr.domain.values.hosts.terms import BEAT, LOOK, LOOKED_AFTER, TERMS
from envmgr.domain.values.names import EnvironmentId
from envmgr.engine.context.hosts import Fleet
from envmgr.engine.context.services import Services
from envmgr.engine.reconcile.due import what_is_due
from envmgr.engine.reconcile.reconciler import Reconciler
from envmgr.engine.reconcile.workers import Workers
from tests.support.in_memory.daemon import Daemon
from tests.support.in_memory.processes import Host
from tests.support.in_memory.rules import SHOP, Rules
from tests.support.in_memory.world import World
from tests.support.memory_forge import MemoryForge


class Two:
    """Two hosts of a world, each with its daemon."""

    def __init__(
        self,
        folder: Path,
        rules: Rules | None = None,
        *,
        name: str = "second",
        boot: str = "boot-2",
        is_caged: bool = False,
    ) -> None:
        """The second host is called so, in such a boot."""
        self.world = World(folder, rules)
        self.host = Host(self.world.clock, name, boot)
        terraform = self.world.terraform_of(self.host)
        terraform.is_caged = is_caged
        self.second = Daemon(self.world, self.host, terraform)
        self.first = self.world.daemon

    def serve(self, first: str = "d1", second: str = "d1") -> None:
        """Both daemons say that they are there, and by which configuration; one second apart."""
        for daemon, digest in ((self.first, first), (self.second, second)):
            self.world.forward(seconds=1)
            daemon.application.services.fleet.configure({"acme": digest})
            daemon.application.services.fleet.serve()
            daemon.application.services.fleet.beat()
        for daemon in (self.first, self.second):
            daemon.application.services.fleet.beat()

    def note_locks(self) -> None:
        """The run that was under way has noted its lock by now, as it does within a moment."""
        for lock in self.world.place.locks.values():
            for run in self.world.store.runs(status=RunStatus.RUNNING):
                self.world.store.set_lock(run.id, lock.id)

    @property
    def fleets(self) -> tuple[Fleet, Fleet]:
        """What each knows of the other."""
        return self.first.application.services.fleet, self.second.application.services.fleet


@pytest.fixture
def two(tmp_path: Path) -> Two:
    """Two hosts."""
    return Two(tmp_path)


def test_hosts_begin_with_different_ones_of_what_was_pushed_at_once(two: Two) -> None:
    """Each in an order of its own, all of them; and what was pushed before is the first for both."""
    two.world.push("old")
    two.first.application.poller.poll(two.first.application.services.repositories[SHOP])
    two.world.forward(minutes=1)
    for number in range(8):
        two.world.push(f"new-{number}")
    two.first.application.poller.poll(two.first.application.services.repositories[SHOP])

    def orders() -> list[list[str]]:
        found = []
        for daemon in (two.first, two.second):
            services = daemon.application.services
            due, _ = what_is_due(
                services, services.repositories[SHOP], two.world.clock(), frozenset(), frozenset()
            )
            found.append([each.id.name for each in due])
        return found

    first, second = orders()
    assert first == second == ["old", *(f"new-{number}" for number in range(8))], "neither knows of another"
    two.serve()
    first, second = orders()
    assert first != second
    assert first[0] == second[0] == "old"
    assert sorted(first) == sorted(second)


def test_who_has_an_older_file_lifts_no_freeze_of_the_newer(two: Two, tmp_path: Path) -> None:
    """Nor brings back one that the newer has no more; what both have counts again, and so does who is alone."""
    file, store = tmp_path / "acme.yaml", two.world.store
    plain = "organization: acme\nrepositories: [{name: shop, url: /srv/git/shop.git}]\n"

    def read(freeze: str) -> Configuration:
        file.write_text(plain + freeze)
        return load(file)

    old, new = read(""), read("freeze: {reason: migration}\n")
    first, second = (daemon.application.services for daemon in (two.first, two.second))

    def works_by(services: Services, configuration: Configuration) -> None:
        two.world.forward(seconds=1)
        services.fleet.configure(configured(configuration))
        services.fleet.beat()
        frozen.keep(services, configuration)

    for services in (first, second):
        services.fleet.serve()
        works_by(services, old)
    works_by(second, new)
    assert [each.reason for each in store.freezes.all()] == ["migration"]
    works_by(first, old)
    assert [each.reason for each in store.freezes.all()] == ["migration"]
    works_by(first, new)
    third = read("freeze: {reason: audit}\n")
    works_by(second, third)
    works_by(first, new)
    assert [each.reason for each in store.freezes.all()] == ["audit"]
    second.fleet.leave()
    works_by(first, old)
    assert store.freezes.all() == []


def test_who_has_an_older_configuration_takes_no_work(two: Two) -> None:
    """Nor looks at remotes; a person who wants something from there is told why."""
    two.serve(first="old", second="new")
    two.world.push("alice")
    two.first.application.poller.poll(two.first.application.services.repositories[SHOP])
    two.first.work()
    assert two.world.status("alice") is Status.PENDING
    with pytest.raises(EnvironmentBusy, match="The configuration of acme on memory differs"):
        two.first.application.services.leases.hold(two.world.environment("alice").id, "apply").__enter__()
    assert [fleet.takes_poll(SHOP) for fleet in two.fleets] == [False, True]
    two.second.work()
    assert two.world.status("alice") is Status.READY


def test_it_works_again_once_both_have_the_same(two: Two) -> None:
    """As after a reload."""
    two.serve(first="old", second="new")
    two.fleets[0].configure({"acme": "new"})
    two.fleets[0].beat()
    assert [fleet.why_passive("acme") for fleet in two.fleets] == ["", ""]


def test_a_host_alone_is_not_kept_from_work_by_what_it_was(tmp_path: Path) -> None:
    """Its data folder was made anew, with another ID, and its file changed: the daemon of before is dead, if just heard of."""
    two = Two(tmp_path)
    two.serve(second="old")
    two.fleets[1].configure({"acme": "new"})
    two.world.forward(seconds=1)
    two.fleets[1].beat()
    two.world.store.hosts.forget(two.fleets[0].process.machine)
    two.host.machine = "of a new data folder"
    two.second.restart()
    fleet = two.fleets[1]
    fleet.configure({"acme": "old"})  # the change was taken back
    fleet.serve()
    assert [host.lives for host in fleet.beat().hosts] == [True, True]
    assert fleet.why_passive("acme") == ""


def test_one_host_looks_at_a_remote_and_the_other_when_that_is_silent(two: Two) -> None:
    """Within half a minute of its last word, whenever the other has its own; until then it is the first one's."""
    two.serve()
    assert [fleet.takes_poll(SHOP) for fleet in two.fleets] == [True, False]
    beat = int(BEAT.total_seconds())
    for first in range(1, beat + 1):
        since = first
        two.fleets[0].beat()
        two.world.forward(seconds=since)
        assert not two.fleets[1].hear()
        while not (left := two.fleets[1].hear()):
            assert not two.fleets[1].takes_poll(SHOP)
            two.world.forward(seconds=beat)
            since += beat
        assert left == {Duty.of(SHOP)}
        assert since < LOOKED_AFTER.total_seconds()
        assert two.fleets[1].takes_poll(SHOP)
        two.world.store.hosts.leaves("acme", two.fleets[1].process)
        two.fleets[0].beat()
        assert two.fleets[0].takes_poll(SHOP)


def test_one_host_asks_the_forge_and_the_other_when_that_is_silent(tmp_path: Path) -> None:
    """The one that looks at the remote; what the other knew of the forge before is no alarm."""
    forge = MemoryForge(broken=Transient("away"))
    two = Two(tmp_path, Rules(forge=forge))
    two.serve()
    first, second = (ForgeWatch(each.application, lambda _: None) for each in (two.first, two.second))

    def calls(watch: ForgeWatch) -> int:
        """How many a host makes where its next look is due."""
        before = len(forge.calls)
        watch.tick()
        assert watch.wait(10)
        return len(forge.calls) - before

    def failing(daemon: Daemon) -> int:
        return daemon.application.services.forge_tally.failing.get(SHOP, 0)

    assert (calls(first), calls(second), failing(two.first)) == (1, 0, 1)
    two.world.forward(minutes=5)
    two.fleets[1].beat()
    assert (calls(second), failing(two.second)) == (1, 1)
    two.fleets[0].beat()  # it was only away for a while
    assert (calls(first), failing(two.first)) == (0, 0)
    first.close()
    second.close()


def test_one_host_looks_for_drift_audits_tidies_and_asks_for_health(two: Two) -> None:
    """Another once it is silent; one that is passive has none of it."""
    two.serve()
    tasks = [Duty("acme", Task.DRIFT), Duty("acme", Task.AUDIT), Duty("", Task.TIDYING)]

    def found() -> list[list[bool]]:
        """What each host does now."""
        for fleet in two.fleets:
            fleet.takes_poll(SHOP)
        two.fleets[1].beat()
        return [
            [*(fleet.takes(Task(duty.name), duty.organization) for duty in tasks), fleet.looks_after(SHOP)]
            for fleet in two.fleets
        ]

    assert found() == [[True] * 4, [False] * 4]
    two.world.forward(seconds=SILENT.total_seconds() + 1)
    two.fleets[1].beat()
    assert found()[1] == [True] * 4
    two.fleets[0].beat()
    assert found() == [[False] * 4, [True] * 4]
    two.world.store.hosts.drain(two.fleets[1].process.machine, draining=True)
    for fleet in two.fleets:
        fleet.beat()
    assert [fleet.takes(Task.DRIFT, "acme") for fleet in two.fleets] == [True, False]


def test_what_is_shared_is_tidied_by_one_host(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is on its own disk by each."""
    two.serve()
    shared, own = [], []
    monkeypatch.setattr(two.world.store, "prune", lambda _: shared.append("records"))
    monkeypatch.setattr(housekeeping, "_prune_workspaces", lambda *_: own.append("workspaces"))
    for daemon in (two.first, two.second, two.first):
        daemon.does(partial(housekeeping.tidy, daemon.application.services))
    assert (len(shared), len(own)) == (2, 3)


def test_a_lie_that_all_hosts_hear_counts_once(two: Two) -> None:
    """Whoever asked within an interval, as right after each other takes over: it is one answer of the forge."""
    two.serve()
    two.world.push("alice")
    two.first.turn()
    two.world.delete("alice")

    def ask() -> int:
        """How often the branch was found missing, after each of them has looked twice."""
        for daemon in (two.first, two.second) * 2:
            application = daemon.application
            application.poller.poll(application.services.repositories[SHOP])
            two.world.forward(seconds=1)
        return two.world.environment("alice").absences

    assert ask() == 1
    two.world.forward(minutes=1)
    assert ask() == 2


def test_two_machines_of_one_name_do_not_both_work(tmp_path: Path) -> None:
    """The second is refused, and does nothing at all; the first goes on. Both say so, for as long as the second asks."""
    two = Two(tmp_path, name="memory")
    two.host.machine = "another machine"
    two.second.restart()
    two.serve()
    assert "Another host called memory" in two.fleets[1].why_passive("acme")
    first, second = (standing.known(each.application) for each in (two.first, two.second))
    for found in (first, second):
        assert {each.status for each in found} == {HostStatus.WORKING, HostStatus.PASSIVE}
        assert [each[:53] for each in doubts(found)] == [
            "memory takes no work. Another host called memory (ID "
        ]
    two.world.push("alice")
    two.second.turn()
    assert two.world.status("alice") is Status.PENDING
    two.first.turn()
    assert two.world.status("alice") is Status.READY
    for _ in range(4):
        two.world.forward(seconds=10)
        two.fleets[0].beat()
    assert [each.status for each in standing.known(two.first.application)] == [HostStatus.WORKING]


def test_what_is_gone_is_known_by_its_silence_or_a_person(two: Two) -> None:
    """Not before; and not of this very host, whose processes can be seen."""
    two.serve()
    ours, theirs = (fleet.process for fleet in two.fleets)
    first = two.fleets[0]
    assert first.gone(theirs) == ""
    since = two.world.now
    two.world.forward(seconds=GONE.total_seconds() + 1)
    first.beat()
    assert first.gone(theirs) == f"its host second is silent since {_time(since)} UTC"
    assert first.gone(ours) == ""
    two.world.store.hosts.forget(theirs.machine)
    assert "a person said that its host second is gone for good" in first.gone(theirs)
    two.fleets[1].beat()
    assert first.gone(theirs) == ""


def test_a_drained_host_takes_nothing_new(two: Two) -> None:
    """Until it may again; what a person does there at the command line is her affair."""
    two.serve()
    two.world.store.hosts.drain(two.fleets[0].process.machine, draining=True)
    two.fleets[0].beat()
    assert "is drained" in two.fleets[0].why_passive("acme")
    two.world.store.hosts.drain(two.fleets[0].process.machine, draining=False)
    two.fleets[0].beat()
    assert two.fleets[0].why_passive("acme") == ""


def test_a_host_that_never_could_say_so_takes_no_work(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    """In doubt it is passive: what the database raises is raised."""
    monkeypatch.setattr(two.world.store.hosts, "beat", _away)
    with pytest.raises(ConnectionError):
        two.fleets[1].why_passive("acme")


def test_what_a_dead_host_was_at_is_found_though_nothing_is_due(two: Two) -> None:
    """As a look for drift: nothing is written where a host dies, and nothing in the records wants work."""
    two.serve()
    two.world.push("alice")
    two.first.turn()
    alice, owner = two.world.environment("alice"), two.fleets[1].process
    lease = two.world.store.acquire(alice.id, owner, "drift", two.world.now, TERMS.lease, lambda _: False)
    assert isinstance(lease, Lease)
    run = two.world.store.start_run(alice.id, RunKind.DRIFT, alice.commit, lease, "daemon", two.world.now)
    workers = two.first.application.workers
    two.world.forward(seconds=TERMS.lease.total_seconds() - 1)
    assert workers.unattended() == frozenset()
    two.world.forward(seconds=LOOK.total_seconds())
    assert workers.unattended() == {SHOP}
    assert workers.unattended() == frozenset()  # not asked at every tick
    two.first.work()
    found = two.world.store.run(run.id)
    assert found is not None
    assert found.status is RunStatus.INTERRUPTED


def _away(*_: object) -> None:
    raise ConnectionError


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"


@pytest.mark.parametrize("is_caged", [False, True])
@pytest.mark.parametrize("first", range(4))
def test_a_host_that_dies_for_good_at_any_moment_is_taken_over(
    tmp_path: Path, first: int, is_caged: bool
) -> None:
    """With all that ran there and its disk: the other host makes of it what is wanted, once, and by itself.

    In a cage also where it died before it could note which lock is its own: that says whose it is.
    """
    for number in range(20 + first, 140, 16):
        two = Two(tmp_path / str(number), is_caged=is_caged)
        two.serve()
        two.world.push("alice")
        two.second.restart(dies_at=number)
        two.second.application.services.fleet.serve()
        life = two.second.life
        two.second.turn()
        for child in [*two.host.children]:
            two.host.end(child)
        if not life.is_dead:
            return
        if not is_caged:
            two.note_locks()
        for _ in range(6):
            two.world.forward(seconds=10)
            two.fleets[0].beat()
        for _ in range(6):
            two.first.turn(seconds=30)
        assert two.world.status("alice") is Status.READY, (number, two.world.environment("alice").message)
        two.world.check()


def test_hosts_work_together_on_no_more_than_one_would(two: Two) -> None:
    """What is due waits for the first place that any of them gives back; nobody else is kept from the environment meanwhile."""
    two.serve()
    two.world.push("alice")
    first, store, now = two.first.application, two.world.store, two.world.clock()
    first.poller.poll(first.services.repositories[SHOP])
    repository, most = first.services.repositories[SHOP], first.services.organizations["acme"].concurrency
    owner = two.second.application.services.fleet.process
    leases = [
        store.acquire(
            EnvironmentId("acme", "shop", f"other-{number}"),
            owner,
            "reconcile",
            now,
            TERMS.lease,
            lambda _: False,
        )
        for number in range(most)
    ]
    for lease in leases:
        assert isinstance(lease, Lease)
        assert store.places.take(lease, most, now, lambda _: False)

    workers = Workers(first.services, Reconciler(first.services))
    assert workers.look(repository) == 1
    assert not workers.wait(0.3)
    assert two.world.status("alice") is Status.PENDING
    assert two.world.environment("alice").id not in store.leases(now), "so that anybody may destroy it"

    assert isinstance(leases[0], Lease)
    store.release(leases[0])
    assert workers.wait(20)
    assert two.world.status("alice") is Status.READY
