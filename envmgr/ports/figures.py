"""Figures over all records, counted where they are kept."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from envmgr.domain.audit.standing import Look
from envmgr.domain.values.environment import Run, Status
from envmgr.domain.values.names import EnvironmentId, RepositoryId


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The environments of a repository that have a status: how many, and when the first of them was last pushed to.

    Each application of an environment counts for itself; one that nobody has pushed to since it was made counts from then.
    """

    repository: RepositoryId
    status: Status
    count: int
    oldest: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsaid:
    """Of what a forge is to be told: how much waits and since when the `oldest` of it stands, and how much it refuses."""

    waiting: int
    oldest: datetime | None
    refused: int


class Figures(Protocol):
    """Counts; none of them reads whole records of more than a few environments."""

    def environments(self) -> Sequence[Group]:
        """Open environments by repository and status, in that order."""
        ...

    def active(self, organization: str) -> frozenset[EnvironmentId]:
        """The records of an organization that have, or are about to get, resources, as `active_ones` tells of all of them."""
        ...

    def drifted(self) -> Mapping[RepositoryId, int]:
        """In how many open environments of a repository the cloud was found otherwise than applied."""
        ...

    def ending(self, until: datetime) -> Mapping[RepositoryId, int]:
        """How many open environments of a repository come to their end of life before a time."""
        ...

    def findings(self) -> Mapping[tuple[str, Look], int]:
        """How many findings stand, by organization and by what looked for them."""
        ...

    def unsaid(self) -> Mapping[RepositoryId, Unsaid]:
        """What forges are to be told, by each repository of which they were ever told anything that is remembered."""
        ...

    def last_run(self) -> int:
        """The largest id of a run; 0 where there is none."""
        ...

    def runs(self, after: int, among: Collection[int]) -> Sequence[Run]:
        """Runs with a larger id, and those with one of these ids, by id; pruned ones are left out."""
        ...
