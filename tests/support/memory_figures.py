"""The port `Figures` over a store in memory; see `envmgr.ports.figures`."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING

from envmgr.domain.audit.standing import Look
from envmgr.domain.rules.neighbours import active_ones
from envmgr.domain.values.environment import Environment, Run, Status
from envmgr.domain.values.forge.telling import Telling
from envmgr.domain.values.names import EnvironmentId, RepositoryId
from envmgr.ports.figures import Group, Unsaid

if TYPE_CHECKING:
    from .memory_store import MemoryStore


@dataclass
class MemoryFigures:
    """Figures over all records."""

    store: "MemoryStore"

    def environments(self) -> Sequence[Group]:
        """Open environments by repository and status."""
        found = sorted(self.store.environments(), key=_group)
        return [_counted(*key, list(group)) for key, group in groupby(found, key=_group)]

    def active(self, organization: str) -> frozenset[EnvironmentId]:
        """The records of an organization that have, or are about to get, resources."""
        return active_ones(self.store.environments(organization=organization))

    def drifted(self) -> Mapping[RepositoryId, int]:
        """In how many open environments of a repository the cloud is otherwise."""
        found = self.store.environments()
        return Counter(e.id.repository_id for e in found if e.drift and e.drift.status == "drift")

    def ending(self, until: datetime) -> Mapping[RepositoryId, int]:
        """How many open environments of a repository end before a time."""
        found = self.store.environments()
        return Counter(
            e.id.repository_id for e in found if e.life.expires_at is not None and e.life.expires_at < until
        )

    def findings(self) -> Mapping[tuple[str, Look], int]:
        """How many findings stand."""
        standing = self.store.standing.items()
        return {(organization, look): len(found) for (look, organization), found in standing if found}

    def unsaid(self) -> Mapping[RepositoryId, Unsaid]:
        """What forges are to be told."""
        rows = sorted(self.store.outbox.kept.values(), key=lambda each: each.target)
        found = groupby(rows, key=lambda each: each.target.repository)
        return {repository: _unsaid(list(of)) for repository, of in found}

    def last_run(self) -> int:
        """The largest id of a run."""
        return max((run.id for run in self.store.runs()), default=0)

    def runs(self, after: int, among: Collection[int]) -> Sequence[Run]:
        """Runs with a larger id, and those with one of these."""
        return sorted((r for r in self.store.runs() if r.id > after or r.id in among), key=lambda r: r.id)


def _group(environment: Environment) -> tuple[RepositoryId, Status]:
    return environment.id.repository_id, environment.status


def _unsaid(found: Sequence[Telling]) -> Unsaid:
    waiting = [each.since for each in found if each.is_waiting]
    refused = sum(1 for each in found if not each.is_said and not each.is_waiting)
    return Unsaid(waiting=len(waiting), oldest=min(waiting, default=None), refused=refused)


def _counted(repository: RepositoryId, status: Status, found: Sequence[Environment]) -> Group:
    oldest = min(e.life.pushed_at or e.life.created_at for e in found)
    return Group(repository=repository, status=status, count=len(found), oldest=oldest)
