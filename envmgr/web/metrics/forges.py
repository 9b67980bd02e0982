"""What is told of forges: calls and what is left of them, looks, and what still has to be said there."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from envmgr.commands.runtime import Runtime
from envmgr.domain.values.forge import ForgeKind
from envmgr.domain.values.forge.telling import Delivered
from envmgr.domain.values.names import RepositoryId
from envmgr.ports.figures import Unsaid

from .reading import Sees

_PLACE = ("organization", "repository")


@dataclass(frozen=True, slots=True, kw_only=True)
class Forges:
    """What this process knows of forges.

    `calls` are by kind of forge and result. `left` is by organization and kind what is left of an account's calls, and
    how many it has: of several accounts that with the smallest part left.
    """

    calls: Mapping[tuple[ForgeKind, str], int]
    left: Mapping[tuple[str, ForgeKind], tuple[int, int]]
    looks: Mapping[tuple[RepositoryId, bool], int]
    failing: Mapping[RepositoryId, int]
    deliveries: Mapping[tuple[RepositoryId, Delivered], int]


def forges(runtime: Runtime) -> Forges:
    """What is known without the database."""
    services, calls = runtime.services, Counter[tuple[ForgeKind, str]]()
    left: dict[tuple[str, ForgeKind], tuple[int, int]] = {}
    counted = set[str]()
    for identity, repository in services.repositories.items():
        forge = repository.forge
        if forge is None:
            continue
        usage, kind = forge.usage, forge.traits.kind
        if forge.account not in counted:
            calls.update({(kind, result): number for result, number in usage.calls.items()})
        counted.add(forge.account)
        if usage.remaining is not None and usage.limit:
            key, mine = (identity.organization, kind), (usage.remaining, usage.limit)
            left[key] = min(left.get(key, mine), mine, key=lambda each: each[0] / each[1])
    tally = services.forge_tally
    return Forges(
        calls=calls, left=left, looks=tally.looks, failing=tally.failing, deliveries=tally.deliveries
    )


def of_forges(found: Forges, sees: Sees) -> Iterator[Metric]:
    """What this process asked forges and told them."""
    calls = CounterMetricFamily("envmgr_forge_calls", "Calls to forges.", labels=["forge", "result"])
    for (kind, result), number in sorted(found.calls.items()):
        calls.add_metric([kind.value, result], number)
    labels = ["organization", "forge"]
    remaining = GaugeMetricFamily(
        "envmgr_forge_calls_remaining", "Calls that a forge still allows, where it says so.", labels=labels
    )
    limit = GaugeMetricFamily(
        "envmgr_forge_calls_limit", "Calls that it allows in all, where it says so.", labels=labels
    )
    for (organization, kind), (left, whole) in found.left.items():
        if sees(organization, None):
            remaining.add_metric([organization, kind.value], left)
            limit.add_metric([organization, kind.value], whole)
    looks = CounterMetricFamily(
        "envmgr_forge_looks", "Looks at a repository's forge.", labels=[*_PLACE, "result"]
    )
    for (identity, succeeded), number in found.looks.items():
        if sees(identity.organization, identity.name):
            looks.add_metric([*_names(identity), "succeeded" if succeeded else "failed"], number)
    failing = GaugeMetricFamily(
        "envmgr_forge_failed_looks",
        "Looks at a forge that failed in a row; absent where the last one succeeded.",
        labels=_PLACE,
    )
    for identity, number in found.failing.items():
        if sees(identity.organization, identity.name):
            failing.add_metric(_names(identity), number)
    told = CounterMetricFamily(
        "envmgr_outbox_deliveries", "Times that a forge was told something.", labels=[*_PLACE, "result"]
    )
    for (identity, result), number in found.deliveries.items():
        if sees(identity.organization, identity.name):
            told.add_metric([*_names(identity), result.value], number)
    yield from (calls, remaining, limit, looks, failing, told)


def of_outbox(found: Mapping[RepositoryId, Unsaid], now: datetime, sees: Sees) -> Iterator[Metric]:
    """What forges are still to be told, by whatever process."""
    count = GaugeMetricFamily("envmgr_outbox_waiting", "What a forge is still to be told.", labels=_PLACE)
    age = GaugeMetricFamily(
        "envmgr_outbox_oldest_seconds", "How long the oldest of it waits; 0: nothing does.", labels=_PLACE
    )
    refused = GaugeMetricFamily("envmgr_outbox_refused", "What a forge refuses to be told.", labels=_PLACE)
    for identity, unsaid in found.items():
        if sees(identity.organization, identity.name):
            waited = (now - unsaid.oldest).total_seconds() if unsaid.oldest is not None else 0.0
            count.add_metric(_names(identity), unsaid.waiting)
            age.add_metric(_names(identity), max(0.0, waited))
            refused.add_metric(_names(identity), unsaid.refused)
    yield from (count, age, refused)


def _names(identity: RepositoryId) -> list[str]:
    return [identity.organization, identity.name]
