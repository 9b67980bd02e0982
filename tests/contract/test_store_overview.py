"""What `list` shows is the same whichever way it is read: from the records, by the overview, and from the file at once."""

import json
import socket
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from envmgr.adapters.processes import current_process
from envmgr.adapters.store.connect import open_store
from envmgr.adapters.store.names import FILE_NAME, REVISIONS
from envmgr.adapters.store.overview import Overview, at_once
from envmgr.adapters.store.store import SqlStore
from envmgr.composition.records import open_records, read_overview
from envmgr.domain.rules.hosts.standing import standings
from envmgr.domain.rules.observation import Observed
from envmgr.domain.values.combined import by_environment, combined
from envmgr.domain.values.declared import Untaken
from envmgr.domain.values.deployment import Deployment
from envmgr.domain.values.drift import Difference, Drift
from envmgr.domain.values.environment import (
    Environment,
    Guard,
    Output,
    Pin,
    ProcessId,
    RepositoryState,
    Status,
    Suspension,
)
from envmgr.domain.values.environment.origin import OriginKind
from envmgr.domain.values.forge import CommitStatus
from envmgr.domain.values.forge.report import ReportState
from envmgr.domain.values.forge.telling import Target, Telling, TellingKind, Untold
from envmgr.domain.values.health import Condition, Health, HealthCheck
from envmgr.domain.values.hosts.host import Report, Standing
from envmgr.domain.values.names import EnvironmentId, RepositoryId
from envmgr.engine.context.layout import Layout
from envmgr.host.identity import host_id
from envmgr.views import documents
from tests.support.records import recorded
from tests.support.store import CLAIM, COMMIT, MINUTE, NOW

ODD = "ä \udc80 \x00 'quoted' %s :name\nline"
OTHER = "b" * 40
_DRIFT = Drift(tried_at=NOW, checked_at=NOW, differences=(Difference(address="a.b", action="update"),))
_CHECKS = Drift(tried_at=NOW, checked_at=NOW, failing_checks=("check.one: does not hold",))
_HEALTH = Health(check=HealthCheck(url="http://x"), condition=Condition.UNHEALTHY, since=NOW, message=ODD)
_UNTAKEN = (Untaken("ttl", "time", in_branch=True),)
_COLUMNS: list[dict[str, object]] = [
    {},
    {"status": Status.READY, "applied_commit": COMMIT, "url": f"http://x/{ODD}", "outputs": {"a": Output(1)}},
    {"status": Status.READY, "claim": CLAIM, "applied_commit": OTHER, "resources": ("a.b",)},
    {"status": Status.READY, "drift": _CHECKS, "message": ODD, "identifiers": ("i",), "serial": 3},
    {"status": Status.DEGRADED, "health": _HEALTH, "deployment": Deployment(commit=OTHER)},
    {"status": Status.WAITING, "absences": 2, "absent_since": NOW, "hold": Guard.LIMIT},
    {"status": Status.READY, "absences": 0, "absent_since": NOW, "approved": Guard.HISTORY},
    {
        "status": Status.SUSPENDED,
        "suspended": ODD,
        "suspended_by": Suspension.TTL,
        "suspended_commit": COMMIT,
    },
    {"status": Status.READY, "expires_at": NOW + MINUTE, "warned_at": NOW, "pushed_at": NOW},
    {"status": Status.READY, "pin": Pin(OTHER, COMMIT), "drift": _DRIFT},
    {"status": Status.READY, "pin": Pin(OTHER, OTHER)},
    {"status": Status.READY, "origin": OriginKind.TAG, "named": True, "promoted_from": "staging"},
    {"status": Status.READY, "origin": OriginKind.PULL_REQUEST, "number": 7, "origin_url": f"http://x/{ODD}"},
    {"status": Status.DESTROYED, "message": "gone"},
]


def _environments(repository: RepositoryId, *applications: str) -> tuple[Environment, ...]:
    untaken = replace(CLAIM, untaken=_UNTAKEN)
    return tuple(
        recorded(
            id=EnvironmentId(repository.organization, repository.name, f"n{number}", application),
            branch=f"env-{ODD}",
            commit=COMMIT,
            created_at=NOW - timedelta(hours=number),
            updated_at=NOW,
            **columns,
        )
        for number, columns in enumerate([*_COLUMNS, {"status": Status.READY, "claim": untaken}])
        for application in applications or ("",)
    )


@pytest.fixture(params=["sqlite", "postgresql"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStore]:
    """A store with environments of every kind, in two organizations that have a repository of one name."""
    is_file = request.param == "sqlite"
    store = open_store(None if is_file else request.getfixturevalue("postgres_database"), tmp_path)
    for repository, applications in {
        RepositoryId("acme", "shop"): (),
        RepositoryId("acme", "parts"): ("api", "web"),
        RepositoryId("other", "shop"): (),
    }.items():
        new = _environments(repository, *applications)
        store.revise(repository, lambda _, new=new: Observed(new=new))  # type: ignore[misc]
        store.save_repository(repository, RepositoryState(succeeded_at=NOW, error=ODD, failures=2))
    store.save_repository(RepositoryId("acme", "well"), RepositoryState(succeeded_at=NOW))
    yield store
    store.close()


def listed(environments: list[Environment]) -> list[object]:
    """As `list` and `list --json` show them, with all that only the text has."""
    return [
        (
            documents.listed(e, group, documents.Beside()),
            e.target,
            e.is_missing,
            e.life.expires_at,
            e.life.warned_at,
        )
        for group in by_environment(environments)
        for e in [combined(group)]
    ]


CHOSEN = [None, "shop", "acme/shop", "parts", "nothing", "acme/", "x/y/z", "' OR 1"]


@pytest.mark.parametrize("destroyed", [False, True])
def test_every_way_shows_the_same(opened: SqlStore, tmp_path: Path, *, destroyed: bool) -> None:
    """The records are what counts."""
    environments, unreachable = opened.environments(destroyed=destroyed), opened.unreachable()
    for chosen in CHOSEN:
        wanted = listed(
            [e for e in environments if chosen in (None, e.id.repository, str(e.id.repository_id))]
        )
        failing = {n: p.error for n, p in unreachable.items() if chosen in (None, n.name, str(n))}
        for found in overviews(opened, tmp_path / FILE_NAME, chosen, destroyed=destroyed):
            assert listed(list(found.environments)) == wanted
            assert {name: polled.error for name, polled in found.unreachable.items()} == failing
            assert all(polled.succeeded_at == NOW for polled in found.unreachable.values())
        assert bool(wanted) == (chosen in CHOSEN[:4])


def test_every_way_shows_the_same_hosts_and_what_was_not_told(opened: SqlStore, tmp_path: Path) -> None:
    """Who is silent with what it had begun, who takes no work, and why forges were not told."""
    for name, version, ahead in (
        ("one", "1.9", 0),
        ("two", "1.10", 0),
        ("gone", "1.10", 0),
        ("wrong", "1.10", 99),
    ):
        process = ProcessId(name, f"boot of {name}", 1, 1, f"id of {name}")
        report = Report(
            process=process,
            version=version,
            serves=True,
            configurations={"acme": "d"},
            ahead=timedelta(seconds=ahead),
        )
        opened.hosts.beat(report, datetime.now(UTC), lambda _: False)
        held = EnvironmentId("acme", "shop", f"of-{name}")
        opened.acquire(held, process, ODD, datetime.now(UTC), MINUTE, lambda _: False)
    opened.hosts.forget("id of gone")
    shop, web = RepositoryId("acme", "shop"), RepositoryId("acme", "web")
    for repository in (shop, web):
        status = CommitStatus(commit=COMMIT, context="x", state=ReportState.SUCCESS, sentence="", url="")
        target = Target(repository, TellingKind.STATUS, "x", COMMIT)
        told = Telling(target=target, document=status, digest="x", since=NOW, error=ODD)
        opened.outbox.revise(repository, lambda _, told=told: ([told], []))  # type: ignore[misc]
    assert {r: list(found) for r, found in opened.outbox.all_unsaid().items()} == {
        shop: [Untold(ODD, NOW)],
        web: [Untold(ODD, NOW)],
    }
    now = datetime.now(UTC)
    known, leases = opened.hosts.all(now), opened.leases(now, over=True).values()
    wanted = standings(known, REVISIONS[-1], known if opened.is_shared else (), leases)
    statuses = {each.host.name: each.status.value for each in wanted}
    assert statuses == {
        "one": "passive" if opened.is_shared else "working",
        "two": "working",
        "wrong": "passive",
    }
    for found in overviews(opened, tmp_path / FILE_NAME, "web", destroyed=False):
        assert found.untold == {web: [Untold(ODD, NOW)]}
        assert [_still(each) for each in found.hosts] == [_still(each) for each in wanted]
        assert [each.works_on[0].purpose for each in found.hosts] == [ODD] * 3


def test_a_host_that_another_ones_name_keeps_from_work_says_so(
    postgres_database: str, tmp_path: Path
) -> None:
    """As soon as its daemon was told, other hosts say so, too; where nobody ever worked there is nothing to say."""
    config, data = tmp_path / "config", tmp_path / "data"
    config.mkdir()
    (config / "daemon.yaml").write_text(f"daemon: {{database: {json.dumps(postgres_database)}}}\n")
    with open_records(config, data, {}) as store:
        other = ProcessId(socket.gethostname(), "another boot", 1, 1, "another ID")
        store.hosts.beat(Report(process=other, version="1", serves=True), datetime.now(UTC), lambda _: False)

    def told() -> list[str]:
        return [each.why for each in read_overview(config, data, {}, None, False).hosts]

    assert told() == [""]
    Layout(data).host.write_text("of this host")
    known, mine = told()
    assert known == ""
    assert mine.startswith(f"Another host called {socket.gethostname()} (ID another ")

    me = current_process(host_id(Layout(data).host))
    with open_records(config, data, {}) as store:
        store.hosts.beat(Report(process=me, version="1", serves=True), datetime.now(UTC), lambda _: False)
    assert [bool(why) for why in told()] == [False, True], "it is said once, as its daemon was told"
    Layout(data).host.unlink()
    assert told()[1].startswith(f"Another host called {socket.gethostname()} (ID another "), (
        "on other hosts, too"
    )


def _still(found: Standing) -> Standing:
    """Without what goes on from one look to the next."""
    return replace(found, host=replace(found.host, silence=timedelta()))


def overviews(opened: SqlStore, file: Path, chosen: str | None, *, destroyed: bool) -> Iterator[Overview]:
    """From the open store, and from its file where it has one."""
    yield opened.overview(chosen, destroyed=destroyed)
    if file.exists():
        quick = at_once(file, chosen, destroyed)
        assert quick is not None
        assert (quick.identity, quick.place) == (opened.identity().id, opened.place)
        yield quick.found


@pytest.mark.parametrize("wrong", ["missing", "public", "older", "damaged", "foreign"])
def test_whatever_is_odd_is_left_to_who_opens_the_store(tmp_path: Path, wrong: str) -> None:
    """That makes the file, mends it, or says in a sentence what is wrong with it."""
    file = tmp_path / FILE_NAME
    open_store(None, tmp_path).close()
    assert at_once(file, None, destroyed=False) is not None
    if wrong == "missing":
        file.unlink()
    elif wrong == "public":
        file.chmod(0o640)
    elif wrong == "damaged":
        file.write_bytes(b"no database at all" * 1000)
    else:
        with sqlite3.connect(file) as connection:
            change = "UPDATE alembic_version SET version_num = '0008'"
            connection.execute(change if wrong == "older" else "DROP TABLE alembic_version")
        connection.close()
    assert at_once(file, None, destroyed=False) is None
    assert (wrong == "missing") == (not file.exists())
