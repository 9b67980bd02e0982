"""From what was read to Prometheus's families; names and units as its own guide has them.

Labels are organizations, repositories and words of ours: as many as the configuration has, whatever branches are pushed.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from envmgr import __version__
from envmgr.domain.values.environment import Status
from envmgr.domain.values.hosts.host import HostStatus
from envmgr.domain.values.names import RepositoryId

from .reading import Host, Records, Sees
from .tally import Tally

_Counted = TypeVar("_Counted", CounterMetricFamily, GaugeMetricFamily)
_PLACE = ("organization", "repository")
_UNFINISHED = (
    Status.PENDING,
    Status.RUNNING,
    Status.WAITING,
    Status.FAILED,
    Status.DEGRADED,
    Status.DESTROYING,
)


def build() -> Iterator[Metric]:
    """Which release this is."""
    info = GaugeMetricFamily("envmgr_build_info", "Always 1; the release is a label.", labels=["version"])
    info.add_metric([__version__], 1)
    yield info


def database(is_up: bool) -> Iterator[Metric]:
    """Whether the database answered."""
    yield GaugeMetricFamily("envmgr_database_up", "Whether the database answered this scrape.", int(is_up))


def of_records(found: Records, now: datetime, sees: Sees) -> Iterator[Metric]:
    """What the records say of environments, repositories, findings and leases."""
    count = _gauge("envmgr_environments", "Open environments by status.", *_PLACE, "status")
    age = _gauge(
        "envmgr_environments_oldest_push_age_seconds",
        "For each status that is no end in itself: how long ago the environment was pushed to that has waited longest.",
        *_PLACE,
        "status",
    )
    for group in found.groups:
        if not sees(group.repository.organization, group.repository.name):
            continue
        labels = [*_names(group.repository), group.status.value]
        count.add_metric(labels, group.count)
        if group.status in _UNFINISHED:
            age.add_metric(labels, max(0.0, (now - group.oldest).total_seconds()))
    yield from (count, age)
    drifted = "Environments whose cloud differs from what was applied."
    yield _by_repository("envmgr_environments_drifted", drifted, found.drifted, sees)
    ending = "Environments whose end of life comes within a day."
    yield _by_repository("envmgr_environments_ending", ending, found.ending, sees)
    failed = {identity: state.failures for identity, state in found.unreachable.items()}
    said = "Looks at a remote that failed in a row; absent where the last one succeeded."
    yield _by_repository("envmgr_repository_failed_polls", said, failed, sees)
    findings = _gauge("envmgr_findings", "Findings that stand.", "organization", "look")
    leases = _gauge("envmgr_leases", "Environments that some process works on.", "organization")
    untold = _gauge(
        "envmgr_notifications_failing", "Those who could not be told of what happened.", "organization"
    )
    yield _by_organization(untold, (((name,), number) for name, number in found.untold.items()), sees)
    yield _by_organization(findings, found.findings.items(), sees)
    yield _by_organization(leases, (((name,), number) for name, number in found.leases.items()), sees)
    hosts = _gauge("envmgr_hosts", "Hosts that work by these records, by how they stand.", "status")
    for status in HostStatus:  # also those that none has: an alert needs the 0
        hosts.add_metric([status.value], found.hosts.get(status, 0))
    yield hosts


def of_runs(tally: Tally, sees: Sees) -> Iterator[Metric]:
    """What runs and what has ended since the server began."""
    running = _gauge("envmgr_runs_running", "Runs under way.", "organization", "kind")
    labels = ["organization", "kind", "status"]
    ended = CounterMetricFamily("envmgr_runs", "Runs that ended since the server began.", labels=labels)
    took = HistogramMetricFamily(
        "envmgr_run_duration_seconds", "How long runs took that ended.", labels=["organization", "kind"]
    )
    for (organization, kind), durations in tally.durations.items():
        if sees(organization, None):
            took.add_metric([organization, kind.value], [*durations.cumulative], durations.seconds)
    yield _by_organization(running, tally.running.items(), sees)
    yield _by_organization(ended, tally.ended.items(), sees)
    yield took


def of_webhooks(counts: Mapping[tuple[str, str, str], int], sees: Sees) -> Iterator[Metric]:
    """What forges sent here."""
    labels = ["organization", "forge", "result"]
    taken = CounterMetricFamily(
        "envmgr_webhooks", "Webhooks of forges since the server began.", labels=labels
    )
    yield _by_organization(taken, counts.items(), sees)


def of_host(found: Host, sees: Sees) -> Iterator[Metric]:
    """What this process does, and how much room it has."""
    yield GaugeMetricFamily(
        "envmgr_queue_length", "Environments that are worked on here, or wait for a free thread.", found.queue
    )
    polls = CounterMetricFamily(
        "envmgr_polls", "Looks at a remote by this process.", labels=[*_PLACE, "result"]
    )
    for (identity, succeeded), number in found.polls.items():
        if sees(identity.organization, identity.name):
            polls.add_metric([*_names(identity), "succeeded" if succeeded else "failed"], number)
    at = {i: s.succeeded_at.timestamp() for i, s in found.looks.items() if s.succeeded_at is not None}
    said = "When a remote last answered this process."
    yield polls
    yield _by_repository("envmgr_repository_last_success_timestamp_seconds", said, at, sees)
    sizes = {"size": found.size, "free": found.free, "reserve": found.reserve}
    texts = {"size": "Size of", "free": "Free room on", "reserve": "What must stay free on"}
    for name, size in sizes.items():
        said = f"{texts[name]} the disk with the data folder."
        yield GaugeMetricFamily(f"envmgr_data_folder_{name}_bytes", said, size)


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=labels)


def _names(identity: RepositoryId) -> list[str]:
    return [identity.organization, identity.name]


def _by_organization(
    family: _Counted, found: Iterable[tuple[tuple[str, ...], float]], sees: Sees
) -> _Counted:
    """With what is counted under labels of which the first is the organization."""
    for labels, number in found:
        if sees(labels[0], None):
            family.add_metric(labels, number)
    return family


def _by_repository(
    name: str, text: str, found: Mapping[RepositoryId, float], sees: Sees
) -> GaugeMetricFamily:
    family = _gauge(name, text, *_PLACE)
    for identity, value in found.items():
        if sees(identity.organization, identity.name):
            family.add_metric(_names(identity), value)
    return family
