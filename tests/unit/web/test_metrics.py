"""What Prometheus is told: right figures, few labels, and only of what the token may see."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as classic

from envmgr.daemon.forge_watch import ForgeWatch
from envmgr.domain.errors import Transient
from envmgr.domain.rules.access.roles import Rules, signed_in
from envmgr.domain.values.asking.person import Role
from envmgr.domain.values.environment import ProcessId, RunKind, RunStatus
from envmgr.domain.values.hosts.host import SILENT, HostStatus, Report
from envmgr.domain.values.names import EnvironmentId
from envmgr.engine.forge.delivery import Delivery
from envmgr.engine.forge.saying import work_out
from envmgr.ports.figures import Figures
from envmgr.web.metrics.reading import sees
from envmgr.web.metrics.tally import BOUNDS, Durations, Tally
from tests.support.in_memory.rules import BROKEN, MODULE
from tests.support.in_memory.rules import SHOP as SHOP_ID
from tests.support.in_memory.rules import Rules as Wanted
from tests.support.memory_forge import MemoryForge
from tests.support.memory_store import MemoryStore
from tests.support.store import NOW, OURS

from .conftest import Site, made

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


@pytest.fixture
def scrape(site: Site) -> Callable[..., Samples]:
    """Asks for the figures; each sample by its name and labels."""
    _serve(site, True)

    def ask(**headers: str) -> Samples:
        answer = site.client.get("/metrics", headers=headers)
        assert answer.status_code == 200, answer.text
        return _samples(answer.text, openmetrics if "openmetrics" in headers.get("accept", "") else classic)

    return ask


def _samples(text: str, parse: Callable[[str], Any]) -> Samples:
    families = parse(text)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for f in families for s in f.samples}


def _of(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((name, tuple(sorted(labels.items()))))


def _serve(site: Site, metrics: Literal[True, "token"]) -> None:
    door = site.app.state.door
    runtime = site.runtime(site.world.daemon.application)
    door.runtime = replace(runtime, server=replace(door.settings, metrics=metrics))


def _apply(site: Site, name: str) -> None:
    site.world.push(name, MODULE.replace("small", "large"))
    site.world.turn(2)


def _asked_by(site: Site, repository: str | None) -> Samples:
    token = site.token(Role.VIEWER, "acme", repository)
    answer = site.client.get("/metrics", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    return _samples(answer.text, classic)


SHOP = {"organization": "acme", "repository": "shop"}


def test_nothing_is_there_unless_it_was_asked_for(site: Site) -> None:
    """And the sentence says how to ask."""
    answer = site.client.get("/metrics")
    assert answer.status_code == 404
    assert "metrics" in answer.json()["detail"]


@pytest.mark.parametrize("accept", ["text/plain", OPENMETRICS])
def test_environments_polls_and_the_disk_are_told(scrape: Callable[..., Samples], accept: str) -> None:
    """In both of the formats that Prometheus asks for, as its own parsers read them."""
    found = scrape(accept=accept)
    assert _of(found, "envmgr_database_up") == 1
    assert _of(found, "envmgr_environments", **SHOP, status="ready") == 1
    assert _of(found, "envmgr_queue_length") == 0
    free, size = (_of(found, f"envmgr_data_folder_{name}_bytes") for name in ("free", "size"))
    assert free is not None
    assert size is not None
    assert 0 < free < size
    assert (_of(found, "process_resident_memory_bytes") or 0) > 1_000_000
    assert [name for name, _ in found if name == "envmgr_build_info"]


def test_what_failed_and_how_long_ago_it_was_pushed(site: Site, scrape: Callable[..., Samples]) -> None:
    """The age grows with the clock; what is ready has none."""
    site.world.push("bob", BROKEN)
    site.world.turn(2)
    before = scrape()
    site.world.forward(hours=2)
    after = scrape()
    name = "envmgr_environments_oldest_push_age_seconds"
    assert _of(before, "envmgr_environments", **SHOP, status="failed") == 1
    first, then = (_of(found, name, **SHOP, status="failed") for found in (before, after))
    assert first is not None
    assert then is not None
    assert then - first == 7200
    assert _of(after, name, **SHOP, status="ready") is None
    assert _of(before, "envmgr_environments_ending", **SHOP) is None


def test_runs_count_once_from_the_first_scrape_on(site: Site, scrape: Callable[..., Samples]) -> None:
    """Those of before are history; one that ran at the first scrape counts when it ends."""
    labels = {"organization": "acme", "kind": "apply", "status": "succeeded"}
    assert _of(scrape(), "envmgr_runs_total", **labels) is None
    _apply(site, "alice")
    assert [_of(scrape(), "envmgr_runs_total", **labels) for _ in range(2)] == [1, 1]
    took = {"organization": "acme", "kind": "apply"}
    found = scrape()
    assert _of(found, "envmgr_run_duration_seconds_count", **took) == 1
    assert _of(found, "envmgr_run_duration_seconds_bucket", **took, le="+Inf") == 1


def test_hosts_are_counted_by_how_they_stand(site: Site, scrape: Callable[..., Samples]) -> None:
    """Also where none stands so: an alert asks for the 0."""
    beat = partial(site.world.store.hosts.beat, is_dead=lambda _: False)
    for number, leaves in ((1, False), (2, False), (3, True)):
        host = ProcessId(f"build-{number}", f"boot-{number}", 1, 1, f"id-{number}")
        beat(Report(process=host, version="0", serves=True), site.world.now)
        if leaves:
            site.world.store.hosts.leave(host, site.world.now)
    site.world.store.hosts.drain("id-2", draining=True)

    def told() -> dict[str, float | None]:
        found = scrape()
        return {each.value: _of(found, "envmgr_hosts", status=each.value) for each in HostStatus}

    before = told()
    assert (before["working"], before["draining"], before["silent"], before["passive"]) == (1, 1, 0, 0)
    site.world.forward(seconds=SILENT.total_seconds() + 1)
    after = told()
    assert (after["working"], after["draining"], after["silent"]) == (0, 0, 2)
    assert after["stopped"] == before["stopped"]
    assert (after["stopped"] or 0) >= 1


def test_a_remote_that_is_away_is_told(site: Site, scrape: Callable[..., Samples]) -> None:
    """With the looks that failed in a row, and the time when it last answered."""
    site.world.shop.is_away = True
    site.world.turn()
    found = scrape()
    assert _of(found, "envmgr_repository_failed_polls", **SHOP) == 1
    polls = {
        result: _of(found, "envmgr_polls_total", **SHOP, result=result) for result in ("succeeded", "failed")
    }
    assert polls["failed"] == 1
    assert (polls["succeeded"] or 0) >= 1
    assert _of(found, "envmgr_repository_last_success_timestamp_seconds", **SHOP) is not None


def test_a_database_that_is_away_is_a_figure(
    site: Site, scrape: Callable[..., Samples], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the host says is told still."""

    def away(_: object) -> Figures:
        raise Transient("The database does not answer.")

    monkeypatch.setattr(type(site.world.store), "figures", property(away))
    found = scrape()
    assert _of(found, "envmgr_database_up") == 0
    assert _of(found, "envmgr_queue_length") == 0
    assert not [name for name, _ in found if name.startswith("envmgr_environments")]


def test_a_token_sees_the_figures_of_its_own_places(site: Site) -> None:
    """Where only tokens are taken; nobody else sees any, and a repository's token nothing of all its organization."""
    _serve(site, "token")
    assert site.client.get("/metrics").status_code == 401
    _asked_by(site, None)
    _apply(site, "alice")
    whole, part = _asked_by(site, None), _asked_by(site, "shop")
    assert _of(whole, "envmgr_environments", **SHOP, status="ready") == 1
    assert _of(part, "envmgr_environments", **SHOP, status="ready") == 1
    assert _of(part, "envmgr_database_up") == 1
    names = [{name for name, _ in found if name.startswith("envmgr_run")} for found in (whole, part)]
    assert "envmgr_runs_total" in names[0]
    assert not names[1]


def test_a_person_without_a_role_sees_none_of_it() -> None:
    """Nor where she has one in another organization, nor in a repository that is kept from her."""
    rules = {
        "acme": Rules({Role.VIEWER: ("*",)}, {"secret": {Role.VIEWER: ("carol",)}}),
        "globex": Rules({Role.VIEWER: ("carol",)}),
    }
    may = sees(signed_in("alice", (), rules))
    assert [may("acme", None), may("acme", "shop"), may("acme", "secret"), may("globex", None)] == [
        True,
        True,
        False,
        False,
    ]


def test_forges_are_told_of(tmp_path: Path) -> None:
    """Calls by account once, looks, what was told, and what waits while it is away: each with labels of ours alone."""
    forge = MemoryForge(remaining=4_000)
    site = made(tmp_path, Wanted(forge=forge))
    _serve(site, True)
    daemon = site.world.daemon.application
    told, watch = Delivery(), ForgeWatch(daemon, lambda _: None)

    def turn() -> Samples:
        site.world.turn()
        watch.tick()
        assert watch.wait(20)
        work_out(daemon.services, daemon.services.repositories[SHOP_ID], "")
        for account, rows in told.due(daemon.services).items():
            told.deliver(daemon.services, account, rows, lambda: False)
        return _samples(site.client.get("/metrics").text, classic)

    found = turn()
    assert _of(found, "envmgr_forge_calls_total", forge="github", result="read") == len(forge.calls) > 1
    kind = {"organization": "acme", "forge": "github"}
    assert _of(found, "envmgr_forge_calls_remaining", **kind) == 4_000
    assert _of(found, "envmgr_forge_calls_limit", **kind) == 5_000
    assert _of(found, "envmgr_forge_looks_total", **SHOP, result="succeeded") == 1
    assert _of(found, "envmgr_forge_failed_looks", **SHOP) is None
    done = _of(found, "envmgr_outbox_deliveries_total", **SHOP, result="told")
    assert (done, _of(found, "envmgr_outbox_waiting", **SHOP)) == (2, 0)  # a status and a deployment
    assert _of(found, "envmgr_outbox_oldest_seconds", **SHOP) == 0

    forge.broken = Transient("away")
    site.world.push("alice", MODULE.replace("small", "large"))
    turn()
    site.world.forward(hours=1)
    found = turn()
    watch.close()
    assert _of(found, "envmgr_forge_failed_looks", **SHOP) == 1
    assert _of(found, "envmgr_outbox_deliveries_total", **SHOP, result="failed") == 1
    assert (_of(found, "envmgr_outbox_waiting", **SHOP) or 0) >= 1
    assert (_of(found, "envmgr_outbox_oldest_seconds", **SHOP) or 0) >= 3600


def test_labels_do_not_grow_with_branches(site: Site, scrape: Callable[..., Samples]) -> None:
    """However many are pushed, and whatever their names are."""
    scrape()
    _apply(site, "alice")
    before = len(scrape())
    for number in range(20):
        site.world.push(f'x"{number}' if number % 2 else f"branch-{number}")
    site.world.turn(2)
    after = scrape()
    assert len(after) <= before + 2  # another status, with its age
    assert not [labels for _, labels in after for _, value in labels if "branch-" in value]


@given(st.lists(st.floats(-10, 1e6)))
def test_each_duration_is_in_one_bucket(taken: list[float]) -> None:
    """And in all that are wider."""
    durations = Durations()
    for seconds in taken:
        durations.add(seconds)
    found = dict(durations.cumulative)
    assert found["+Inf"] == len(taken)
    for bound in BOUNDS:
        assert found[str(bound)] == sum(1 for seconds in taken if seconds <= bound)


@given(st.lists(st.sampled_from(["start", "finish", "count"]), max_size=30), st.randoms())
def test_whatever_the_order_each_end_counts_once(steps: list[str], chance: Any) -> None:
    """Runs that start and end between two counts, or over many."""
    store, tally, expected, open_ones = MemoryStore(), Tally(), 0, []
    identity = EnvironmentId("acme", "shop", "alice")
    tally.count(store.figures, lambda: store.runs(status=RunStatus.RUNNING))
    for step in steps:
        if step == "start":
            open_ones.append(store.start_run(identity, RunKind.PLAN, "c" * 40, OURS, "daemon", NOW).id)
        elif step == "finish" and open_ones:
            ended = open_ones.pop(chance.randrange(len(open_ones)))
            store.finish_run(ended, RunStatus.FAILED, NOW + timedelta(seconds=3))
            expected += 1
        else:
            tally.count(store.figures, lambda: store.runs(status=RunStatus.RUNNING))
    tally.count(store.figures, lambda: store.runs(status=RunStatus.RUNNING))
    assert tally.ended.total() == expected
    assert sum(tally.running.values()) == len(open_ones)
    assert replace(tally.durations["acme", RunKind.PLAN]).seconds == 3.0 * expected
