"""The port `StateStore` in memory: a place with objects and locks that outlives whoever opens it."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from envmgr.adapters.state.keys import ARCHIVE, archive_key, archived, is_state
from envmgr.domain.documents.state import LockInfo, State
from envmgr.domain.errors import PlaceMissing, StateLocked
from envmgr.host.system import create_private


@dataclass
class StatePlace:
    """A bucket: its objects by key, and the locks that Terraforms hold on them."""

    exists: bool = False
    objects: dict[str, bytes] = field(default_factory=dict)
    locks: dict[str, LockInfo] = field(default_factory=dict)
    is_full: bool = False
    """Whether it refuses what Terraform writes: then that is left in an `errored.tfstate`."""

    def open(self) -> "MemoryStates":
        """A store over it."""
        return MemoryStates(self)


class MemoryStates:
    """See `envmgr.ports.StateStore`."""

    notes_late = False

    def __init__(self, place: StatePlace) -> None:
        self._place = place

    def ensure(self) -> str:
        """Makes the place where it is missing."""
        said = "The place in memory is there." if self._place.exists else "The place in memory was created."
        self._place.exists = True
        return said

    def read(self, key: str) -> State | None:
        """The state at a key."""
        content = self._objects().get(key)
        return State.from_bytes(content, key) if content else None

    def lock(self, key: str) -> LockInfo | None:
        """Who holds its lock."""
        self._objects()
        return self._place.locks.get(key)

    def break_lock(self, key: str, lock_id: str) -> None:
        """Ends the lock with this ID."""
        held = self._place.locks.get(key)
        if held is not None and held.id == lock_id:
            del self._place.locks[key]

    def mend(self, key: str) -> bool:
        """A write is never cut off here."""
        self._objects()
        return False

    def archive(self, key: str, now: datetime) -> None:
        """Moves the state below `archive/`."""
        objects = self._objects()
        if key not in objects:
            return
        if (holder := self._place.locks.get(key)) is not None:
            raise StateLocked(f"The state {key} is locked by {holder}.")
        if content := objects.pop(key):
            objects[archive_key(key, now)] = content

    def keys(self, prefix: str = "") -> Sequence[str]:
        """The keys of states that hold something."""
        found = self._objects().items()
        return sorted(key for key, content in found if key.startswith(prefix) and is_state(key) and content)

    def archives(self, prefix: str = "") -> Sequence[tuple[str, datetime]]:
        """The archived copies."""
        return archived(self.objects(f"{ARCHIVE}{prefix}"))

    def objects(self, prefix: str) -> Sequence[str]:
        """All keys below a prefix."""
        return sorted(key for key in self._objects() if key.startswith(prefix))

    def put(self, key: str, content: bytes) -> None:
        """Keeps an object."""
        self._objects()[key] = content

    def create(self, key: str, content: bytes) -> bool:
        """Keeps an object where there is nothing."""
        objects = self._objects()
        if objects.get(key):
            return False
        objects[key] = content
        return True

    def get(self, key: str) -> bytes | None:
        """An object."""
        return self._objects().get(key)

    def upload(self, key: str, file: Path) -> None:
        """Keeps a file."""
        self.put(key, file.read_bytes())

    def download(self, key: str, file: Path) -> bool:
        """Writes an object to a file."""
        content = self.get(key)
        if content is not None:
            with os.fdopen(create_private(file), "wb") as copy:
                copy.write(content)
        return content is not None

    def delete(self, key: str) -> None:
        """Deletes an object."""
        self._objects().pop(key, None)

    def prune(self, before: datetime) -> int:
        """Deletes old copies."""
        old = [key for key, at in self.archives() if at < before]
        for key in old:
            self.delete(key)
        return len(old)

    def _objects(self) -> dict[str, bytes]:
        if not self._place.exists:
            raise PlaceMissing("The place in memory is missing: `envmgr doctor` says what to do.")
        return self._place.objects
