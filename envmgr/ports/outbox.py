"""What forges are still to be told, and what they were told last."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from envmgr.domain.values.environment import ProcessId
from envmgr.domain.values.forge.telling import Target, Telling, Untold
from envmgr.domain.values.names import RepositoryId

Revision = Callable[[Sequence[Telling]], tuple[Iterable[Telling], Iterable[Target]]]
"""From the rows of a repository: those that are to be there in place of what is, and the targets to forget."""


class Outbox(Protocol):
    """One row for each target, in which the newest text stands. One database, several processes."""

    def of(self, repository: RepositoryId) -> Sequence[Telling]:
        """The rows of a repository."""
        ...

    def revise(self, repository: RepositoryId, revision: Revision) -> bool:
        """Writes what is to be said, in one transaction over a repository's rows; whether anything was written.

        Of a row that is there only text, digest and whether it is the last are written, and that it is tried anew; since
        when only where all was said, and why not stays until something is: what was said, and who is saying it, belongs to whoever has it. `revision` has no effects of its own: it may be asked more than once.
        """
        ...

    def waiting(self) -> Sequence[Telling]:
        """All that is still to be said and may be, the oldest first, whenever it is due and whoever has it."""
        ...

    def unsaid(self, repository: RepositoryId) -> Sequence[Untold]:
        """Why newest texts of a repository could not be said yet, each reason once, since when the first of them waits."""
        ...

    def all_unsaid(self) -> Mapping[RepositoryId, Sequence[Untold]]:
        """The same of each repository of which there is any."""
        ...

    def take(self, seen: Telling, owner: ProcessId, until: datetime) -> Telling | None:
        """Has this process say a row from now on: as it is by then; None where another has taken it since it was `seen`, or it waits no more."""
        ...

    def told(self, taken: Telling, remote: str) -> None:
        """Notes that what was taken was said, and what the forge calls it, and gives it back.

        The row goes where nothing more is to be said. Quiet where it was taken over.
        """
        ...

    def not_told(self, taken: Telling) -> None:
        """Notes tries, next try, error and what was refused as `taken` has them, and gives it back; quiet where it was taken over."""
        ...
