"""What every store promises: one suite over memory, SQLite and PostgreSQL."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from envmgr.adapters.memory import MemoryStore
from envmgr.adapters.store.connect import open_store
from envmgr.domain.environment import (
    Changes,
    Claim,
    Environment,
    Event,
    Guard,
    Lease,
    Output,
    ProcessId,
    RepositoryState,
    RunKind,
    RunStatus,
    Source,
    SourceKind,
    Status,
)
from envmgr.domain.errors import LeaseLost, UsageError
from envmgr.domain.names import EnvironmentId, RepositoryId
from envmgr.domain.observation import Listing, Observed, observe
from envmgr.ports import Held, Store

T = TypeVar("T")
R = TypeVar("R")

NOW = datetime(2026, 11, 20, 12, 30, 15, 123456, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
SHOP = RepositoryId("acme", "shop")
ALICE = EnvironmentId("acme", "shop", "alice")
OURS = ProcessId("host-a", "boot-1", 100, 5000)
THEIRS = ProcessId("host-b", "boot-2", 200, 6000)
COMMIT = "a" * 40
CLAIM = Claim(
    commit=COMMIT,
    source=Source(SourceKind.DIRECTORY, "terraform", "b" * 40, "."),
    variables={"count": 3, "ratio": 0.5, "names": ["ä", None, True], "tags": {"a": {}}},
    tags={"environment": "alice", "branch": "env-\udcff"},
    terraform_version="1.11.4",
    backend=("s3", {"bucket": "states", "use_lockfile": True}),
    fingerprint="c" * 64,
    lock_file='provider "x" {\n}\n',
)


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str | Path | None:
    """Where the store's database is; None for memory."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("postgres_database")
        return url
    return tmp_path / "data" / "envmgr.db" if request.param == "sqlite" else None


@pytest.fixture
def store(location: str | Path | None, tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    opened: Store = MemoryStore() if location is None else open_store(location, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def alice(store: Store) -> Environment:
    """An environment that the store knows, just seen."""
    return seen(store, "env-alice")


def seen(store: Store, branch: str, repository: RepositoryId = SHOP) -> Environment:
    """Lets a branch be seen for the first time; its environment."""
    observed = look(store, {branch: COMMIT}, repository=repository, trusted=False)
    return observed.new[0]


def look(
    store: Store,
    branches: dict[str, str],
    *,
    now: datetime = NOW,
    repository: RepositoryId = SHOP,
    trusted: bool = True,
) -> Observed:
    """Takes in a listing of a remote."""
    listing = Listing("main", branches)
    return store.revise(
        repository, lambda known: observe(repository, known, listing, ("env-*",), now, trusted=trusted)
    )


def get(store: Store, identity: EnvironmentId = ALICE) -> Environment:
    """An environment that is there."""
    found = store.environment(identity)
    assert found is not None
    return found


def take(
    store: Store,
    owner: ProcessId = OURS,
    *,
    now: datetime = NOW,
    identity: EnvironmentId = ALICE,
    dead: Sequence[ProcessId] = (),
) -> Lease | Held:
    """Asks for a lease of a minute."""
    return store.acquire(identity, owner, "apply", now, MINUTE, lambda process: process in dead)


def taken(answer: Lease | Held) -> Lease:
    """The lease that was surely given."""
    assert isinstance(answer, Lease)
    return answer


def test_an_empty_store_knows_nothing(store: Store) -> None:
    """Nothing is made up."""
    assert list(store.environments(destroyed=True)) == []
    assert store.environment(ALICE) is None
    assert store.repository(SHOP) == RepositoryState()
    assert store.leases(NOW) == {}
    assert list(store.runs()) == []
    assert list(store.events()) == []
    assert store.run(1) is None


class TestEnvironments:
    """Records of environments."""

    def test_a_new_environment_comes_back_as_it_was(self, store: Store) -> None:
        """All fields, with times to the microsecond."""
        want = Environment(
            id=ALICE,
            branch="env-alice\udcff",
            commit=COMMIT,
            status=Status.FAILED,
            message="50 % {of} 'it' \0 failed\nthere: ü 🙂",
            absences=2,
            absent_since=NOW,
            refused="",
            claim=CLAIM,
            applied_commit="d" * 40,
            applied_fingerprint="e" * 64,
            applied_inputs="f" * 64,
            outputs={
                "url": Output("https://x"),
                "n": Output({"a": [1, 2.5]}),
                "key": Output(None, sensitive=True),
            },
            resources=("a.b", 'a.c["x\ny"]'),
            url="https://x",
            suspended="by hand",
            suspended_commit="1" * 40,
            hold=Guard.LIMIT,
            approved=Guard.MASS_DESTROY,
            failures=3,
            failed_on=f"{COMMIT}:x",
            retry_at=NOW + SECOND,
            expires_at=NOW + MINUTE,
            pushed_at=NOW - SECOND,
            created_at=NOW - MINUTE,
            updated_at=NOW,
        )
        store.revise(SHOP, lambda known: Observed(new=(want,)))
        assert get(store) == want
        assert list(store.environments()) == [want]
        assert get(store).created_at.tzinfo is UTC

    def test_a_claim_from_the_store_can_be_changed_as_any_other(
        self, store: Store, alice: Environment
    ) -> None:
        """It is a value of the domain, however the store keeps it."""
        claim = store.update(ALICE, None, NOW, claim=CLAIM).claim
        assert claim is not None
        assert replace(claim, fingerprint="0") == replace(CLAIM, fingerprint="0")
        assert repr(get(store).claim).endswith(repr(CLAIM).removeprefix("Claim"))
        assert get(store).claim != replace(CLAIM, lock_file=None)

    def test_listed_by_name_and_filtered(self, store: Store) -> None:
        """By organization, repository and whether they are destroyed."""
        web, other = RepositoryId("acme", "web"), RepositoryId("other", "shop")
        for repository, branch in [
            (web, "env-a"),
            (SHOP, "env-b2"),
            (SHOP, "env-b-1"),
            (other, "env-z"),
            (SHOP, "env-a"),
        ]:
            seen(store, branch, repository)
        store.update(EnvironmentId("acme", "shop", "a"), None, NOW, status=Status.DESTROYED)

        def names(**filters: object) -> list[str]:
            return [str(e.id) for e in store.environments(**filters)]  # type: ignore[arg-type]

        assert names() == ["acme/shop/b-1", "acme/shop/b2", "acme/web/a", "other/shop/z"]
        assert names(organization="other") == ["other/shop/z"]
        assert names(repository=SHOP) == ["acme/shop/b-1", "acme/shop/b2"]
        assert names(repository=SHOP, destroyed=True) == ["acme/shop/a", "acme/shop/b-1", "acme/shop/b2"]
        assert names(repository=SHOP, organization="other") == []

    def test_update_writes_the_named_fields_only(self, store: Store, alice: Environment) -> None:
        """And gives the environment as it is then."""
        later = NOW + SECOND
        after = store.update(ALICE, None, later, status=Status.READY, claim=CLAIM, message="x", hold=None)
        assert after == replace(alice, status=Status.READY, claim=CLAIM, message="x", updated_at=later)
        assert get(store) == after
        assert store.update(ALICE, None, later, claim=None).claim is None

    @pytest.mark.parametrize("field", ["id", "organization", "statu", "updated_at", "is_open"])
    def test_update_refuses_unknown_fields(self, store: Store, alice: Environment, field: str) -> None:
        """A typo is no silent loss."""
        with pytest.raises(TypeError, match=field):
            store.update(ALICE, None, NOW, message="x", **{field: "x"})
        assert get(store) == alice

    def test_update_of_nothing_says_so(self, store: Store) -> None:
        """An update makes no environment."""
        with pytest.raises(UsageError, match="acme/shop/alice"):
            store.update(ALICE, None, NOW, message="x")
        assert store.environment(ALICE) is None


class TestRevise:
    """What a look at the remote may change."""

    def test_gets_all_of_its_repository(self, store: Store, alice: Environment) -> None:
        """Destroyed ones too, other repositories' not."""
        seen(store, "env-x", RepositoryId("acme", "web"))
        store.update(ALICE, None, NOW, status=Status.DESTROYED)
        got: list[str] = []

        def revision(known: Sequence[Environment]) -> Observed:
            got[:] = [e.id.name for e in known]
            return Observed()

        assert store.revise(SHOP, revision) == Observed()
        assert got == ["alice"]

    def test_writes_the_observed_columns_only(self, store: Store, alice: Environment) -> None:
        """Whatever else the revision says belongs to the holder of the lease."""
        claimed = store.update(
            ALICE, None, NOW, claim=CLAIM, message="mine", status=Status.RUNNING, failures=2
        )
        want = {
            "branch": "env-Alice",
            "commit": "9" * 40,
            "absences": 1,
            "absent_since": NOW,
            "hold": Guard.LIMIT,
            "approved": Guard.LIMIT,
            "pushed_at": NOW + SECOND,
            "updated_at": NOW + MINUTE,
        }
        foreign = {"claim": None, "message": "theirs", "status": Status.READY, "failures": 0, "url": "x"}
        store.revise(SHOP, lambda known: Observed(changed=(replace(known[0], **want, **foreign),)))  # type: ignore[arg-type]
        assert get(store) == replace(claimed, **want)  # type: ignore[arg-type]

    def test_a_refusal_writes_status_and_message(self, store: Store, alice: Environment) -> None:
        """So does the end of a refused one; neither touches the rest."""
        refused = replace(
            alice, refused="two branches", status=Status.FAILED, message="two branches", url="x"
        )
        store.revise(SHOP, lambda known: Observed(changed=(refused,)))
        assert get(store) == replace(refused, url=None)
        gone = replace(get(store), refused="", status=Status.DESTROYED, message="gone")
        store.revise(SHOP, lambda known: Observed(changed=(gone,)))
        assert get(store) == gone

    def test_a_destroyed_environment_is_opened_again(self, store: Store, alice: Environment) -> None:
        """With nothing left of its former life."""
        store.update(
            ALICE,
            None,
            NOW,
            status=Status.DESTROYED,
            outputs={"a": Output(1)},
            applied_commit=COMMIT,
            failures=4,
        )
        later = NOW + MINUTE
        look(store, {"env-alice": "7" * 40}, now=later)
        assert get(store) == replace(
            alice, commit="7" * 40, pushed_at=later, created_at=later, updated_at=later
        )

    def test_a_refused_environment_whose_name_is_free_is_opened(
        self, store: Store, alice: Environment
    ) -> None:
        """The branch gets its environment."""
        refused = replace(alice, refused="taken", status=Status.FAILED, message="taken")
        store.revise(SHOP, lambda known: Observed(changed=(refused,)))
        look(store, {"env-alice": COMMIT}, now=NOW + MINUTE)
        opened = get(store)
        assert (opened.status, opened.message, opened.refused) == (Status.PENDING, "", "")

    def test_a_failing_revision_changes_nothing(self, store: Store, alice: Environment) -> None:
        """And the store works on."""

        def revision(known: Sequence[Environment]) -> Observed:
            raise RuntimeError("lost")

        with pytest.raises(RuntimeError, match="lost"):
            store.revise(SHOP, revision)
        assert store.update(ALICE, None, NOW, message="on").message == "on"

    def test_many_new_at_once(self, store: Store) -> None:
        """A first look at a large repository."""
        look(store, {f"env-e{number}": COMMIT for number in range(300)})
        assert len(store.environments(repository=SHOP)) == 300


class TestLeases:
    """Who works on an environment."""

    def test_a_free_one_is_taken(self, store: Store) -> None:
        """With all that was asked for."""
        lease = taken(take(store))
        assert lease == Lease(
            environment=ALICE,
            generation=1,
            owner=OURS,
            purpose="apply",
            acquired_at=NOW,
            expires_at=NOW + MINUTE,
        )
        assert store.leases(NOW) == {ALICE: lease}

    @pytest.mark.parametrize("owner", [OURS, THEIRS])
    def test_a_held_one_is_refused_to_anybody(self, store: Store, owner: ProcessId) -> None:
        """Also to its own owner."""
        lease = taken(take(store))
        assert take(store, owner, now=NOW + MINUTE - SECOND, dead=[THEIRS]) == Held(lease)
        assert store.leases(NOW) == {ALICE: lease}

    def test_an_expired_one_is_taken_over(self, store: Store) -> None:
        """To the microsecond; the generation grows."""
        lease = taken(take(store))
        end = lease.expires_at
        assert take(store, THEIRS, now=end - timedelta(microseconds=1)) == Held(lease)
        assert store.leases(end) == {}
        assert taken(take(store, THEIRS, now=end)).generation == 2

    def test_a_dead_owner_is_not_waited_for(self, store: Store) -> None:
        """Its lease is taken over at once."""
        take(store)
        lease = taken(take(store, THEIRS, dead=[OURS]))
        assert (lease.generation, lease.owner) == (2, THEIRS)

    def test_one_given_back_is_free_and_its_generation_goes_on(self, store: Store) -> None:
        """A late writer of the first generation stays refused."""
        store.release(taken(take(store)))
        assert store.leases(NOW) == {}
        assert taken(take(store, THEIRS)).generation == 2

    def test_each_environment_has_its_own(self, store: Store) -> None:
        """Work on one keeps nobody from another."""
        other = EnvironmentId("acme", "shop", "bob")
        first, second = taken(take(store)), taken(take(store, identity=other))
        assert store.leases(NOW) == {ALICE: first, other: second}

    def test_renewed(self, store: Store) -> None:
        """Its end moves, its generation does not."""
        lease = taken(take(store))
        later = NOW + timedelta(seconds=50)
        renewed = store.renew(lease, later, MINUTE)
        assert renewed == replace(lease, expires_at=later + MINUTE)
        assert store.leases(later) == {ALICE: renewed}
        store.release(lease)  # the lease as it was given names the same right
        assert store.leases(later) == {}

    def test_a_stale_one_is_refused_everywhere(self, store: Store, alice: Environment) -> None:
        """Nothing is written, and the new owner keeps its lease."""
        stale = taken(take(store))
        lease = taken(take(store, THEIRS, dead=[OURS]))
        with pytest.raises(LeaseLost, match="acme/shop/alice"):
            store.update(ALICE, stale, NOW, message="stale")
        with pytest.raises(LeaseLost):
            store.renew(stale, NOW, MINUTE)
        store.release(stale)
        assert get(store) == alice
        assert store.leases(NOW) == {ALICE: lease}
        assert store.update(ALICE, lease, NOW, message="mine").message == "mine"

    def test_one_given_back_is_refused_too(self, store: Store, alice: Environment) -> None:
        """Its right has ended, although no newer generation is there."""
        lease = taken(take(store))
        store.release(lease)
        store.release(lease)
        with pytest.raises(LeaseLost):
            store.update(ALICE, lease, NOW, message="late")
        with pytest.raises(LeaseLost):
            store.renew(lease, NOW, MINUTE)

    def test_the_owner_counts_beside_the_generation(self, store: Store, alice: Environment) -> None:
        """A forged lease opens nothing."""
        lease = taken(take(store))
        with pytest.raises(LeaseLost):
            store.update(ALICE, replace(lease, owner=THEIRS), NOW, message="x")
        with pytest.raises(ValueError, match="bob"):
            store.update(
                ALICE, replace(lease, environment=EnvironmentId("acme", "shop", "bob")), NOW, message="x"
            )

    def test_an_expired_one_that_nobody_took_still_writes(self, store: Store, alice: Environment) -> None:
        """It is the newest; a late renewal harms nobody."""
        lease = taken(take(store))
        late = NOW + timedelta(hours=1)
        assert store.update(ALICE, lease, late, message="late").message == "late"
        assert store.renew(lease, late, MINUTE).expires_at == late + MINUTE


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
        store.update_run(run.id, child=THEIRS, lock_id="x-1", log="runs/1.log", changes=Changes(1, 2, 3))
        store.finish_run(run.id, RunStatus.FAILED, NOW + SECOND, "no \0 quota")
        assert store.run(run.id) == replace(
            run,
            child=THEIRS,
            lock_id="x-1",
            log="runs/1.log",
            changes=Changes(1, 2, 3),
            status=RunStatus.FAILED,
            finished_at=NOW + SECOND,
            message="no \0 quota",
        )

    def test_the_end_keeps_what_was_said_before(self, store: Store) -> None:
        """Unless it says something else."""
        run = store.start_run(ALICE, RunKind.PLAN, COMMIT, OURS, "user ann", NOW)
        store.update_run(run.id, message="planned")
        store.finish_run(run.id, RunStatus.SUCCEEDED, NOW, changes=Changes(0, 0, 0))
        ended = store.run(run.id)
        assert ended is not None
        assert (ended.message, ended.changes) == ("planned", Changes(0, 0, 0))

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

    def test_unknown_fields_and_runs_are_refused(self, store: Store) -> None:
        """How a run ended is said by `finish_run` alone."""
        run = store.start_run(ALICE, RunKind.APPLY, COMMIT, OURS, "", NOW)
        for field in ("status", "finished_at", "id", "lockid"):
            with pytest.raises(TypeError, match=field):
                store.update_run(run.id, **{field: "x"})
        with pytest.raises(UsageError, match="999"):
            store.update_run(999, log="x")
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
        for event in events:
            store.record(event)
        got = store.events()
        assert [replace(event, id=0) for event in got] == events
        ids = [event.id for event in got]
        assert ids == sorted(set(ids))
        assert ids[0] > 0

    def test_filtered(self, store: Store) -> None:
        """By environment, time and id; a limit keeps the newest, in order."""
        for minute in range(6):
            environment = ALICE if minute % 2 else None
            store.record(event(NOW + MINUTE * minute, environment, str(minute)))

        def messages(*args: EnvironmentId, **filters: object) -> str:
            return "".join(e.message for e in store.events(*args, **filters))  # type: ignore[arg-type]

        third = store.events()[2].id
        assert messages(ALICE) == "135"
        assert messages(since=NOW + MINUTE * 4) == "45"
        assert messages(after=third) == "345"
        assert messages(limit=2) == "45"
        assert messages(after=third, limit=1) == "5"
        assert messages(ALICE, since=NOW + MINUTE * 2, after=third, limit=9) == "35"


def event(at: datetime, environment: EnvironmentId | None, message: str) -> Event:
    """An event of the daemon's."""
    return Event(at=at, environment=environment, action="polled", message=message, actor="daemon")


def test_what_polling_knows(store: Store) -> None:
    """Of each repository its own."""
    state = RepositoryState(
        default_branch="ma\udcffin",
        listing_digest="d" * 64,
        polled_at=NOW,
        succeeded_at=NOW,
        failures=2,
        error="x",
    )
    store.save_repository(SHOP, RepositoryState(failures=9))
    store.save_repository(SHOP, state)
    store.save_repository(SHOP, state)
    assert store.repository(SHOP) == state
    assert store.repository(RepositoryId("acme", "web")) == RepositoryState()


def test_prune_deletes_what_is_over_and_old(store: Store, alice: Environment) -> None:
    """Never what is open, running or young; generations and ids go on."""
    old, cut = NOW - MINUTE, NOW
    for branch, status, at in [
        ("old", Status.DESTROYED, old),
        ("young", Status.DESTROYED, cut),
        ("open", Status.FAILED, old),
    ]:
        identity = seen(store, f"env-{branch}").id
        store.update(identity, None, at, status=status)
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


def test_a_time_without_a_zone_is_refused(
    location: str | Path | None, store: Store, alice: Environment
) -> None:
    """It could be any of 24."""
    if location is None:
        return  # memory keeps what it is given
    with pytest.raises(Exception, match="no time zone"):
        store.update(ALICE, None, NOW, expires_at=datetime(2026, 1, 1))  # noqa: DTZ001


def test_check_says_which_database_is_sound(store: Store, alice: Environment) -> None:
    """In a sentence, without a password."""
    assert store.check().endswith("1 environments.")


def in_threads(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """The work done on all items at the same time; the first failure is raised."""
    with ThreadPoolExecutor(len(items)) as pool:
        return list(pool.map(work, items))


class TestThreads:
    """One store, many threads: nothing is lost."""

    def test_updates_of_different_fields(self, store: Store) -> None:
        """8 threads × 40 updates, each read-modify-write under a lease of its own environment."""
        names = [seen(store, f"env-t{number}").id for number in range(8)]

        def work(identity: EnvironmentId) -> None:
            for _ in range(40):
                lease = taken(take(store, identity=identity))
                failures = get(store, identity).failures
                store.update(identity, lease, NOW, failures=failures + 1)
                store.release(lease)

        in_threads(work, names)
        assert [get(store, identity).failures for identity in names] == [40] * 8
        assert {taken(take(store, identity=identity)).generation for identity in names} == {41}

    def test_all_for_one_lease(self, store: Store, alice: Environment) -> None:
        """8 threads × 40 tries: each generation is won once, and every winner's write counts."""

        def work(number: int) -> list[int]:
            won = []
            for _ in range(40):
                lease = take(store, replace(OURS, pid=number))
                if isinstance(lease, Lease):
                    store.update(ALICE, lease, NOW, failures=get(store).failures + 1)
                    store.release(lease)
                    won.append(lease.generation)
            return won

        won = sorted(generation for each in in_threads(work, range(8)) for generation in each)
        assert won == list(range(1, len(won) + 1))
        assert get(store).failures == len(won) > 0

    def test_a_dead_owner_has_one_heir(self, store: Store) -> None:
        """However many find it dead at the same time."""
        take(store)
        answers = in_threads(lambda number: take(store, replace(THEIRS, pid=number), dead=[OURS]), range(8))
        heirs = [answer for answer in answers if isinstance(answer, Lease)]
        assert [heir.generation for heir in heirs] == [2]
        assert {answer for answer in answers if isinstance(answer, Held)} <= {Held(heirs[0])}

    def test_looks_and_updates_keep_out_of_each_others_way(self, store: Store, alice: Environment) -> None:
        """The poller counts 30 absences while a worker counts 30 failures."""

        def poll(number: int) -> None:
            look(store, {}, now=NOW + SECOND * number)

        def fail(number: int) -> None:
            store.update(ALICE, None, NOW, failures=get(store).failures + 1)

        in_threads(lambda work: [work(number) for number in range(30)], [poll, fail])
        assert (get(store).absences, get(store).failures) == (30, 30)

    def test_looks_at_one_repository_follow_each_other(self, store: Store, alice: Environment) -> None:
        """None reads what another is about to change."""
        in_threads(lambda number: [look(store, {}, now=NOW) for _ in range(10)], range(4))
        assert get(store).absences == 40

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
from datetime import datetime, timedelta
from pathlib import Path
from envmgr.adapters.store.connect import open_store
from envmgr.domain.environment import Lease, ProcessId
from envmgr.domain.names import EnvironmentId

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
        failures = store.environment(alice).failures
        store.update(alice, lease, now, failures=failures + 1)
        store.release(lease)
        won.append(lease.generation)
store.close()
print(json.dumps(won))
"""


def test_processes_race_for_one_lease(
    location: str | Path | None, store: Store, alice: Environment, tmp_path: Path
) -> None:
    """Exactly one of four wins each generation, and no winner's write is lost."""
    if location is None:
        return  # memory is one process's
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(location), str(tmp_path), str(number), NOW.isoformat()],
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
    assert get(store).failures == len(won) > 0
