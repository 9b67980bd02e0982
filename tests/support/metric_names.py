"""What `/metrics` tells: each figure with its labels, as the pages about it must have them."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from prometheus_client.core import Metric

from envmgr.domain.audit.standing import Look
from envmgr.domain.values.environment import RepositoryState, Run, RunKind, RunStatus, Status
from envmgr.domain.values.forge import ForgeKind
from envmgr.domain.values.forge.telling import Delivered
from envmgr.domain.values.hosts.host import HostStatus
from envmgr.domain.values.names import EnvironmentId, RepositoryId
from envmgr.ports.figures import Group, Unsaid
from envmgr.web.metrics import families, forges
from envmgr.web.metrics.forges import Forges
from envmgr.web.metrics.reading import Host, Records
from envmgr.web.metrics.tally import Tally

from .store import OURS

_NOW = datetime(2026, 11, 20, tzinfo=UTC)
_SHOP = RepositoryId("acme", "shop")
_POLLED = RepositoryState(polled_at=_NOW, succeeded_at=_NOW, failures=1, error="away")
_UNSAID = Unsaid(waiting=1, oldest=_NOW, refused=1)
_RUN = Run(
    id=1,
    environment=EnvironmentId("acme", "shop", "alice"),
    kind=RunKind.APPLY,
    commit="c" * 40,
    status=RunStatus.RUNNING,
    started_at=_NOW,
    owner=OURS,
    actor="daemon",
)


class _Ended(Tally):
    """One run that runs, and one that ended."""

    def __init__(self) -> None:
        super().__init__()
        self._running = {1: _RUN}
        self.ended["acme", RunKind.APPLY, RunStatus.SUCCEEDED] += 1
        self.durations["acme", RunKind.APPLY].add(3)


def _all() -> Iterator[Metric]:
    yield from families.build()
    yield from families.database(True)
    found = Records(
        groups=[Group(repository=_SHOP, status=Status.FAILED, count=1, oldest=_NOW)],
        drifted={_SHOP: 1},
        ending={_SHOP: 1},
        unreachable={_SHOP: _POLLED},
        findings={("acme", Look.AUDIT): 1},
        leases={"acme": 1},
        untold={"acme": 1},
        unsaid={_SHOP: _UNSAID},
        hosts={HostStatus.WORKING: 1},
    )
    yield from families.of_records(found, _NOW, lambda *_: True)
    yield from families.of_runs(_Ended(), lambda *_: True)
    yield from families.of_webhooks({("acme", "github", "taken"): 1}, lambda *_: True)
    told = Forges(
        calls={(ForgeKind.GITHUB, "read"): 1},
        left={("acme", ForgeKind.GITHUB): (1, 2)},
        looks={(_SHOP, True): 1},
        failing={_SHOP: 1},
        deliveries={(_SHOP, Delivered.TOLD): 1},
    )
    yield from forges.of_forges(told, lambda *_: True)
    yield from forges.of_outbox({_SHOP: _UNSAID}, _NOW, lambda *_: True)
    host = Host(queue=0, polls={(_SHOP, True): 1}, looks={_SHOP: _POLLED}, size=3, free=2, reserve=1)
    yield from families.of_host(host, lambda *_: True)


def _names() -> Mapping[str, tuple[str, ...]]:
    labels: dict[str, tuple[str, ...]] = defaultdict(tuple)
    for family in _all():
        for sample in family.samples:
            labels[family.name] = tuple(name for name in sample.labels if name != "le")
    return dict(labels)


TOLD = _names()
"""The name of each family without `_total`, with its labels in order."""
