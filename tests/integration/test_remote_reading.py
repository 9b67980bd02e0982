"""What verbs show with `--server` is what they show on the host: text, JSON and exit codes."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from envmgr.cli.remote.address import Address
from envmgr.cli.remote.connection import Connection
from envmgr.cli.remote.records import RemoteRecords
from envmgr.domain.values.asking.freeze import Freeze
from envmgr.domain.values.asking.person import Role
from envmgr.domain.values.deployment import Deployment
from envmgr.domain.values.drift import Difference, Drift
from envmgr.domain.values.environment import (
    Absence,
    Applied,
    Environment,
    Event,
    Failure,
    Guard,
    Hold,
    Origin,
    OriginKind,
    Output,
    Pin,
    RepositoryState,
    Status,
    Suspended,
    Suspension,
)
from envmgr.domain.values.forge import CommitStatus
from envmgr.domain.values.forge.report import ReportState
from envmgr.domain.values.forge.telling import Target, Telling, TellingKind
from envmgr.domain.values.health import Condition, Health, HealthCheck
from envmgr.domain.values.names import EnvironmentId, RepositoryId
from envmgr.domain.values.schedule import Schedule
from envmgr.domain.values.step import Step
from tests.support.elsewhere import Elsewhere, beside, serving
from tests.unit.cli.test_completion import offered

HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202etxt.exe\r\nReady."
SHOP = RepositoryId("acme", "shop")

READS = [
    "list",
    "list --all",
    "list --status failed",
    "list --status destroyed --status waiting",
    "list --repository shop",
    "list --repository acme/shop --status ready",
    "list --repository nothing",
    "show alice",
    "show env-alice",
    "show acme/shop/alice",
    "show bob",
    "show carol",
    "show dave",
    "show erin",
    "show many",
    "show many:api",
    "show mallory",
    "show pr-7",
    "show nobody",
    "show many:nothing",
    "show shop/",
    "history",
    "history alice",
    "history alice --limit 1",
    "history many",
    "history nobody",
    "events",
    "events alice",
    "events alice --since 1000d",
    "events alice --since 1s",
    "events many:api",
    "logs 1",
    "logs alice",
    "logs alice --follow",
    "logs 4711",
    "logs 99999999999999999999",
    "logs carol",
    "hosts",
    "hosts list",
    "output alice",
    "output alice url",
    "output alice secret",
    "output alice nothing",
    "output many",
    "output many url",
    "output many:api",
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elsewhere]:
    """With environments of every kind, one of them being worked on."""
    with serving(tmp_path_factory.mktemp("remote")) as found:
        store = found.world.store
        for each in _environments(found.world.environment("alice")):
            store._put(each)
        store.freezes.put(
            Freeze(
                organization="acme",
                repository="shop",
                reason=HOSTILE,
                by="person carol",
                since=found.world.now,
            )
        )
        store.outbox.revise(SHOP, lambda _: ([untold(found.world.now)], []))
        beside(found.world)
        store.save_repository(SHOP, RepositoryState(error="it is\nunplugged", succeeded_at=found.world.now))
        store.record(
            Event(
                at=found.world.now,
                environment=EnvironmentId("acme", "shop", "mallory"),
                action="paused",
                message=HOSTILE,
                actor="daemon",
            )
        )
        for run in store.runs(EnvironmentId("acme", "shop", "alice")):
            log = found.world.person.application.services.layout.root / run.log
            log.parent.mkdir(parents=True, exist_ok=True)
            log.write_bytes(f"Plan: 1 to add\n{HOSTILE}\xff\tcell\nno end".encode("latin-1", "replace"))
        # What is of no environment is shown on the host alone.
        store._events = [each for each in store._events if each.environment is not None]
        alice = found.world.environment("alice").id
        with found.world.daemon.application.services.leases.hold(alice, "apply"):
            # The verbs on the host go by the clock of this process, which is later than the world's.
            store._leases[alice] = replace(store._leases[alice], expires_at=datetime(2100, 1, 1, tzinfo=UTC))
            yield found


def untold(now: datetime) -> Telling:
    """What a forge refused to take."""
    status = CommitStatus(
        commit="c" * 40, context="envmgr/pr-7", state=ReportState.SUCCESS, sentence="", url=""
    )
    target = Target(SHOP, TellingKind.STATUS, status.context, status.commit)
    return Telling(target=target, document=status, digest="x", since=now, error=f"401 {HOSTILE}")


def _environments(alice: Environment) -> Iterator[Environment]:
    now, life = alice.updated_at, alice.life

    def named(name: str, application: str = "", **fields: object) -> Environment:
        identity = EnvironmentId("acme", "shop", name, application)
        return replace(alice, **{"id": identity, "branch": f"env-{name}", **fields})  # type: ignore[arg-type]

    outputs = {
        "url": Output("https://a.example.com"),
        "secret": Output(None, True),
        "ports": Output([1, {"a": 2}]),
    }
    yield replace(
        alice,
        applied=replace(alice.applied, outputs=outputs, url="https://a.example.com"),
        life=replace(life, expires_at=now + timedelta(days=9000), warned_at=now),
        schedule=Schedule(up="0 7 * * *", down="0 19 * * *", down_run=(Step(name="stop", run="true"),)),
        health=Health(
            check=HealthCheck(url="https://a.example.com/"), condition=Condition.HEALTHY, since=now
        ),
        drift=Drift(
            tried_at=now,
            checked_at=now,
            differences=(Difference(address="a.b", action="update", attributes={"x": "1"}),),
            noise=("a.c.d",),
            failing_checks=("check.web does not hold",),
        ),
    )
    yield named(
        "bob",
        status=Status.WAITING,
        hold=Hold(Guard.DRIFT),
        message="Why.",
        absence=Absence(since=now, count=1),
    )
    yield named(
        "carol",
        status=Status.FAILED,
        message="It did not work.",
        failure=Failure(3, "x", now),
        claim=None,
        applied=Applied(),
        deployment=Deployment(commit="c" * 40, begun=("mark",)),
        drift=Drift(tried_at=now, error="cannot", failing_since=now),
        health=Health(check=HealthCheck(run="true"), condition=Condition.UNHEALTHY, since=now, message="no"),
    )
    origin = Origin(OriginKind.PULL_REQUEST, number=7, url="https://github.com/acme/shop/pull/7")
    yield named("pr-7", origin=origin, branch="topic")
    yield named("dave", status=Status.DESTROYED, claim=None, applied=Applied())
    yield named(
        "erin",
        status=Status.SUSPENDED,
        suspended=Suspended("by hand", Suspension.PERSON, at=now),
        pin=Pin("d" * 40, alice.commit),
    )
    yield named("many", "api", status=Status.READY, applied=replace(alice.applied, url="https://b"))
    yield named("many", "web", status=Status.FAILED, message="No.", pin=Pin("e" * 40, None))
    yield named("many", "old", status=Status.DESTROYED)
    yield named("mallory", branch=f"env-mallory{HOSTILE}", message=HOSTILE)


@pytest.mark.parametrize("words", READS)
def test_a_verb_shows_the_same_from_anywhere(world: Elsewhere, words: str) -> None:
    """To people."""
    here, there = world.both(*words.split())
    assert there == here


@pytest.mark.parametrize("words", READS)
def test_a_verb_gives_the_same_json_from_anywhere(world: Elsewhere, words: str) -> None:
    """To programs."""
    here, there = world.both(*words.split(), "--json")
    assert there == here
    if here.code == 0 and "--follow" not in words:
        json.loads(there.out)


def test_a_preview_names_its_pull_request_and_what_its_forge_could_not_be_told(world: Elsewhere) -> None:
    """By number and link; and since when."""
    shown, _ = world.both("show", "pr-7")
    assert "\npull request #7 topic https://github.com/acme/shop/pull/7\n" in shown.out
    assert f"\nforge        Not told since {world.world.now:%Y-%m-%d %H:%M} UTC: 401 " in shown.out
    found = json.loads(world.both("show", "pr-7", "--json")[0].out)
    assert (found["origin"]["number"], found["origin"]["url"][-7:]) == (7, "/pull/7")
    assert [(each["since"], each["error"]) for each in found["untold"]] == [
        (f"{world.world.now:%Y-%m-%dT%H:%M:%SZ}", f"401 {HOSTILE}")
    ]


def test_what_steers_a_terminal_is_shown_harmless(world: Elsewhere) -> None:
    """Whatever the server says."""
    for words in ("list", "show mallory", "events", "logs 1"):
        done = world.asks(*words.split())
        assert done.code == 0, done
        assert "\x1b" not in done.out + done.err, words
        assert "\u202e" not in done.out + done.err, words


def test_who_may_not_see_is_told_as_if_it_were_not_there(world: Elsewhere) -> None:
    """By the same sentence."""
    stranger = world.site.token(Role.VIEWER, "acme", "shop")
    tokens = world.world.store.tokens.kept
    tokens["viewer.acme.shop"] = replace(tokens["viewer.acme.shop"], repository="vault")
    done = replace(world, environ={**world.environ, "ENVMGR_TOKEN": stranger}).asks("show", "alice")
    assert (done.code, done.out) == (2, "")
    assert "There is no environment 'alice'" in done.err or "There is no environment alice" in done.err


def test_events_are_followed_as_they_happen(world: Elsewhere) -> None:
    """Those of an environment alone, from the one on that was seen last."""
    address = Address(world.environ["ENVMGR_SERVER"], world.environ["ENVMGR_TOKEN"], None)
    records, store = RemoteRecords(Connection(address)), world.world.store
    bob, erin = (EnvironmentId("acme", "shop", name) for name in ("bob", "erin"))
    last = records.newest_event()
    coming = records.coming_events([bob], last)
    for of, action in ((erin, "resumed"), (bob, "suspended")):
        store.record(Event(at=world.world.now, environment=of, action=action, message="", actor="user ann"))
    found = next(coming)
    coming.close()
    assert found.id > last + 1
    assert (found.environment, found.action) == (bob, "suspended")


def test_tab_offers_what_a_server_has(tmp_path: Path) -> None:
    """By its API; nothing is said where it is away."""
    with serving(tmp_path) as elsewhere:
        elsewhere.world.push("al-other")
        elsewhere.poll()
        found = offered(tmp_path, "show", "al", environ=elsewhere.environ)
        assert found == ["al-other", "alice"]
        assert offered(tmp_path, "show", "shop/ali", environ=elsewhere.environ) == ["shop/alice"]
        environ = {**elsewhere.environ, "ENVMGR_SERVER": "http://127.0.0.1:1"}
        assert offered(tmp_path, "show", "al", environ=environ) == []
