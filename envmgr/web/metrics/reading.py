"""All that is read for one answer of `/metrics`."""

import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from envmgr.commands.hosts import standing
from envmgr.commands.runtime import Runtime
from envmgr.domain.audit.standing import Look
from envmgr.domain.values.asking.person import Person
from envmgr.domain.values.environment import RepositoryState
from envmgr.domain.values.hosts.host import HostStatus
from envmgr.domain.values.names import RepositoryId
from envmgr.ports.figures import Group, Unsaid

ENDING = timedelta(days=1)
"""How soon an end of life must come to be counted."""

Sees = Callable[[str, str | None], bool]
"""Whether figures of an organization, or of one of its repositories, may be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """What the records say."""

    groups: Sequence[Group]
    drifted: Mapping[RepositoryId, int]
    ending: Mapping[RepositoryId, int]
    unreachable: Mapping[RepositoryId, RepositoryState]
    findings: Mapping[tuple[str, Look], int]
    leases: Mapping[str, int]
    untold: Mapping[str, int]
    unsaid: Mapping[RepositoryId, Unsaid]
    hosts: Mapping[HostStatus, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What this process and its disk say; bytes."""

    queue: int
    polls: Mapping[tuple[RepositoryId, bool], int]
    looks: Mapping[RepositoryId, RepositoryState]
    size: int
    free: int
    reserve: int


def records(runtime: Runtime, now: datetime) -> Records:
    """What the records say now; raises what the store raises."""
    store = runtime.services.store
    figures = store.figures
    told = {target.key for target in runtime.targets}  # who is named no more is told no more
    positions = store.hooks.positions.all() if told else ()
    return Records(
        groups=figures.environments(),
        drifted=figures.drifted(),
        ending=figures.ending(now + ENDING),
        unreachable=store.unreachable(),
        findings=figures.findings(),
        leases=Counter(identity.organization for identity in store.leases(now)),
        untold=Counter(p.organization for p in positions if p.failures and p.target in told),
        unsaid=figures.unsaid(),
        hosts=Counter(each.status for each in standing.known(runtime)),
    )


def host(runtime: Runtime) -> Host:
    """What is known without the database; raises OSError where the disk does not say."""
    services = runtime.services
    disk = shutil.disk_usage(services.layout.root)
    return Host(
        queue=len(runtime.workers.busy),
        polls=runtime.poller.counts,
        looks=runtime.poller.standings,
        size=disk.total,
        free=disk.free,
        reserve=services.disk_reserve,
    )


def sees(person: Person | None) -> Sees:
    """What somebody may be told of; all where nobody is asked who she is."""
    if person is None:
        return lambda *_: True
    return lambda organization, repository: person.role(organization, repository) is not None
