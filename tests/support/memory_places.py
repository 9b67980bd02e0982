"""The port for the places of an organization, in this process's memory; see `envmgr.ports.hosts`."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from envmgr.domain.rules.places import in_the_way
from envmgr.domain.values.environment import Lease, ProcessId
from envmgr.domain.values.names import EnvironmentId


class MemoryPlaces:
    """Which leases have one; `held` gives those that are held, `require` refuses one that is over."""

    def __init__(
        self,
        held: Callable[[datetime], Mapping[EnvironmentId, Lease]],
        require: Callable[[Lease], None],
    ) -> None:
        """None is taken."""
        self._held, self._require = held, require
        self._taken: dict[EnvironmentId, int] = {}

    def taken(self, organization: str, now: datetime) -> Sequence[Lease]:
        """Those that are taken, by environment."""
        found = [each for each in self._held(now).values() if each.environment.organization == organization]
        placed = [each for each in found if self._taken.get(each.environment) == each.generation]
        return sorted(placed, key=lambda each: each.environment)

    def take(self, lease: Lease, most: int, now: datetime, is_dead: Callable[[ProcessId], bool]) -> bool:
        """Takes one, where fewer than `most` are taken."""
        self._require(lease)
        taken = self.taken(lease.environment.organization, now)
        if len(in_the_way(taken, is_dead, lease.environment)) >= most:
            return False
        self._taken[lease.environment] = lease.generation
        return True

    def set(self, lease: Lease, *, taken: bool) -> None:
        """Gives it up, or has it again, however many are taken."""
        self._require(lease)
        if taken:
            self._taken[lease.environment] = lease.generation
        else:
            self._taken.pop(lease.environment, None)
