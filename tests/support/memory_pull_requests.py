"""The port `PullRequests` in this process's memory; see `envmgr.ports.pull_requests`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import RLock

from envmgr.domain.values.forge import KnownPullRequest
from envmgr.domain.values.names import RepositoryId
from envmgr.ports.pull_requests import KnownChange


@dataclass
class MemoryPullRequests:
    """What is known of pull requests. `writes` counts what was written."""

    kept: dict[tuple[RepositoryId, int], KnownPullRequest] = field(default_factory=dict)
    writes: int = 0
    lock: RLock = field(default_factory=RLock)

    def all(self, repository: RepositoryId) -> Sequence[KnownPullRequest]:
        """All of a repository, by number."""
        return [self.kept[key] for key in sorted(self.kept) if key[0] == repository]

    def get(self, repository: RepositoryId, number: int) -> KnownPullRequest | None:
        """One of them."""
        return self.kept.get((repository, number))

    def change(self, repository: RepositoryId, number: int, change: KnownChange) -> KnownPullRequest | None:
        """Writes what a change makes of one."""
        with self.lock:
            before = self.get(repository, number)
            after = change(before)
            if after is None or after == before:
                return before
            self.kept[repository, number] = after
            self.writes += 1
            return after
