"""What the queue in PostgreSQL costs each piece of work, and a burst that three hosts take from it instead of one."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from envmgr.adapters.store.connect import open_store
from envmgr.adapters.store.store import SqlStore
from envmgr.domain.values.hosts.priority import Priority
from envmgr.domain.values.names import EnvironmentId
from tests.benchmarks.comparison import Comparison
from tests.benchmarks.interleaving import interleaved, seconds
from tests.benchmarks.laboratory import Absent, Laboratory
from tests.support import postgres

BURST = 200
PLACES = 6
"""On all hosts together."""
WORK = 0.25
"""Seconds that a piece of work takes, without processor time: its Terraform would be the same with one host and three."""
COST, RATIO = 50.0, 1.1


def shared_queue(laboratory: Laboratory) -> list[Comparison]:
    """Milliseconds of queue for each of 200 environments, and seconds until the last one is done."""
    programs = postgres.find_programs()
    if programs is None:
        raise Absent("PostgreSQL's initdb and postgres are absent: install Debian's postgresql")
    with postgres.running_postgres(programs) as url, _hosts(url, laboratory.place("queue"), 3) as stores:
        cost = tuple(_cost(stores[0]) for _ in range(laboratory.rounds))
        three, one = interleaved(laboratory.rounds, lambda _: _burst(stores), lambda _: _burst(stores[:1]))
    note = f"PostgreSQL; load average {os.getloadavg()[0]:.1f}"
    return [
        Comparison(
            name="queue, for each piece of work",
            unit="ms",
            ours=cost,
            limit=COST,
            relative=False,
            note=f"put, a place looked for, taken, done, one after the other; {note}",
        ),
        Comparison(
            name=f"burst of {BURST} from one queue, three hosts over one",
            unit="s",
            ours=three,
            by_hand=one,
            limit=RATIO,
            paired=True,
            note=f"{PLACES} places in all, {WORK:.2f} s of waiting instead of Terraform, each host finds all of it; {note}",
        ),
    ]


@contextmanager
def _hosts(url: str, folder: Path, number: int) -> Iterator[list[SqlStore]]:
    with ExitStack() as ending:
        yield [ending.enter_context(open_store(url, folder)) for _ in range(number)]


def _cost(store: SqlStore) -> float:
    queue = store.queue()
    queue.sweep()

    def through() -> None:
        for number in range(BURST):
            queue.put({_environment(number): Priority.PUSH})
        for _ in range(BURST):
            store.places.taken("acme", datetime.now(UTC))
            turn = queue.take("acme")
            if turn is None:
                raise RuntimeError("something put was not there to be taken")
            queue.done(turn)

    return seconds(through) / BURST * 1000


def _burst(stores: list[SqlStore]) -> float:
    """Seconds; each host puts all, as each of them finds all of it due."""
    done: list[EnvironmentId] = []
    queues = [store.queue() for store in stores]
    for queue in queues:
        queue.sweep()

    def works(host: int) -> None:
        while (turn := queues[host].take("acme")) is not None:
            time.sleep(WORK)
            queues[host].done(turn)
            done.append(turn.environment)

    def finds(host: int) -> None:
        queues[host].put({_environment(number): Priority.PUSH for number in range(BURST)})

    def all_at_once() -> None:
        _together([threading.Thread(target=finds, args=(host,)) for host in range(len(stores))])
        _together([threading.Thread(target=works, args=(number % len(stores),)) for number in range(PLACES)])

    took = seconds(all_at_once)
    if sorted(done) != sorted(map(_environment, range(BURST))):
        raise RuntimeError("something was done twice, or not at all")
    return took


def _together(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _environment(number: int) -> EnvironmentId:
    return EnvironmentId("acme", "shop", f"t{number:03}")
