"""What every store promises of runs, events and repositories."""

from dataclasses import replace

import pytest

from envmgr.domain.errors import UsageError
from envmgr.domain.values.environment import (
    Changes,
    Environment,
    Event,
    RepositoryState,
    RunKind,
    RunStatus,
    Status,
)
from envmgr.domain.values.names import EnvironmentId, RepositoryId
from envmgr.ports import Store
from tests.support.store import (
    ALICE,
    COMMIT,
    MINUTE,
    NOW,
    OURS,
    SECOND,
    SHOP,
    THEIRS,
    event,
    having,
    seen,
    take,
    taken,
)


class TestRuns:
    """Plans, applies and destroys."""

    def test_a_run_from_start_to_end(self, store: Store) -> None:
        """Each step is there when the call returns."""
        run = store.start_run(ALICE, RunKind.APPLY, COMMIT, OURS, "daemon", NOW)
        assert (run.status, run.started_at, run.owner, run.finished_at) == (
            RunStatus.RUNNING,
            NOW,
            OURS,
            None,
        )
        assert store.run(run.id) == run
        store.set_child(run.id, THEIRS)
        store.set_lock(run.id, "x-1")
        store.finish_run(run.id, RunStatus.FAILED, NOW + SECOND, "no \0 quota", Changes(1, 2, 3))
        assert store.run(run.id) == replace(
            run,
            child=THEIRS,
            lock_id="x-1",
            changes=Changes(1, 2, 3),
            status=RunStatus.FAILED,
            finished_at=NOW + SECOND,
            message="no \0 quota",
        )

    def test_the_end_keeps_what_was_noted_before(self, store: Store) -> None:
        """Unless it says something else."""
        run = store.start_run(ALICE, RunKind.PLAN, COMMIT, OURS, "user ann", NOW, lambda run: f"logs/{run}")
        assert run.log == f"logs/{run.id}"
        store.set_child(run.id, THEIRS)
        store.finish_run(run.id, RunStatus.SUCCEEDED, NOW, changes=Changes(0, 0, 0))
        ended = store.run(run.id)
        assert ended is not None
        assert (ended.child, ended.changes, ended.log) == (THEIRS, Changes(0, 0, 0), run.log)

    def test_newest_first_and_filtered(self, store: Store) -> None:
        """By environment and status, up to a limit."""
        other = EnvironmentId("acme", "shop", "bob")
        ids = [store.start_run(e, RunKind.APPLY, COMMIT, OURS, "", NOW).id for e in (ALICE, other, ALICE)]
        store.finish_run(ids[0], RunStatus.INTERRUPTED, NOW)
        assert [run.id for run in store.runs()] == ids[::-1]
        assert [run.id for run in store.runs(ALICE)] == [ids[2], ids[0]]
        assert [run.id for run in store.runs(status=RunStatus.RUNNING)] == [ids[2], ids[1]]
        assert [run.id for run in store.runs(ALICE, status=RunStatus.RUNNING, limit=1)] == [ids[2]]
        assert [run.id for run in store.runs(limit=2)] == [ids[2], ids[1]]

    def test_unknown_runs_are_refused(self, store: Store) -> None:
        """Whatever is to be said of them."""
        run = store.start_run(ALICE, RunKind.APPLY, COMMIT, OURS, "", NOW)
        with pytest.raises(UsageError, match="999"):
            store.set_child(999, THEIRS)
        with pytest.raises(UsageError, match="999"):
            store.set_lock(999, "x")
        with pytest.raises(UsageError, match="999"):
            store.finish_run(999, RunStatus.FAILED, NOW)
        assert store.run(run.id) == run


class TestEvents:
    """Everything that happened."""

    def test_kept_in_order_with_ids(self, store: Store) -> None:
        """Ids grow; all else comes back as it was."""
        events = [
            Event(
                at=NOW - MINUTE * n,
                environment=e,
                action="applied",
                message=f"m{n} \udc80",
                actor="daemon",
                commit=c,
                run=r,
            )
            for n, (e, c, r) in enumerate([(ALICE, COMMIT, 7), (None, None, None), (ALICE, None, None)])
        ]
        for each in events:
            store.record(each)
        got = store.events()
        assert [replace(each, id=0) for each in got] == events
        ids = [each.id for each in got]
        assert ids == sorted(set(ids))
        assert ids[0] > 0

    def test_filtered(self, store: Store) -> None:
        """By environment, time, id and action; a limit keeps the newest, in order."""
        for minute in range(6):
            environment = ALICE if minute % 2 else None
            made = event(NOW + MINUTE * minute, environment, str(minute))
            store.record(replace(made, action=f"act-{minute % 3}"))

        def messages(*args: EnvironmentId, **filters: object) -> str:
            return "".join(e.message for e in store.events(*args, **filters))  # type: ignore[arg-type]

        third = store.events()[2].id
        assert messages(ALICE) == "135"
        assert messages(since=NOW + MINUTE * 4) == "45"
        assert messages(after=third) == "345"
        assert messages(limit=2) == "45"
        assert messages(after=third, limit=1) == "5"
        assert messages(ALICE, since=NOW + MINUTE * 2, after=third, limit=9) == "35"
        assert messages(actions=["act-0", "act-2"]) == "0235"
        assert messages(actions=["act-0"], limit=1) == "3"
        assert messages(actions=[]) == ""


def test_what_polling_knows(store: Store) -> None:
    """Of each repository its own."""
    state = RepositoryState(
        default_branch="ma\udcffin",
        listing_digest="d" * 64,
        polled_at=NOW,
        succeeded_at=NOW,
        failures=2,
        error="x",
        known_commit="a" * 40,
        known_address="b" * 64,
        offered_commit="c" * 40,
    )
    store.save_repository(SHOP, RepositoryState(failures=9))
    store.save_repository(SHOP, state)
    store.save_repository(SHOP, state)
    assert store.repository(SHOP) == state
    web = RepositoryId("acme", "web")
    assert store.repository(web) == RepositoryState()
    store.save_repository(web, RepositoryState(polled_at=NOW))
    assert store.unreachable() == {SHOP: state}
    assert store.polled() == {SHOP: state, web: RepositoryState(polled_at=NOW)}


def test_prune_deletes_what_is_over_and_old(store: Store, alice: Environment) -> None:
    """Never what is open, running or young; generations and ids go on."""
    old, cut = NOW - MINUTE, NOW
    for branch, status, at in [
        ("old", Status.DESTROYED, old),
        ("young", Status.DESTROYED, cut),
        ("open", Status.FAILED, old),
    ]:
        identity = seen(store, f"env-{branch}").id
        store.update(identity, None, at, having(status=status))
    store.release(taken(take(store, identity=EnvironmentId("acme", "shop", "old"))))
    running, ended, fresh = (store.start_run(ALICE, RunKind.APPLY, COMMIT, OURS, "", old) for _ in range(3))
    store.finish_run(ended.id, RunStatus.FAILED, old)
    store.finish_run(fresh.id, RunStatus.FAILED, cut)
    store.record(event(cut, ALICE, "young"))
    store.record(event(old, ALICE, "old"))
    last = store.events()[-1].id

    assert store.prune(cut) == 3

    assert {e.id.name for e in store.environments(destroyed=True)} == {"alice", "young", "open"}
    assert [run.id for run in store.runs()] == [fresh.id, running.id]
    assert [e.message for e in store.events()] == ["young"]
    assert taken(take(store, identity=EnvironmentId("acme", "shop", "old"))).generation == 2
    store.record(event(cut, None, "next"))
    assert store.events()[-1].id > last
    assert store.prune(cut) == 0


def test_check_says_which_database_is_sound(store: Store, alice: Environment) -> None:
    """In a sentence, without a password."""
    assert store.check().endswith("1 environment.")
