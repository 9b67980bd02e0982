"""What a run came to, and that it ended, are one write: a database that fails in between has taken neither."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from envmgr.adapters.store.store import SqlStore
from envmgr.domain.errors import EnvmgrError
from envmgr.domain.rules.transitions.standing import says
from envmgr.domain.values.environment import Environment, Event, Lease, RunEnd, RunKind, RunStatus
from envmgr.ports import Store
from tests.support.store import ALICE, COMMIT, MINUTE, NOW, OURS, SECOND, get

_SQLITE = (
    "CREATE TRIGGER no_end BEFORE UPDATE OF status ON runs BEGIN SELECT RAISE(ABORT, 'no connection'); END",
    "DROP TRIGGER no_end",
)
_POSTGRES = (
    "CREATE FUNCTION no_end() RETURNS trigger AS $$ BEGIN RAISE 'no connection'; END $$ LANGUAGE plpgsql; "
    "CREATE TRIGGER no_end BEFORE UPDATE OF status ON runs FOR EACH ROW EXECUTE FUNCTION no_end()",
    "DROP TRIGGER no_end ON runs; DROP FUNCTION no_end()",
)


@contextmanager
def failing(store: SqlStore, table: str) -> Iterator[None]:
    """A trigger has each write of that kind fail."""
    is_postgres = store._database.engine.dialect.name == "postgresql"
    begin, end = (each.replace("runs", table) for each in (_POSTGRES if is_postgres else _SQLITE))
    if table == "events":
        begin = begin.replace("UPDATE OF status", "INSERT")
    with store._database.write() as connection:
        connection.exec_driver_sql(begin)
    try:
        yield
    finally:
        with store._database.write() as connection:
            connection.exec_driver_sql(end)


@pytest.mark.parametrize("table", ["runs", "events"])
def test_a_run_that_cannot_be_ended_has_settled_nothing(store: Store, alice: Environment, table: str) -> None:
    """Neither the record nor the event is written, and the next try writes all three."""
    if not isinstance(store, SqlStore):
        return  # in memory nothing fails in between
    lease = store.acquire(ALICE, OURS, "deploy", NOW, MINUTE, lambda _: False)
    assert isinstance(lease, Lease)
    run = store.start_run(ALICE, RunKind.DEPLOY, COMMIT, lease, "daemon", NOW)
    event = Event(
        at=NOW, environment=ALICE, action="deployed", message="Deployed.", actor="daemon", run=run.id
    )
    end = RunEnd(run=run.id, status=RunStatus.SUCCEEDED, at=NOW + SECOND, message="Deployed.")

    def settle() -> None:
        store.update(ALICE, lease, NOW + SECOND, lambda e: says(e, "It is deployed."), event, end)

    with failing(store, table), pytest.raises(EnvmgrError, match="no connection"):
        settle()
    assert (store.environment(ALICE), store.events()) == (alice, [])
    assert store.run(run.id) == run
    settle()
    found = store.run(run.id)
    assert found is not None
    assert (found.status, get(store).message) == (RunStatus.SUCCEEDED, "It is deployed.")
    assert [each.run for each in store.events()] == [run.id]
