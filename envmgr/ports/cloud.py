"""State stores and clouds."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from envmgr.domain.documents.state import LockInfo, State


class StateStore(Protocol):
    """An organization's Terraform backend, seen from Python.

    Where the container, bucket or folder itself is missing, everything but `ensure` raises PlaceMissing.
    """

    def ensure(self) -> str:
        """Checks that container, bucket or folder is there, creates it (with versioning) if not; says what it found.

        Raises NeedsPerson (wrong credential, forbidden) or Transient (unreachable).
        """
        ...

    def read(self, key: str) -> State | None:
        """The state at a key; None where there is none."""
        ...

    def lock(self, key: str) -> LockInfo | None:
        """Who holds the lock of a state; None where nobody does."""
        ...

    @property
    def notes_late(self) -> bool:
        """Whether a holder notes who it is only after it has the lock, so that one that dies between is nameless."""
        ...

    def break_lock(self, key: str, lock_id: str) -> None:
        """Ends the lock with an ID, or whose holder noted none (empty), where Terraform itself cannot.

        Quiet where there is no such lock (any more), and where a lock ends with its holder.
        """
        ...

    def mend(self, key: str) -> bool:
        """Brings back the state from before a write that was cut off; False where nothing was, or nothing is known."""
        ...

    def archive(self, key: str, now: datetime) -> None:
        """Keeps a last copy below `archive/` and deletes the state; quiet where it is gone already."""
        ...

    def keys(self, prefix: str = "") -> Sequence[str]:
        """The keys of all states below a prefix (`acme/`) that hold something, archived copies left out."""
        ...

    def archives(self, prefix: str = "") -> Sequence[tuple[str, datetime]]:
        """The archived copies of states below a prefix, each by its key and the time it was made."""
        ...

    def objects(self, prefix: str) -> Sequence[str]:
        """The keys of all that is kept below a prefix (`acme/`): states, locks and envmgr's own."""
        ...

    def put(self, key: str, content: bytes) -> None:
        """Keeps an object of envmgr's own beside the states, whole and durable when this returns."""
        ...

    def create(self, key: str, content: bytes) -> bool:
        """Writes a whole state, or an object of envmgr's own, only where there is nothing; False where there is something.

        An empty object, which Terraform's lock leaves where nothing was applied, is nothing. The store itself sees to
        it that of two who ask at once one gets False.
        """
        ...

    def get(self, key: str) -> bytes | None:
        """The content of an object; None where there is none."""
        ...

    def upload(self, key: str, file: Path) -> None:
        """As `put`, of a file of any size, which is not read into memory as a whole."""
        ...

    def download(self, key: str, file: Path) -> bool:
        """Writes an object of any size to a new file, for its owner only; False where there is none."""
        ...

    def delete(self, key: str) -> None:
        """Deletes an object of envmgr's own; quiet where it is gone already."""
        ...

    def prune(self, before: datetime) -> int:
        """Deletes archived copies made before a time; gives their number."""
        ...


class Cloud(Protocol):
    """The cloud as the tags show it.

    Both methods raise Transient or NeedsPerson where the answer cannot be known: nothing found means nothing is there.
    """

    @property
    def lag(self) -> timedelta:
        """For how long `remaining` may mostly name what was just deleted: so long it is worth another look."""
        ...

    def remaining(self, tags: Mapping[str, str]) -> Sequence[str]:
        """Identifiers (ARN, Azure resource ID, folder) of what still carries all of these tags."""
        ...

    def tagged(self, tags: Mapping[str, str]) -> Sequence[tuple[str, Mapping[str, str]]]:
        """All that is listed with all of these tags, each by its identifier, with every tag that it carries.

        Cheap for thousands of resources, so it may name some that were deleted lately: `remaining` looks closer.
        """
        ...
