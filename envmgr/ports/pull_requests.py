"""What envmgr keeps of pull requests."""

from collections.abc import Callable, Sequence
from typing import Protocol

from envmgr.domain.values.forge import KnownPullRequest
from envmgr.domain.values.names import RepositoryId

KnownChange = Callable[[KnownPullRequest | None], KnownPullRequest | None]
"""What becomes of what is known of a pull request; None for nothing: it stays as it is."""


class PullRequests(Protocol):
    """Pull requests as their forges told of them last, by repository and number."""

    def all(self, repository: RepositoryId) -> Sequence[KnownPullRequest]:
        """All of a repository that are known, closed ones too, by number."""
        ...

    def get(self, repository: RepositoryId, number: int) -> KnownPullRequest | None:
        """One of them."""
        ...

    def change(self, repository: RepositoryId, number: int, change: KnownChange) -> KnownPullRequest | None:
        """Writes what a change makes of one, alone at that; gives what is known then. What is the same is not written."""
        ...
