"""What every store promises of figures: the same as counting the records would give."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from envmgr.domain.audit.standing import Look, Standing
from envmgr.domain.rules.neighbours import active_ones
from envmgr.domain.values.drift import Difference, Drift
from envmgr.domain.values.environment import RunKind, RunStatus, Status
from envmgr.domain.values.forge import CommitStatus, ReportState
from envmgr.domain.values.forge.telling import Target, Telling, TellingKind
from envmgr.domain.values.names import RepositoryId
from envmgr.ports import Store
from envmgr.ports.figures import Group, Unsaid
from tests.support.store import ALICE, CLAIM, MINUTE, NOW, OURS, SHOP, having, seen

DAY = timedelta(days=1)


def test_an_empty_store_counts_nothing(store: Store) -> None:
    """No groups, no runs."""
    figures = store.figures
    assert (list(figures.environments()), figures.last_run(), list(figures.runs(0, ()))) == ([], 0, [])
    assert (dict(figures.drifted()), dict(figures.ending(NOW)), dict(figures.findings())) == ({}, {}, {})
    assert dict(figures.unsaid()) == {}


def test_environments_by_status_with_the_oldest_push(store: Store) -> None:
    """Destroyed ones are not counted; where nobody pushed, the record's own age counts."""
    for name, status, pushed in (
        ("env-a", Status.FAILED, NOW - DAY),
        ("env-b", Status.FAILED, NOW - MINUTE),
        ("env-c", Status.READY, None),
        ("env-d", Status.DESTROYED, NOW - DAY),
    ):
        made = seen(store, name)
        store.update(made.id, None, NOW, having(status=status, pushed_at=pushed))
    assert list(store.figures.environments()) == [
        Group(repository=SHOP, status=Status.FAILED, count=2, oldest=NOW - DAY),
        Group(repository=SHOP, status=Status.READY, count=1, oldest=NOW),
    ]


def test_who_has_resources_is_told_as_the_records_tell_it(store: Store) -> None:
    """Or is about to get some; each application by itself, and only those of the organization."""
    records: dict[str, dict[str, Any]] = {
        "env-a": {"claim": CLAIM, "status": Status.READY},
        "env-b": {"claim": CLAIM, "status": Status.DESTROYED},
        "env-c": {"status": Status.RUNNING},
        "env-d": {"status": Status.PENDING},
        "env-e": {"claim": CLAIM, "status": Status.DESTROYING},
    }
    for name, changes in records.items():
        store.update(seen(store, name).id, None, NOW, having(**changes))
    store.update(seen(store, "env-a", RepositoryId("other", "shop")).id, None, NOW, having(claim=CLAIM))
    found = store.figures.active("acme")
    assert found == active_ones(store.environments(organization="acme"))
    assert sorted(each.name for each in found) == ["a", "c", "e"]
    assert len(store.figures.active("other")) == 1


def test_drift_counts_where_the_last_check_found_some(store: Store) -> None:
    """Not where it found none, and not where it came to no result."""
    some = (Difference(address="a.b", action="update"),)
    checks = {
        "env-a": Drift(tried_at=NOW, checked_at=NOW, differences=some),
        "env-b": Drift(tried_at=NOW, checked_at=NOW),
        "env-c": Drift(tried_at=NOW, checked_at=NOW, differences=some, error="no credentials"),
    }
    for name, drift in checks.items():
        store.update(seen(store, name).id, None, NOW, having(drift=drift))
    assert dict(store.figures.drifted()) == {SHOP: 1}


def test_ends_of_life_before_a_time(store: Store) -> None:
    """Those without an end never come to it."""
    for name, ends in (("env-a", NOW + MINUTE), ("env-b", NOW + DAY), ("env-c", None)):
        made = seen(store, name)
        store.update(made.id, None, NOW, having(expires_at=ends))
    assert dict(store.figures.ending(NOW + DAY)) == {SHOP: 1}


def test_findings_by_what_looked_for_them(store: Store) -> None:
    """Each counts once, however often it was seen."""
    found = [
        Standing(
            look=Look.AUDIT,
            organization="acme",
            kind="orphan",
            subject=f"r{number}",
            told="…",
            since=NOW,
            seen_at=NOW,
        )
        for number in range(3)
    ]
    for _ in range(2):
        store.take_findings(Look.AUDIT, "acme", NOW, found, lambda _: True, lambda _: ())
    assert dict(store.figures.findings()) == {("acme", Look.AUDIT): 3}


def test_runs_that_are_newer_or_asked_for(store: Store) -> None:
    """A thousand may be asked for at once; what was pruned is left out."""
    seen(store, "env-alice")
    runs = [store.start_run(ALICE, RunKind.APPLY, "c" * 40, OURS, "daemon", NOW) for _ in range(4)]
    store.finish_run(runs[1].id, RunStatus.FAILED, NOW + MINUTE)
    found = store.figures.runs(runs[2].id, {runs[1].id, runs[3].id, *range(10_000, 11_000)})
    assert [(run.id, run.status) for run in found] == [
        (runs[1].id, RunStatus.FAILED),
        (runs[3].id, RunStatus.RUNNING),
    ]
    assert store.figures.last_run() == runs[3].id


def test_what_forges_are_still_to_be_told(store: Store) -> None:
    """By repository: what waits, since when the oldest of it does, and what is refused; what was said counts as none."""
    rows = [telling("a", NOW), telling("b", NOW - MINUTE), telling("c", NOW - DAY), telling("d", NOW)]
    assert store.outbox.revise(SHOP, lambda _: (rows, ()))
    assert dict(store.figures.unsaid()) == {SHOP: Unsaid(waiting=4, oldest=NOW - DAY, refused=0)}
    for each in (rows[2], rows[3]):
        taken = store.outbox.take(each, OURS, NOW + MINUTE)
        assert taken is not None
        if each is rows[2]:
            store.outbox.told(taken, "")
        else:
            store.outbox.not_told(replace(taken, refused=taken.digest, error="no"))
    assert dict(store.figures.unsaid()) == {SHOP: Unsaid(waiting=2, oldest=NOW - MINUTE, refused=1)}


def telling(name: str, since: datetime) -> Telling:
    """A status that is to be told."""
    status = CommitStatus(
        commit="c" * 40, context=f"envmgr/{name}", state=ReportState.SUCCESS, sentence="", url=""
    )
    target = Target(SHOP, TellingKind.STATUS, name, "c" * 40)
    return Telling(target=target, document=status, digest=name, since=since)
