"""What a process remembers of records is what a whole reading gives, whoever wrote meanwhile, and in which order it ended."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from envmgr.adapters.store import environments, records
from envmgr.adapters.store.cache import environments as remembered
from envmgr.adapters.store.connect import open_store
from envmgr.adapters.store.store import SqlStore
from envmgr.domain.values.environment import Environment, Status
from envmgr.domain.values.names import EnvironmentId, RepositoryId
from tests.support.examples import examples
from tests.support.store import COMMIT, MINUTE, NOW, OURS, SECOND, SHOP, having, look, seen, taken
from tests.support.store import take as take_lease

NAMES = ("a", "b", "c", "d")
COMMITS = (COMMIT, "b" * 40)
NAME, SOME = st.sampled_from(NAMES), st.sets(st.sampled_from(NAMES))
HOST, COMMITTED = st.sampled_from([0, 1]), st.booleans()
TIME = st.sampled_from([NOW - MINUTE, NOW, NOW + SECOND])
"""Clocks differ, and two writes may say the same."""
_numbers = itertools.count(1)


def whole(store: SqlStore, repository: RepositoryId, *, destroyed: bool) -> Sequence[Environment]:
    """All records, read by one statement that knows of nothing read before."""
    with store._database.read() as connection:
        return environments.find(connection, None, repository, destroyed=destroyed)


@pytest.fixture(autouse=True)
def _of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of small repositories as well."""
    monkeypatch.setattr(remembered, "LEAST", 1)


class Hosts(RuleBasedStateMachine):
    """Two hosts that write to one repository, a new one in each example, each with what it remembers."""

    hosts: tuple[SqlStore, SqlStore]
    is_server = False

    def __init__(self) -> None:
        super().__init__()
        self.repository = RepositoryId(f"acme{next(_numbers)}", "shop")
        self.under_way: dict[str, ExitStack] = {}

    def teardown(self) -> None:
        """Whatever is under way ends; then both know all."""
        for name in list(self.under_way):
            self.end(name, is_kept=True)
        for host, destroyed in itertools.product(range(2), (True, False)):
            self.read(host, destroyed)

    def identity(self, name: str) -> EnvironmentId:
        """An environment of this example's."""
        return EnvironmentId(self.repository.organization, self.repository.name, name)

    def may_write(self, name: str) -> bool:
        """Whether it is there, and no transaction that is under way has it."""
        is_there = self.hosts[0].environment(self.identity(name)) is not None
        return is_there and name not in self.under_way

    @rule(names=SOME, commit=st.sampled_from(COMMITS), host=HOST, now=TIME)
    def push(self, names: set[str], commit: str, host: int, now: Any) -> None:
        """A look at the remote: of all of them, in one transaction."""
        if not self.under_way:
            branches = {"main": commit, **{f"env-{name}": commit for name in names}}
            look(self.hosts[host], branches, now=now, repository=self.repository)

    @rule(name=NAME, host=HOST, now=TIME, is_gone=st.booleans())
    def write(self, name: str, host: int, now: Any, is_gone: bool) -> None:
        """A step of an environment."""
        if self.may_write(name):
            status = Status.DESTROYED if is_gone else Status.READY
            self.hosts[host].update(
                self.identity(name), None, now, having(status=status, message=f"{next(_numbers)}")
            )

    @rule(name=NAME, host=HOST)
    def work(self, name: str, host: int) -> None:
        """Under a lease, which another one takes over."""
        if self.may_write(name):
            store, identity = self.hosts[host], self.identity(name)
            lease = taken(take_lease(store, replace(OURS, pid=next(_numbers)), identity=identity))
            store.update(identity, lease, NOW, having(message=f"{next(_numbers)}"))
            store.release(lease)

    @rule(host=HOST)
    def prune(self, host: int) -> None:
        """What is destroyed is forgotten, and its name may be used anew."""
        if not self.under_way:
            self.hosts[host].prune(NOW + MINUTE)

    @rule(names=SOME, host=HOST, again=st.booleans())
    def restore(self, names: set[str], host: int, again: bool) -> None:
        """Records that were lost come back, with the time that they had."""
        if not self.under_way:
            lost = [
                each
                for each in whole(self.hosts[0], self.repository, destroyed=True)
                if each.id.name in names
            ]
            store = self.hosts[host]
            if again:
                for each in lost:
                    store.update(each.id, None, NOW - MINUTE, having(status=Status.DESTROYED))
                store.prune(NOW)
            store.restore([replace(each, message=f"{next(_numbers)}") for each in lost])

    @rule(name=NAME, host=HOST, now=TIME)
    def begin(self, name: str, host: int, now: Any) -> None:
        """A transaction writes, and has not ended: what is written after it may be seen before it."""
        if self.is_server and self.may_write(name):
            ending = self.under_way[name] = ExitStack()
            connection = ending.enter_context(self.hosts[host]._database.write())
            change = having(message=f"{next(_numbers)}")
            environments.change(connection, self.identity(name), now, change)

    @rule(name=NAME, is_kept=st.booleans())
    def end(self, name: str, is_kept: bool) -> None:
        """It ends, one way or the other."""
        ending = self.under_way.pop(name, None)
        if ending is None:
            return
        if is_kept:
            ending.close()
            return
        with pytest.raises(_Undone), ending:
            raise _Undone

    @rule(host=HOST, destroyed=st.booleans())
    def read(self, host: int, destroyed: bool) -> None:
        """What is remembered, as it is brought up to now, is what is there."""
        store = self.hosts[host]
        expected = whole(store, self.repository, destroyed=destroyed)
        assert store.environments(repository=self.repository, destroyed=destroyed) == expected


class _Undone(Exception):
    """Ends a transaction that is not to have happened."""


@pytest.fixture(params=["sqlite", "postgresql"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[SqlStore, SqlStore]]:
    """Two hosts on one database."""
    location = "envmgr.db"
    if request.param == "postgresql":
        location = request.getfixturevalue("postgres_database")
    with open_store(location, tmp_path) as one, open_store(location, tmp_path) as other:
        yield one, other


@pytest.mark.parametrize("few", [1, 500])
def test_whatever_is_written_is_read(
    stores: tuple[SqlStore, SqlStore], monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    """New ones, steps, ends, deletions, a name used anew, what was lost, transactions that overtake each other."""
    monkeypatch.setattr(remembered, "FEW", few)

    class Here(Hosts):
        hosts = stores
        is_server = stores[0].is_shared

    few_examples = settings(derandomize=True, deadline=None, database=None, max_examples=examples(8))
    run_state_machine_as_test(Here, settings=settings(few_examples, stateful_step_count=40))


def test_all_is_of_one_moment(stores: tuple[SqlStore, SqlStore], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written between the two statements is seen as a whole, or not at all."""
    mine, other = stores
    look(mine, {"main": COMMIT, "env-a": COMMIT, "env-b": COMMIT})
    assert len(mine.environments(repository=SHOP)) == 2
    other.update(EnvironmentId("acme", "shop", "a"), None, NOW, having(message="Written before."))
    read, pushed = remembered._read, iter(["b" * 40])

    def late(*arguments: Any) -> Any:
        for commit in pushed:
            look(other, {"main": commit, "env-a": commit, "env-b": commit}, now=NOW + SECOND)
        return read(*arguments)

    monkeypatch.setattr(remembered, "_read", late)
    assert len({each.commit for each in mine.environments(repository=SHOP)}) == 1
    assert {each.commit for each in mine.environments(repository=SHOP)} == {"b" * 40}


def test_only_what_was_written_is_read(
    stores: tuple[SqlStore, SqlStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of many, by a second statement; nothing where nothing was."""
    mine, other = stores
    look(mine, {"main": COMMIT, **{f"env-{number}": COMMIT for number in range(20)}})
    known = list(mine.environments(repository=SHOP, destroyed=True))
    made: list[EnvironmentId] = []
    make = records.environment

    def counted(row: Any) -> Environment:
        found = make(row)
        made.append(found.id)
        return found

    monkeypatch.setattr(records, "environment", counted)
    assert mine.environments(repository=SHOP, destroyed=True) == known
    assert made == []
    other.update(known[7].id, None, NOW, having(message="News."))
    made.clear()
    assert [e.message for e in mine.environments(repository=SHOP)] == [""] * 7 + ["News."] + [""] * 12
    assert made == [known[7].id]


def test_no_more_is_remembered_than_may_be(
    stores: tuple[SqlStore, SqlStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was asked for longest ago is forgotten, and read anew."""
    mine, _ = stores
    monkeypatch.setattr(remembered, "MOST", 3)
    repositories = [RepositoryId("acme", name) for name in ("one", "two", "three")]
    for repository in repositories:
        seen(mine, "env-x", repository)
        look(mine, {"main": COMMIT, "env-x": COMMIT, "env-y": COMMIT}, repository=repository)
    for repository in (*repositories, *repositories):
        assert len(mine.environments(repository=repository)) == 2
        kept = mine._records._repositories
        assert sum(map(len, kept.values())) <= 3
        assert repository in kept


def test_of_a_small_repository_nothing_is_remembered(
    stores: tuple[SqlStore, SqlStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor of one that has become small."""
    mine, _ = stores
    branches = {"main": COMMIT, "env-x": COMMIT, "env-y": COMMIT}
    look(mine, branches)
    for least, kept in ((3, 0), (2, 2), (3, 0)):
        monkeypatch.setattr(remembered, "LEAST", least)
        assert len(mine.environments(repository=SHOP)) == 2
        assert len(mine._records._repositories.get(SHOP, ())) == kept
