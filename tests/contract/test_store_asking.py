"""What every store keeps of those who ask over the network, and of what they asked for; and its pages."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event

from envmgr.adapters.store.store import SqlStore
from envmgr.domain.errors import UsageError
from envmgr.domain.values.asking.person import Action, Asker, Kind, Place, Role
from envmgr.domain.values.asking.request import Request, RequestStatus
from envmgr.domain.values.asking.token import Session, Token
from envmgr.domain.values.environment import Event, RunKind, Status
from envmgr.domain.values.names import EnvironmentId, RepositoryId
from envmgr.ports import Store
from envmgr.ports.pages import Wanted
from tests.support.store import ALICE, COMMIT, MINUTE, NOW, OURS, THEIRS, having, in_threads, seen

ODD = "ä \0 \udcff '; DROP TABLE tokens --"
TOKEN = Token(name="ci", digest="d1", role=Role.DEVELOPER, created_at=NOW, created_by=ODD)
CAROL = Asker(Kind.PERSON, ODD, ("dev", ODD))
WISH = Request(
    environment=ALICE, action=Action.PLAN, options={"a": [1, ODD]}, asker=CAROL, commit=COMMIT, asked_at=NOW
)


def test_tokens_are_found_by_their_digest_and_gone_when_removed(store: Store) -> None:
    """A name is given once; its last use is known."""
    other = replace(
        TOKEN, name="a", digest="d2", organization="acme", repository="shop", expires_at=NOW + MINUTE
    )
    assert store.tokens.add(TOKEN)
    assert store.tokens.add(other)
    assert not store.tokens.add(replace(TOKEN, digest="d3"))
    store.tokens.note_use("ci", NOW)
    assert store.tokens.all() == [other, replace(TOKEN, used_at=NOW)]
    assert (store.tokens.find("d2"), store.tokens.find("d3")) == (other, None)
    assert [store.tokens.remove("ci"), store.tokens.remove("ci")] == [True, False]
    assert store.tokens.find("d1") is None


def test_of_many_who_give_a_name_at_once_one_has_it(store: Store) -> None:
    """The others are told that it is taken."""
    for turn in range(5):
        wanted = [replace(TOKEN, name=f"ci{turn}", digest=f"d{turn}-{number}") for number in range(8)]
        found = in_threads(store.tokens.add, wanted)
        assert sorted(found) == [False] * 7 + [True]


def test_what_is_read_together_is_read_by_one_connection(store: Store) -> None:
    """In one thread, which may write meanwhile; others see that at once, and afterwards so does she."""
    connections = list[object]()
    if isinstance(store, SqlStore):
        event.listen(store._database.engine, "checkout", lambda *found: connections.append(found[0]))
    with store.pages.together():
        assert store.tokens.find("d1") is None
        with store.pages.together():
            assert store.sessions.find("s1") is None
        assert store.runs() == []
        assert len(connections) in (0, 1)
        assert store.tokens.add(TOKEN)
        with ThreadPoolExecutor(1) as another:
            assert another.submit(store.tokens.find, "d1").result() == TOKEN
    with suppress(UsageError), store.pages.together():
        assert store.tokens.find("d1") == TOKEN
        raise UsageError("Something else.")
    assert store.tokens.find("d1") == TOKEN
    assert store.tokens.remove("ci")


def test_a_session_lasts_until_it_is_ended_or_pruned(store: Store) -> None:
    """Whatever people are called."""
    session = Session(
        digest="s1", name=ODD, groups=("dev", ODD), csrf="c", created_at=NOW, expires_at=NOW + MINUTE
    )
    old = replace(session, digest="s2", expires_at=NOW - MINUTE)
    store.sessions.begin(session)
    store.sessions.begin(old)
    assert (store.sessions.find("s1"), store.sessions.find("s2")) == (session, old)
    assert store.prune(NOW) == 1
    assert store.sessions.find("s2") is None
    store.sessions.end("s1")
    store.sessions.end("s1")
    assert store.sessions.find("s1") is None


def test_a_request_is_written_once_by_its_key(store: Store) -> None:
    """Sent again it is what it was, whatever became of it; without a key each is another."""
    first, is_new = store.requests.add(replace(WISH, key="k"))
    assert is_new
    assert replace(first, id=0) == replace(WISH, key="k")
    assert store.requests.take(first.id, OURS, NOW)
    again, is_new = store.requests.add(replace(WISH, key="k", options={}))
    assert not is_new
    assert (again.id, again.options, again.status) == (first.id, WISH.options, RequestStatus.RUNNING)
    assert (store.requests.by_key("k"), store.requests.by_key("other")) == (again, None)
    assert len({store.requests.add(WISH)[0].id, store.requests.add(WISH)[0].id, first.id}) == 3


def test_a_request_is_done_by_one_and_over_once(store: Store) -> None:
    """Only who has it can put it back, and what became of it stays."""
    number = store.requests.add(WISH)[0].id
    later = store.requests.add(WISH)[0].id
    assert [store.requests.take(number, who, NOW) for who in (OURS, THEIRS)] == [True, False]
    assert [store.requests.put_back(number, who) for who in (THEIRS, OURS, OURS)] == [False, True, False]
    assert store.requests.get(number) == replace(WISH, id=number)
    assert store.requests.take(number, THEIRS, NOW)
    assert [r.id for r in store.requests.pending()] == [number, later]
    store.requests.finish(number, RequestStatus.FAILED, NOW, ODD, {"x": ODD})
    store.requests.finish(number, RequestStatus.SUCCEEDED, NOW, "", {})
    found = store.requests.get(number)
    assert found is not None
    assert (found.status, found.message, found.result) == (RequestStatus.FAILED, ODD, {"x": ODD})
    assert (found.owner, found.finished_at) == (None, NOW)
    assert [r.id for r in store.requests.pending()] == [later]
    assert store.requests.get(999) is None


def test_old_requests_are_pruned_unless_they_wait(store: Store) -> None:
    """What nobody took up yet is not forgotten, however long that takes."""
    over, waits = store.requests.add(WISH)[0].id, store.requests.add(WISH)[0].id
    store.requests.take(over, OURS, NOW)
    store.requests.finish(over, RequestStatus.REFUSED, NOW, "", {})
    assert store.prune(NOW + timedelta(days=99)) == 1
    assert (store.requests.get(over), [r.id for r in store.requests.pending()]) == (None, [waits])


@pytest.fixture
def three(store: Store) -> Store:
    """A store with environments in two organizations, each with a run and an event."""
    vault, other = RepositoryId("acme", "vault"), RepositoryId("globex", "shop")
    for branch, repository in (("env-alice", None), ("env-bob", None), ("env-x", vault), ("env-y", other)):
        found = seen(store, branch, repository) if repository else seen(store, branch)
        run = store.start_run(found.id, RunKind.APPLY, COMMIT, OURS, "daemon", NOW)
        store.record(
            Event(
                at=NOW,
                environment=found.id,
                action="applied",
                message=f"Did {found.branch}.",
                actor="daemon",
                run=run.id,
            )
        )
    store.record(Event(at=NOW, environment=None, action="started", message="Did start.", actor="daemon"))
    store.update(EnvironmentId("acme", "shop", "bob"), None, NOW, having(status=Status.FAILED))
    return store


def names(store: Store, wanted: Wanted, after: tuple[str, str, str] | None = None) -> list[str]:
    """The environments of a page."""
    return [str(group[0].id) for group in store.pages.environments(wanted, after)]


def test_pages_follow_one_another(three: Store) -> None:
    """Each begins where the one before ended, and together they are all."""
    two = Wanted(limit=2)
    assert names(three, two) == ["acme/shop/alice", "acme/shop/bob"]
    assert names(three, two, ("acme", "shop", "bob")) == ["acme/vault/x", "globex/shop/y"]
    assert names(three, two, ("globex", "shop", "y")) == []
    runs = three.pages.runs(two, None)
    assert [r.environment.name for r in (*runs, *three.pages.runs(two, runs[-1].id))] == [
        "y",
        "x",
        "bob",
        "alice",
    ]
    newest = three.pages.events(Wanted(limit=3), None)
    assert [e.action for e in newest][:2] == ["started", "applied"]
    assert three.pages.last_event() == newest[0].id
    assert [e.id for e in three.pages.news(newest[2].id, 10)] == [newest[1].id, newest[0].id]


@pytest.mark.parametrize(
    ("places", "without", "expected"),
    [
        (None, (), ["alice", "bob", "x", "y"]),
        ((), (), []),
        ((("acme", None),), (), ["alice", "bob", "x"]),
        ((("acme", None),), (("acme", "vault"),), ["alice", "bob"]),
        ((("acme", "vault"), ("globex", None)), (), ["x", "y"]),
    ],
)
def test_a_page_has_only_what_may_be_seen(
    three: Store, places: tuple[Place, ...] | None, without: tuple[Place, ...], expected: list[str]
) -> None:
    """Of environments, runs and events alike; what is of no environment is for who sees all."""
    wanted = Wanted(places=places, hidden=without)
    assert [n.rpartition("/")[2] for n in names(three, wanted)] == expected
    assert sorted(r.environment.name for r in three.pages.runs(wanted, None)) == expected
    told = [e.environment for e in three.pages.events(wanted, None) if e.message.startswith("Did")]
    assert sorted(e.name for e in told if e) == expected
    assert (None in told) is (places is None)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted(status="failed"), ["acme/shop/bob"]),
        (Wanted(status="destroyed"), []),
        (Wanted(organization="globex"), ["globex/shop/y"]),
        (Wanted(repository="shop", text="ENV-B"), ["acme/shop/bob"]),
        (Wanted(origin="tag"), []),
        (Wanted(origin="branch", repository="vault"), ["acme/vault/x"]),
        (Wanted(text="%"), []),
        (Wanted(text="_"), []),
        (Wanted(text="env-_"), []),
        (Wanted(text="\\"), []),
        (Wanted(text="' OR 1=1 --"), []),
    ],
)
def test_a_page_passes_its_filters(three: Store, wanted: Wanted, expected: list[str]) -> None:
    """What is sought is data: no wildcard and no SQL."""
    assert names(three, wanted) == expected


def test_an_event_of_a_whole_place_is_seen_there(store: Store) -> None:
    """By whoever sees an organization also where a repository of it is hidden; by its name it is found."""
    for place in (("acme", None), ("acme", "shop"), ("other", None), None):
        store.record(Event(at=NOW, environment=None, place=place, action="x", message="m", actor="daemon"))

    def of(wanted: Wanted) -> list[Place | None]:
        found = [e.place for e in store.pages.events(wanted, None)]
        assert found == [e.place for e in store.events() if e.place in found][::-1]
        return found

    whole, shop = ("acme", None), ("acme", "shop")
    assert of(Wanted(places=(whole,))) == [shop, whole]
    assert of(Wanted(places=(whole,), hidden=(shop,))) == [whole]
    assert of(Wanted(places=(shop,))) == [shop]
    assert of(Wanted(repository="shop")) == [shop]
    assert of(Wanted(name="alice")) == []
    assert len(store.pages.events(Wanted(), None)) == 4


def test_runs_and_events_pass_theirs(three: Store) -> None:
    """By environment, status and action."""
    assert [r.environment.name for r in three.pages.runs(Wanted(name="bob"), None)] == ["bob"]
    assert three.pages.runs(Wanted(status="failed"), None) == []
    assert [e.message for e in three.pages.events(Wanted(status="applied", text="alice"), None)] == [
        "Did env-alice."
    ]
