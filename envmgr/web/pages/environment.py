"""One environment with its applications, as its page shows it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from envmgr.domain.values.asking.freeze import Freeze
from envmgr.domain.values.asking.request import Request
from envmgr.domain.values.combined import urls
from envmgr.domain.values.environment import Environment, Event, Lease, Run, RunStatus
from envmgr.domain.values.forge.telling import Untold
from envmgr.domain.values.hosts.host import Host, HostStatus, Standing
from envmgr.domain.values.names import EnvironmentId
from envmgr.domain.values.pipeline.image import SeenImage

from .actions import Attention, Button, MayDo, attention, buttons
from .graph import Graph, graph
from .listing import row


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """All that is known of an environment. `found` stands for all of its applications, `why` says how it stands.

    `ends` is what ends it where its life has no end of its own, `lost_host` the one that had begun work on it, of which
    nothing is heard.
    """

    id: EnvironmentId
    found: Environment
    records: Sequence[Environment]
    why: str
    ends: str
    urls: Sequence[str]
    asks: Attention | None
    actions: Sequence[Button]
    graph: Graph | None
    leases: Sequence[Lease]
    runs: Sequence[Run]
    events: Sequence[Event]
    requests: Sequence[Request]
    remote_error: str
    untold: Sequence[Untold]
    lost_host: Host | None
    freezes: Sequence[Freeze]
    images: Sequence[SeenImage]

    @property
    def has_details(self) -> bool:
        """Whether there are outputs, resources or variables to show."""
        return any(e.claim is not None or e.applied.outputs or e.applied.resources for e in self.records)

    @property
    def running(self) -> Run | None:
        """The newest run that is under way."""
        return next((run for run in self.runs if run.status is RunStatus.RUNNING), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What is recorded beside an environment's own records."""

    leases: Mapping[EnvironmentId, Lease]
    runs: Sequence[Run]
    events: Sequence[Event]
    requests: Sequence[Request] = ()
    remote_error: str = ""
    untold: Sequence[Untold] = ()
    hosts: Sequence[Standing] = ()
    freezes: Sequence[Freeze] = ()
    images: Sequence[SeenImage] = ()
    is_protected: bool = False


def whole(records: Sequence[Environment], around: Around, may: MayDo) -> Whole:
    """An environment of its records and what is around them."""
    shown = row(records)
    return Whole(
        id=records[0].id.environment,
        found=shown.found,
        records=records,
        why=shown.why,
        ends=ends_with(shown.found, is_protected=around.is_protected),
        urls=urls(records),
        asks=attention(records, may),
        actions=buttons(records, may),
        graph=graph(records),
        leases=[around.leases[e.id] for e in records if e.id in around.leases],
        runs=around.runs,
        events=around.events,
        requests=around.requests,
        remote_error=around.remote_error,
        untold=around.untold,
        lost_host=lost_host(around.hosts, {e.id for e in records}),
        freezes=around.freezes,
        images=around.images,
    )


def ends_with(found: Environment, *, is_protected: bool) -> str:
    """What ends an environment whose life has no end of its own."""
    if found.origin.is_named or is_protected:
        return "by hand alone"
    return "with its pull request" if found.origin.number is not None else "with its branch"


def lost_host(hosts: Sequence[Standing], of: Collection[EnvironmentId]) -> Host | None:
    """The silent host that had begun work on one of some records, which nobody has taken up since."""
    silent = (each for each in hosts if each.status is HostStatus.SILENT)
    return next((h.host for h in silent if any(lease.environment in of for lease in h.works_on)), None)
