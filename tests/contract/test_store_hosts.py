"""Who works by one database: what each says of itself, and what it may not."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import psycopg
import pytest

from envmgr.adapters.store.connect import open_store
from envmgr.domain.rules.hosts.standing import with_refused
from envmgr.domain.values.environment import Lease, ProcessId
from envmgr.domain.values.hosts.duty import Duty, Task
from envmgr.domain.values.hosts.host import Report
from envmgr.domain.values.hosts.terms import TERMS
from envmgr.ports import LeaseTaken, Store
from tests.support.store import ALICE, MINUTE, NOW, SECOND, SHOP

WATCH = Duty.of(SHOP)
ONE = ProcessId("one", "boot-1", 100, 1, "id-one")
TWO = ProcessId("two", "boot-2", 200, 2, "id-two")


def daemon(process: ProcessId, **digests: str) -> Report:
    """What a daemon says."""
    return Report(process=process, version="1.0", configurations=digests, serves=True)


def beat(store: Store, report: Report, now: datetime = NOW, *, dead: bool = False) -> str:
    """Lets a host say that it is there; why it is refused."""
    return store.hosts.beat(report, now, lambda _: dead).refused


def test_a_host_is_known_by_what_it_said_last(store: Store) -> None:
    """And how long ago that was; what it works on by which digest since when."""
    beat(store, daemon(ONE, acme="d1"))
    beat(store, daemon(ONE, acme="d2", umbra="d1"), NOW + MINUTE)
    [host] = store.hosts.all(NOW + MINUTE + SECOND)
    assert (host.process, host.version, host.serves, host.draining) == (ONE, "1.0", True, False)
    assert (host.started_at, host.beat_at, host.silence) == (NOW, NOW + MINUTE, SECOND)
    assert {name: (each.digest, each.since) for name, each in host.configurations.items()} == {
        "acme": ("d2", NOW + MINUTE),
        "umbra": ("d1", NOW + MINUTE),
    }


def test_an_older_configuration_is_no_newer_for_coming_again(store: Store) -> None:
    """A host that starts with old files has an old configuration."""
    beat(store, daemon(ONE, acme="old"))
    beat(store, daemon(ONE, acme="new"), NOW + MINUTE)
    beat(store, daemon(TWO, acme="old"), NOW + 2 * MINUTE)
    one, two = store.hosts.all(NOW + 2 * MINUTE)
    assert one.configurations["acme"].since > two.configurations["acme"].since


def test_a_second_host_of_a_name_is_refused_while_the_first_lives(store: Store) -> None:
    """And told so; half a minute after the last word of the first it may come."""
    beat(store, daemon(ONE))
    other = replace(TWO, host="one")
    assert "Another host called one (ID id-two"[:26] in beat(store, daemon(other), NOW + SECOND)
    assert [host.id for host in store.hosts.all(NOW)] == ["id-one"]
    assert beat(store, daemon(other), NOW + MINUTE) == ""
    assert "each host needs a name of its own" in beat(store, daemon(ONE), NOW + MINUTE)


def test_who_is_refused_is_known_and_counts_for_nothing(store: Store) -> None:
    """Of another's name, or a copy with its ID; a person's process is told itself. Who is let in is one of the hosts again."""
    beat(store, daemon(ONE))
    other, copy = replace(TWO, host="one"), replace(ONE, boot="boot-2")
    assert store.hosts.refused(NOW) == []
    for process in (other, copy):
        assert beat(store, daemon(process), NOW + SECOND)
        assert beat(store, Report(process=replace(process, boot="boot-3"), version="1.0"), NOW + SECOND)
    found = store.hosts.refused(NOW + 3 * SECOND)
    assert {each.process: each.silence for each in found} == {other: 2 * SECOND, copy: 2 * SECOND}
    assert all(each.refused and each.serves for each in found)
    assert [host.process for host in store.hosts.all(NOW)] == [ONE]
    assert beat(store, daemon(ONE), NOW + 2 * SECOND) == ""
    assert not store.hosts.drain("id-two", draining=True)

    assert len(with_refused(store.hosts.all(NOW), store.hosts.refused(NOW + 3 * SECOND))) == 3
    late = NOW + MINUTE
    assert len(with_refused(store.hosts.all(late), store.hosts.refused(late))) == 1
    assert beat(store, daemon(other), late) == ""
    assert beat(store, daemon(ONE), late + SECOND)
    shown = with_refused(store.hosts.all(late), store.hosts.refused(late + SECOND))
    assert {each.process: bool(each.refused) for each in shown} == {other: False, ONE: True}


def test_a_copy_of_a_host_is_refused_while_the_first_lives(store: Store) -> None:
    """Of two machines with one ID only one works; a process that is provably dead holds nobody up."""
    beat(store, daemon(ONE))
    copy = replace(ONE, boot="boot-2")
    assert "is in use since another boot" in beat(store, daemon(copy), NOW + SECOND)
    assert beat(store, daemon(copy), NOW + SECOND, dead=True) == ""


def test_a_verb_beside_the_daemon_says_only_that_the_host_lives(store: Store) -> None:
    """What the daemon said of itself stays."""
    beat(store, daemon(ONE, acme="d1"))
    verb = Report(process=replace(ONE, pid=101), version="1.0", configurations={"acme": "d9"})
    beat(store, verb, NOW + SECOND)
    [host] = store.hosts.all(NOW + SECOND)
    assert (host.process, host.serves, host.silence) == (ONE, True, timedelta(0))
    assert host.configurations["acme"].digest == "d1"


def test_a_daemon_that_ended_in_order_is_not_silent(store: Store) -> None:
    """One that just fell silent is."""
    beat(store, daemon(ONE))
    beat(store, daemon(TWO))
    store.hosts.leave(ONE, NOW + SECOND)
    store.hosts.leave(replace(TWO, pid=201), NOW + SECOND)  # another process of it, in nobody's name
    one, two = store.hosts.all(NOW + MINUTE)
    assert (one.is_silent, two.is_silent) == (False, True)


def test_drained_and_forgotten(store: Store) -> None:
    """Draining outlives a restart; who was forgotten is known again as soon as it says something."""
    beat(store, daemon(ONE))
    assert store.hosts.drain("id-one", draining=True)
    beat(store, daemon(replace(ONE, pid=101)), NOW + SECOND)
    assert store.hosts.all(NOW)[0].draining
    assert not store.hosts.forgotten("id-one")
    assert store.hosts.forget("id-one")
    assert (store.hosts.all(NOW), store.hosts.forgotten("id-one")) == ([], True)
    assert not store.hosts.drain("id-one", draining=False)
    assert not store.hosts.forget("nobody")
    beat(store, daemon(ONE), NOW + MINUTE)
    assert not store.hosts.forgotten("id-one")


def test_one_host_looks_at_a_remote(store: Store, store_location: str) -> None:
    """Another once that one is silent, drained, or leaves it. In SQLite's file there is no other host."""
    if store_location.endswith(".db"):
        assert store.hosts.takes(WATCH, ONE, NOW)
        return
    for process in (ONE, TWO):
        beat(store, daemon(process))
    assert [store.hosts.takes(WATCH, p, NOW) for p in (ONE, TWO, ONE)] == [True, False, True]
    store.hosts.drain("id-one", draining=True)
    assert [store.hosts.takes(WATCH, p, NOW) for p in (TWO, ONE)] == [True, False]
    beat(store, daemon(ONE), NOW + MINUTE)
    store.hosts.drain("id-one", draining=False)
    assert store.hosts.takes(WATCH, ONE, NOW + MINUTE)  # the other is silent by then
    store.hosts.leaves("acme", ONE)
    assert store.hosts.takes(WATCH, TWO, NOW + MINUTE)


def test_duties_are_taken_each_by_itself(store: Store, store_location: str) -> None:
    """A host is told of its own with each word; in SQLite's file all are its."""
    for process in (ONE, TWO):
        beat(store, daemon(process))
    if store_location.endswith(".db"):
        assert store.hosts.beat(daemon(ONE), NOW, lambda _: False).elsewhere == frozenset()
        return
    drift, all_of_it = Duty("acme", Task.DRIFT), Duty("", Task.TIDYING)
    assert store.hosts.takes(WATCH, ONE, NOW)
    assert store.hosts.takes(drift, TWO, NOW)
    assert store.hosts.takes(all_of_it, TWO, NOW)
    assert not store.hosts.takes(drift, ONE, NOW)
    found = [store.hosts.beat(daemon(process), NOW, lambda _: False).elsewhere for process in (TWO, ONE)]
    assert found == [{WATCH}, {drift, all_of_it}]
    store.hosts.leaves("acme", TWO)
    assert store.hosts.takes(drift, ONE, NOW)
    assert not store.hosts.takes(all_of_it, ONE, NOW)
    beat(store, daemon(ONE), NOW + MINUTE)
    assert store.hosts.takes(all_of_it, ONE, NOW + MINUTE)  # the other is silent by then


def test_the_duties_of_a_dead_host_go_by_the_database_clock(several: Store, database: str) -> None:
    """Two words are missed by then; whatever the hosts' own clocks say."""
    for process in (ONE, TWO):
        beat(several, daemon(process))
        several.hosts.drain(process.machine, draining=False)
    several.hosts.leaves("acme", TWO)  # whatever the test before left here
    assert several.hosts.takes(WATCH, ONE, NOW)
    for age, is_taken in ((TERMS.idle - 2 * SECOND, False), (TERMS.idle + SECOND, True)):
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(
                "UPDATE hosts SET beat_at = to_char(timezone('UTC', clock_timestamp() - %s), "
                """'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') WHERE id = 'id-one'""",
                [age],
            )
        met = several.hosts.beat(daemon(TWO), NOW - MINUTE, lambda _: False)
        assert (WATCH not in met.elsewhere) is is_taken
        assert several.hosts.takes(WATCH, TWO, NOW + timedelta(days=is_taken - 1)) is is_taken


@pytest.fixture
def database(migrated_postgres_database: str) -> str:
    """Where PostgreSQL listens for `several`."""
    return migrated_postgres_database


@pytest.fixture
def several(migrated_postgres_database: str, tmp_path: Path) -> Iterator[Store]:
    """A store on PostgreSQL as several hosts have it, with its clock."""
    with open_store(migrated_postgres_database, tmp_path) as store:
        yield store


def test_a_host_whose_clock_is_wrong_takes_no_living_lease(several: Store) -> None:
    """It is the database's clock by which a lease is over: an hour ahead or behind, nothing is taken or lost."""
    now = datetime.now().astimezone()
    for wrong in (timedelta(hours=1), -timedelta(hours=1)):
        held = several.acquire(ALICE, ONE, "apply", now + wrong, MINUTE, lambda _: False)
        assert isinstance(held, Lease)
        assert abs(held.expires_at - now - MINUTE) < MINUTE / 2
        assert isinstance(
            several.acquire(ALICE, TWO, "apply", now - wrong, MINUTE, lambda _: False), LeaseTaken
        )
        assert ALICE in several.leases(now + timedelta(days=1))
        assert abs(several.renew(held, now - wrong, MINUTE).expires_at - now - MINUTE) < MINUTE / 2
        several.release(held)


def test_a_clock_is_compared_with_the_databases(postgres_database: str, tmp_path: Path) -> None:
    """Where hosts share that; what each is ahead is known to all."""
    store = open_store(postgres_database, tmp_path)
    here = partial(datetime.now, UTC)
    before, there, after = here(), store.hosts.present(), here()
    assert there is not None
    assert before <= there <= after
    beat(store, replace(daemon(ONE), ahead=timedelta(seconds=-90)))
    assert [host.ahead for host in store.hosts.all(NOW)] == [timedelta(seconds=-90)]
    beat(store, daemon(ONE))
    assert [host.ahead for host in store.hosts.all(NOW)] == [timedelta()]
    store.close()


def test_its_clock_is_the_one_by_which_leases_are_over(
    several: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a host compares with its own before it takes one over: where the one is set, so is the other."""
    database = several._database  # type: ignore[attr-defined]
    held = several.acquire(ALICE, ONE, "apply", NOW, MINUTE, lambda _: False)
    assert isinstance(held, Lease)
    before, moment = several.hosts.present(), database.moment
    monkeypatch.setattr(
        database, "moment", lambda now, later=timedelta(): moment(now, later + timedelta(hours=1))
    )
    after = several.hosts.present()
    assert before is not None
    assert after is not None
    assert round((after - before) / MINUTE) == 60
    asked: list[ProcessId] = []

    def lives(owner: ProcessId) -> bool:
        asked.append(owner)
        return True

    taken = several.acquire(ALICE, TWO, "apply", NOW, MINUTE, lambda _: False, lives)
    assert (taken, asked) == (LeaseTaken(held), [ONE])
    several.release(held)


def test_a_host_alone_has_no_other_clock(tmp_path: Path) -> None:
    """Its own is the database's."""
    store = open_store(None, tmp_path)
    assert store.hosts.present() is None
    store.close()
