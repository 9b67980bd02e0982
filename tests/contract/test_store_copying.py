"""All records to another database, exactly; and nothing where that cannot be."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, Table

from envmgr.adapters.store import copying, schema
from envmgr.adapters.store.connect import open_store
from envmgr.adapters.store.store import SqlStore
from envmgr.domain.audit.standing import Look, Outcome, Standing
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.asking.freeze import Freeze
from envmgr.domain.values.asking.person import Action, Asker, Kind, Role
from envmgr.domain.values.asking.request import Request
from envmgr.domain.values.asking.token import Session, Token
from envmgr.domain.values.environment import Event, ProcessId, RepositoryState, RunKind, RunStatus
from envmgr.domain.values.forge import ApprovedHead, KnownPullRequest
from envmgr.domain.values.forge.telling import CommentText, Target, Telling, TellingKind
from envmgr.domain.values.names import EnvironmentId, RepositoryId
from envmgr.domain.values.notices import Position
from envmgr.domain.values.pipeline.build import Build
from envmgr.domain.values.pipeline.image import SeenImage
from envmgr.domain.values.pipeline.release import Release
from envmgr.ports.hosts import LeftState
from tests.support.memory_forge import pull_request
from tests.support.store import seen

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
OWNER = ProcessId("host", "boot", 1, 2)
ODD = "ä \ud83d\udca9 \x00 \udc80 line\nline"
TOKEN = Token(name="ci", digest="d1", role=Role.DEVELOPER, created_at=NOW, created_by=ODD)
FINDING = Standing(
    look=Look.AUDIT, organization="acme", kind="odd", subject=ODD, told=ODD, since=NOW, seen_at=NOW
)
FREEZE = Freeze(organization="acme", reason=ODD, by=ODD, since=NOW)
KNOWN = KnownPullRequest(
    repository=RepositoryId("acme", "shop"),
    told=pull_request(7, ODD, title=ODD),
    first_seen_at=NOW,
    seen_at=NOW,
    approved=ApprovedHead("b" * 40, ODD, NOW),
)
POSITION = Position(
    target="t",
    organization="acme",
    after=3,
    bad=frozenset({EnvironmentId("acme", "shop", "alice")}),
    error=ODD,
)
SESSION = Session(
    digest="s1", name=ODD, groups=("dev", ODD), csrf="c", created_at=NOW, expires_at=NOW + timedelta(hours=1)
)
WISH = Request(
    environment=EnvironmentId("acme", "shop", "alice"),
    action=Action.PLAN,
    options={"a": [1, ODD]},
    asker=Asker(Kind.PERSON, ODD, ("dev", ODD)),
    commit="a" * 40,
    asked_at=NOW,
)
RELEASE = Release(environment=WISH.environment, commit="a" * 40, ready_at=NOW, tested_at=NOW)
BUILD = Build(
    key="k",
    repository=RepositoryId("acme", "shop"),
    commit="a" * 40,
    environment=WISH.environment,
    generation=1,
    began_at=NOW,
    variables={"image": ODD},
)
IMAGE = SeenImage(repository=BUILD.repository, variable="image", asked=ODD, tag=ODD)

TELLING = Telling(
    target=Target(BUILD.repository, TellingKind.COMMENT, "7"),
    document=CommentText(number=7, text=ODD, mark=ODD),
    digest="d",
    since=NOW,
)


@pytest.fixture(params=["sqlite to postgresql", "postgresql to sqlite"])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """Where the records are, and where they go."""
    file, url = str(tmp_path / "one.db"), request.getfixturevalue("postgres_database")
    return (file, url) if request.param.startswith("sqlite") else (url, file)


@pytest.fixture
def opened(places: tuple[str, str], tmp_path: Path) -> Iterator[tuple[SqlStore, SqlStore]]:
    """A store with something of everything in it, and an empty one."""
    source, target = (open_store(place, tmp_path) for place in places)
    alice = seen(source, "env-alice")
    seen(source, "env-bob")
    # For long: PostgreSQL says by its own clock whether it is over.
    source.acquire(alice.id, OWNER, "test", NOW, timedelta(days=36500), lambda _: False)
    for _ in range(3):
        run = source.start_run(alice.id, RunKind.APPLY, "a" * 40, OWNER, "daemon", NOW)
    source.finish_run(run.id, RunStatus.FAILED, NOW, ODD)
    source.record(Event(at=NOW, environment=alice.id, action="odd", message=ODD, actor=ODD))
    source.save_repository(RepositoryId("acme", "shop"), RepositoryState(default_branch=ODD, failures=3))
    source.take_findings(Look.AUDIT, "acme", NOW, [FINDING], lambda _: True, lambda _: ())
    source.tokens.add(TOKEN)
    source.freezes.put(FREEZE)
    source.hooks.hints.leave([BUILD.repository], NOW)
    source.hooks.positions.begin(POSITION)
    source.left_states.keep(LeftState(alice.id, run.id, NOW, "sealed"))
    source.pull_requests.change(KNOWN.repository, KNOWN.number, lambda _: KNOWN)
    source.outbox.revise(TELLING.target.repository, lambda _: ([TELLING], []))
    source.sessions.begin(SESSION)
    source.requests.add(WISH)
    source.pipeline.releases.note(RELEASE)
    source.pipeline.builds.claim(BUILD)
    source.pipeline.images.note(IMAGE)
    yield source, target
    source.close()
    target.close()


def looked_again(store: SqlStore) -> list[Outcome]:
    """What a look that sees less makes of the findings, without changing them."""
    outcomes: list[Outcome] = []

    def keep(outcome: Outcome) -> tuple[Event, ...]:
        outcomes.append(outcome)
        raise NeedsPerson

    with pytest.raises(NeedsPerson):
        store.take_findings(Look.AUDIT, "acme", NOW, [], lambda _: True, keep)
    return outcomes


def told(store: SqlStore) -> object:
    """All that a store says."""
    shop = RepositoryId("acme", "shop")
    alice = EnvironmentId("acme", "shop", "alice")
    everything = (store.environments(destroyed=True), store.runs(), store.events(), store.repository(shop))
    [outcome] = looked_again(store)
    asking = (
        store.freezes.all(),
        store.pull_requests.all(shop),
        store.outbox.of(shop),
        store.tokens.all(),
        store.sessions.find(SESSION.digest),
        store.requests.pending(),
    )
    pipeline = (
        store.pipeline.releases.get(alice, "a" * 40),
        store.pipeline.builds.claim(replace(BUILD, generation=9)),
        store.pipeline.images.seen(shop),
    )
    return (*everything, *asking, *pipeline, store.leases(NOW), store.environment(alice), outcome)


def test_everything_is_the_same_afterwards(opened: tuple[SqlStore, SqlStore]) -> None:
    """Whatever stands in it; new runs are numbered on; the copy knows what it is a copy of."""
    source, target = opened
    before, own = told(source), source.identity()

    counts = source.copy_to(target)

    assert counts == {
        "environments": 2,
        "leases": 1,
        "runs": 3,
        "events": 1,
        "repositories": 1,
        "findings": 1,
        "looks": 1,
        "tokens": 1,
        "sessions": 1,
        "requests": 1,
        "releases": 1,
        "builds": 1,
        "images": 1,
        "freezes": 1,
        "pull_requests": 1,
        "tellings": 1,
        "hints": 1,
        "positions": 1,
        "left_states": 1,
    }
    assert all(counts.values())
    assert told(target) == before == told(source)
    assert (source.identity(), target.identity().copied_from) == (own, own.id)
    assert target.identity().id != own.id
    alice = EnvironmentId("acme", "shop", "alice")
    assert target.start_run(alice, RunKind.PLAN, "b" * 40, OWNER, "daemon", NOW).id == 4


def test_a_number_is_not_given_twice_after_pruning(opened: tuple[SqlStore, SqlStore]) -> None:
    """The last run is gone from the records, and its number with it."""
    source, target = opened
    source.prune(NOW + timedelta(days=1))
    assert [run.id for run in source.runs()] == [2, 1]
    source.copy_to(target)
    alice = EnvironmentId("acme", "shop", "alice")
    assert target.start_run(alice, RunKind.PLAN, "b" * 40, OWNER, "daemon", NOW).id == 4


def test_what_is_not_empty_is_left_as_it_is(opened: tuple[SqlStore, SqlStore]) -> None:
    """Nor is a database copied to itself."""
    source, target = opened
    carol = seen(target, "env-carol")
    with pytest.raises(NeedsPerson, match=r"is not empty \(it has environments\), so nothing was written"):
        source.copy_to(target)
    assert target.environments() == [carol]
    assert target.identity().copied_from is None
    with pytest.raises(NeedsPerson, match="is the database in use"):
        source.copy_to(source)


def test_what_comes_meanwhile_undoes_it(
    opened: tuple[SqlStore, SqlStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody wrote after the copy began: nothing is kept, and another try goes through."""
    source, target = opened
    number = copying._last_number

    def late(connection: Connection, each: Table) -> int:
        if len(source.events()) == 1:
            source.record(Event(at=NOW, environment=None, action="late", message="", actor="daemon"))
        return number(connection, each)

    monkeypatch.setattr(copying, "_last_number", late)
    with pytest.raises(
        NeedsPerson, match=r"was written to meanwhile \(events: 2 rows, 1 copied\): nothing was kept"
    ):
        source.copy_to(target)
    assert target.is_empty()
    assert source.copy_to(target)["events"] == 2


def test_no_table_is_forgotten() -> None:
    """Whatever table comes later: it holds records, or is named here; and its numbers go on where they were."""
    not_copied = {"identity", "hosts", "configurations", "polls", "refusals"}
    tables = {table.name: table for table in schema.metadata.sorted_tables if table.name not in not_copied}
    assert {table.name for table in schema.RECORDS} == set(tables)
    numbered = {name for name, table in tables.items() if table.dialect_kwargs.get("sqlite_autoincrement")}
    by_number = {
        name for name, table in tables.items() if str(table.primary_key.columns.values()[0].type) == "BIGINT"
    }
    assert numbered == by_number == {table.name for table in copying._NUMBERED}
