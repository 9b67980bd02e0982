"""The ports for what comes from others unasked and who is told of what happens, in this process's memory; see `envmgr.ports.hooks`."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import RLock

from envmgr.domain.values.names import RepositoryId
from envmgr.domain.values.notices import Position


@dataclass
class MemoryHints:
    """What webhooks hinted at. `writes` counts how often something was written."""

    kept: dict[RepositoryId, datetime] = field(default_factory=dict)
    writes: int = 0
    _lock: RLock = field(default_factory=RLock)

    def leave(self, repositories: Collection[RepositoryId], now: datetime) -> None:
        """Notes that something may have changed in them."""
        with self._lock:
            self.writes += bool(repositories)
            for each in repositories:
                self.kept.setdefault(each, now)

    def waiting(self) -> Sequence[RepositoryId]:
        """All that were hinted at and not taken."""
        return sorted(self.kept)

    def take(self, repositories: Collection[RepositoryId]) -> Sequence[RepositoryId]:
        """Those among some that were hinted at."""
        with self._lock:
            found = sorted(set(self.kept) & set(repositories))
            for each in found:
                del self.kept[each]
            return found


@dataclass
class MemoryPositions:
    """How far somebody has been told."""

    kept: dict[str, Position] = field(default_factory=dict)
    held: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    _lock: RLock = field(default_factory=RLock)

    def begin(self, position: Position) -> None:
        """Has somebody be told from here on."""
        self.kept.setdefault(position.target, position)

    def get(self, target: str) -> Position | None:
        """Where somebody stands."""
        return self.kept.get(target)

    def claim(self, target: str, owner: str, now: datetime, until: datetime) -> Position | None:
        """Where somebody stands, who is told by this owner alone for a while."""
        with self._lock:
            holder = self.held.get(target)
            if target not in self.kept or (holder and holder[0] != owner and holder[1] >= now):
                return None
            self.held[target] = owner, until
            return self.kept[target]

    def save(self, position: Position, owner: str, until: datetime | None = None) -> bool:
        """Writes where somebody stands, and lets go of her, or goes on until then."""
        with self._lock:
            if self.held.get(position.target, ("",))[0] != owner:
                return False
            del self.held[position.target]
            if until is not None:
                self.held[position.target] = owner, until
            self.kept[position.target] = position
            return True

    def all(self) -> Sequence[Position]:
        """Where everybody stands."""
        return [self.kept[target] for target in sorted(self.kept)]


@dataclass
class MemoryHooks:
    """What comes from others unasked, and how far others are told."""

    hints: MemoryHints = field(default_factory=MemoryHints)
    positions: MemoryPositions = field(default_factory=MemoryPositions)
