"""The queue: one suite for a process's own in memory, and for the one that hosts share in PostgreSQL."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, event

from envmgr.adapters.store.connect import open_store
from envmgr.domain.errors import NeedsOperator
from envmgr.domain.values.hosts.priority import Priority
from envmgr.domain.values.names import EnvironmentId
from envmgr.engine.reconcile.queue import ThreadQueue
from envmgr.ports.hosts import Queue
from tests.support import postgres
from tests.support.store import in_threads
from tests.support.waiting import wait_for

Opening = Callable[[], Queue]
_EMPTY = "TRUNCATE procrastinate_jobs, procrastinate_workers, procrastinate_events CASCADE"
_SILENT = "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '31 seconds'"


@pytest.fixture(scope="module")
def queue_database(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with the tables of a queue, made once for this module."""
    url = postgres.make_database(postgres_url, "queue")
    with open_store(url, tmp_path_factory.mktemp("data")) as store:
        store.queue().sweep()
    return url


@pytest.fixture
def hosts(queue_database: str, tmp_path: Path) -> Iterator[Opening]:
    """Opens the shared queue as another host each time; it is empty."""
    with psycopg.connect(queue_database, autocommit=True) as connection:
        connection.execute(_EMPTY)
    stores = []

    def opened() -> Queue:
        stores.append(open_store(queue_database, tmp_path))
        return stores[-1].queue()

    yield opened
    for store in stores:
        store.close()


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """What is asked of any database from now on, but for the bounds of transactions."""
    asked: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        asked.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield asked
    event.remove(Engine, "before_cursor_execute", note)


@pytest.fixture(params=["threads", "procrastinate"])
def queue(request: pytest.FixtureRequest) -> Queue:
    """An empty queue."""
    if request.param == "threads":
        return ThreadQueue()
    opened: Queue = request.getfixturevalue("hosts")()
    return opened


def of(name: str, organization: str = "acme") -> EnvironmentId:
    """An environment of the shop."""
    return EnvironmentId(organization, "shop", name)


def order(queue: Queue, organization: str = "acme") -> list[str]:
    """Takes all that wait; their names."""
    names = []
    while (turn := queue.take(organization)) is not None:
        names.append(turn.environment.name)
        queue.done(turn)
    return names


def test_the_more_urgent_comes_first_and_among_equals_who_waits_longest(queue: Queue) -> None:
    """A person's wish overtakes pushes, a push the clock, and drift waits for all."""
    for name, priority in (
        ("drift", Priority.DRIFT),
        ("push-1", Priority.PUSH),
        ("clock", Priority.SCHEDULE),
        ("push-2", Priority.PUSH),
        ("person", Priority.PERSON),
        ("push-3", Priority.PUSH),
    ):
        queue.put({of(name): priority})
    assert order(queue) == ["person", "push-1", "push-2", "push-3", "clock", "drift"]


def test_an_environment_waits_once_by_its_greatest_priority(queue: Queue) -> None:
    """It keeps the place that it has for as long as it waits; a lesser wish takes nothing away."""
    queue.put({of("alice"): Priority.DRIFT})
    queue.put({of("bob"): Priority.PUSH})
    queue.put({of("alice"): Priority.PUSH})
    queue.put({of("alice"): Priority.SCHEDULE})
    queue.put({of("bob"): Priority.PUSH})
    assert queue.waiting(["acme"]) == {"acme": 2}
    assert order(queue) == ["alice", "bob"]
    assert queue.waiting(["acme"]) == {}


def test_many_are_put_at_once_in_their_order(queue: Queue) -> None:
    """Those among them that wait already keep their place, and are raised where more is wanted."""
    queue.put({of("bob"): Priority.DRIFT, of("dave"): Priority.PUSH})
    queue.put({of(name): Priority.PUSH for name in ("carol", "bob", "alice", "dave")})
    queue.put({})
    assert queue.waiting(["acme"]) == {"acme": 4}
    assert order(queue) == ["bob", "dave", "carol", "alice"]


def test_each_organization_has_its_own_turns(queue: Queue) -> None:
    """Nor are applications of one environment the same."""
    queue.put({of("alice", "other"): Priority.PERSON})
    queue.put({of("alice"): Priority.DRIFT})
    queue.put({EnvironmentId("acme", "shop", "alice", "api"): Priority.DRIFT})
    assert queue.waiting(["acme", "other", "third"]) == {"acme": 2, "other": 1}
    assert queue.waiting(["other"]) == {"other": 1}
    first, second = queue.take("acme"), queue.take("acme")
    assert first is not None
    assert second is not None
    assert [first.environment.application, second.environment.application] == ["", "api"]
    assert queue.take("acme") is None
    assert order(queue, "other") == ["alice"]


def test_who_is_put_while_its_turn_lasts_has_another_one(queue: Queue) -> None:
    """What came after the look may be what the look did not see; the end of the first takes nothing from the second."""
    queue.put({of("alice"): Priority.PUSH})
    first = queue.take("acme")
    assert first is not None
    queue.put({of("alice"): Priority.PUSH})
    queue.done(first)
    queue.done(first)
    assert order(queue) == ["alice"]


def test_of_many_who_take_at_once_each_gets_another(queue: Queue) -> None:
    """And of many who put the same at once, one does."""
    names = [f"t{number}" for number in range(12)]
    in_threads(lambda name: queue.put({of(name): Priority.PUSH}), [*names, *names])
    found = in_threads(lambda _: queue.take("acme"), range(14))
    assert sorted(turn.environment.name for turn in found if turn is not None) == sorted(names)


def test_hosts_that_put_the_same_at_once_in_another_order_put_each_once(
    hosts: Opening, queue_database: str
) -> None:
    """None waits for the other for ever: each finds all of it due, and something keeps both in the midst of it."""
    queues = [hosts(), hosts()]
    queues[0].put({of("x"): Priority.PUSH})
    queues[1].sweep()
    orders = [("a", "m", "z"), ("z", "m", "a")]
    with psycopg.connect(queue_database) as other, ThreadPoolExecutor(2) as threads:
        other.execute(
            "UPDATE procrastinate_jobs SET queueing_lock = replace(queueing_lock, '\"x\"', '\"m\"')"
        )
        putting = [
            threads.submit(queue.put, {of(name): Priority.PUSH for name in names})
            for queue, names in zip(queues, orders, strict=True)
        ]
        wait_for(lambda: _blocked(queue_database) == 2)
        other.rollback()
        for each in putting:
            each.result(100)
    assert sorted(order(queues[0])) == ["a", "m", "x", "z"]


def test_what_another_host_has_put_is_asked_for_once_and_written_no_more(
    hosts: Opening, statements: list[str]
) -> None:
    """However many they are; what is new, or wanted more, is put by one statement, too."""
    first, second = hosts(), hosts()
    wanted = {of(f"t{number}"): Priority.PUSH for number in range(50)}
    second.sweep()
    first.put(wanted)
    statements.clear()
    second.put(wanted)
    assert len(statements) == 1
    statements.clear()
    second.put({**wanted, of("t7"): Priority.PERSON, of("new"): Priority.PUSH})
    assert sum("procrastinate_defer_jobs" in each for each in statements) == 1
    assert sum("procrastinate_jobs" in each for each in statements) == 2
    assert order(second)[0] == "t7"


def test_who_puts_one_by_one_in_the_same_moment_is_waited_for(hosts: Opening, queue_database: str) -> None:
    """As a host of an older release does; the rest is put all the same."""
    queue = hosts()
    queue.sweep()
    queue.put({of("alice"): Priority.PUSH})
    with psycopg.connect(queue_database) as other, ThreadPoolExecutor(1) as thread:
        other.execute("UPDATE procrastinate_jobs SET queueing_lock = replace(queueing_lock, 'alice', 'bob')")
        putting = thread.submit(queue.put, {of("bob"): Priority.PERSON, of("carol"): Priority.PUSH})
        wait_for(lambda: _blocked(queue_database) == 1)
        other.commit()
        putting.result(100)
    assert queue.waiting(["acme"]) == {"acme": 2}


def _blocked(url: str) -> int:
    """How many wait for another's transaction there."""
    with psycopg.connect(url) as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        found = connection.execute(query).fetchone()
    return found[0] if found is not None else 0


def test_what_a_host_had_taken_that_is_silent_waits_anew(hosts: Opening, queue_database: str) -> None:
    """One that lives keeps its turns, however long they last; what the silent one says when it is back harms nothing."""
    dead, living = hosts(), hosts()
    dead.put({of("alice"): Priority.PUSH})
    lost = dead.take("acme")
    assert lost is not None
    living.sweep()
    assert living.take("acme") is None

    with psycopg.connect(queue_database, autocommit=True) as connection:
        connection.execute(_SILENT)
    living.sweep()
    again = living.take("acme")
    assert again is not None
    assert again.environment == of("alice")
    dead.done(lost)
    living.sweep()
    assert living.take("acme") is None
    living.done(again)
    with psycopg.connect(queue_database) as connection:
        assert connection.execute("SELECT * FROM procrastinate_jobs").fetchall() == []


def test_a_stranded_turn_keeps_nobody_from_the_next(hosts: Opening, queue_database: str) -> None:
    """Before anybody sweeps, it is put and taken again; the sweep finds it waiting already, and leaves one."""
    dead, living = hosts(), hosts()
    dead.put({of("alice"): Priority.PUSH})
    assert dead.take("acme") is not None
    living.put({of("alice"): Priority.PUSH})
    with psycopg.connect(queue_database, autocommit=True) as connection:
        connection.execute(_SILENT)
    living.sweep()
    assert living.waiting(["acme"]) == {"acme": 1}
    assert order(living) == ["alice"]


def test_who_leaves_gives_back_at_once_what_it_had_taken(hosts: Opening) -> None:
    """An orderly end need not be waited for."""
    leaving, other = hosts(), hosts()
    leaving.put({of("alice"): Priority.PUSH})
    assert leaving.take("acme") is not None
    leaving.close()
    other.sweep()
    assert order(other) == ["alice"]


def test_a_host_that_the_others_forgot_goes_on_under_another_number(
    hosts: Opening, queue_database: str
) -> None:
    """It was silent for more than a day."""
    host = hosts()
    host.sweep()
    with psycopg.connect(queue_database, autocommit=True) as connection:
        connection.execute("DELETE FROM procrastinate_workers")
    host.put({of("alice"): Priority.PUSH})
    host.sweep()
    assert order(host) == ["alice"]


def test_tables_of_another_release_are_a_sentence_for_a_person(postgres_url: str, tmp_path: Path) -> None:
    """Nothing is put or taken by functions that are not those."""
    url = postgres.make_database(postgres_url, "queue_of_another_release")
    with open_store(url, tmp_path) as store:
        store.queue().sweep()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP FUNCTION procrastinate_fetch_job_v2")
        with pytest.raises(NeedsOperator, match=r"procrastinate_fetch_job_v2 is missing.*queue: threads"):
            store.queue().put({of("alice"): Priority.PUSH})
