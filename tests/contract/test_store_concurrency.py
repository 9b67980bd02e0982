"""Nothing is lost where many threads and processes use one store."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from envmgr.domain.values.environment import Environment, Lease
from envmgr.domain.values.names import EnvironmentId
from envmgr.ports import LeaseTaken, Store
from tests.support.store import (
    ALICE,
    COMMIT,
    NOW,
    OURS,
    SECOND,
    THEIRS,
    event,
    get,
    having,
    in_threads,
    look,
    seen,
    take,
    taken,
)


class TestThreads:
    """One store, many threads: nothing is lost."""

    @pytest.mark.slow
    def test_updates_of_different_fields(self, store: Store) -> None:
        """8 threads of 40 updates, each read-modify-write under a lease of its own environment."""
        names = [seen(store, f"env-t{number}").id for number in range(8)]

        def work(identity: EnvironmentId) -> None:
            for _ in range(40):
                lease = taken(take(store, identity=identity))
                failures = get(store, identity).failure.count
                store.update(identity, lease, NOW, having(failures=failures + 1))
                store.release(lease)

        in_threads(work, names)
        assert [get(store, identity).failure.count for identity in names] == [40] * 8
        assert {taken(take(store, identity=identity)).generation for identity in names} == {41}

    def test_all_for_one_lease(self, store: Store, alice: Environment) -> None:
        """8 threads of 40 tries: each generation is won once, and every winner's write counts."""

        def work(number: int) -> list[int]:
            won = []
            for _ in range(40):
                lease = take(store, replace(OURS, pid=number))
                if isinstance(lease, Lease):
                    store.update(ALICE, lease, NOW, having(failures=get(store).failure.count + 1))
                    store.release(lease)
                    won.append(lease.generation)
            return won

        won = sorted(generation for each in in_threads(work, range(8)) for generation in each)
        assert won == list(range(1, len(won) + 1))
        assert get(store).failure.count == len(won) > 0

    def test_a_dead_owner_has_one_heir(self, store: Store) -> None:
        """However many find it dead at the same time."""
        take(store)
        answers = in_threads(lambda number: take(store, replace(THEIRS, pid=number), dead=[OURS]), range(8))
        heirs = [answer for answer in answers if isinstance(answer, Lease)]
        assert [heir.generation for heir in heirs] == [2]
        assert {answer for answer in answers if isinstance(answer, LeaseTaken)} <= {LeaseTaken(heirs[0])}

    def test_looks_and_updates_keep_out_of_each_others_way(self, store: Store, alice: Environment) -> None:
        """The poller counts 30 absences while a worker counts 30 failures."""

        def poll(number: int) -> None:
            look(store, {}, now=NOW + SECOND * number)

        def fail(number: int) -> None:
            store.update(ALICE, None, NOW, having(failures=get(store).failure.count + 1))

        in_threads(lambda work: list(map(work, range(30))), [poll, fail])
        assert (get(store).absences, get(store).failure.count) == (30, 30)

    def test_looks_at_one_repository_follow_each_other(self, store: Store, alice: Environment) -> None:
        """None reads what another is about to change."""
        in_threads(lambda _: [look(store, {}, now=NOW) for _ in range(10)], range(4))
        assert get(store).absences == 40

    def test_first_looks_at_one_repository_at_once(self, store: Store) -> None:
        """Two processes that see new branches together add each of them once."""
        branches = {f"env-n{number}": COMMIT for number in range(20)}
        observed = in_threads(lambda _: look(store, branches), range(6))
        assert sum(len(each.new) for each in observed) == 20
        assert len(store.environments()) == 20

    def test_events_become_visible_in_order(self, store: Store) -> None:
        """Whoever follows them by id misses none."""
        followed: list[int] = []

        def follow(_: int) -> None:
            while len(followed) < 120:
                followed.extend(e.id for e in store.events(after=followed[-1] if followed else 0))

        def write(number: int) -> None:
            for _ in range(40):
                store.record(event(NOW, ALICE, str(number)))

        in_threads(lambda number: (write if number else follow)(number), range(4))
        assert followed == sorted(set(followed))
        assert len(followed) == 120


RACER = """
import json, sys, time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from envmgr.adapters.store.connect import open_store
from envmgr.domain.values.environment import Lease, ProcessId
from envmgr.domain.values.names import EnvironmentId

store = open_store(sys.argv[1], Path(sys.argv[2]))
alice = EnvironmentId("acme", "shop", "alice")
me = ProcessId("host", "boot", int(sys.argv[3]), 1)
now = datetime.fromisoformat(sys.argv[4])
print("ready", flush=True)
sys.stdin.readline()
won = []
for _ in range(40):
    lease = store.acquire(alice, me, "race", now, timedelta(hours=1), lambda process: False)
    if isinstance(lease, Lease):
        store.update(alice, lease, now, lambda e: replace(e, failure=replace(e.failure, count=e.failure.count + 1)))
        store.release(lease)
        won.append(lease.generation)
store.close()
print(json.dumps(won))
"""


@pytest.mark.slow
def test_processes_race_for_one_lease(
    store_location: str, store: Store, alice: Environment, tmp_path: Path
) -> None:
    """Exactly one of four wins each generation, and no winner's write is lost."""
    if store_location == "memory":
        return  # memory is one process's
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, store_location, str(tmp_path), str(number), NOW.isoformat()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    won = sorted(generation for racer in racers for generation in json.loads(racer.communicate()[0]))
    assert won == list(range(1, len(won) + 1))
    assert get(store).failure.count == len(won) > 0
