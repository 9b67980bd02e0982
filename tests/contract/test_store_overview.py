"""What `list` shows is the same whichever way it is read: from the records, by the overview, and from the file at once."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from envmgr.adapters.store.connect import open_store
from envmgr.adapters.store.names import FILE_NAME
from envmgr.adapters.store.overview import Overview, at_once
from envmgr.adapters.store.store import SqlStore
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
    RepositoryState,
    Status,
    Suspension,
)
from envmgr.domain.values.health import Condition, Health, HealthCheck
from envmgr.domain.values.names import EnvironmentId, RepositoryId
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
