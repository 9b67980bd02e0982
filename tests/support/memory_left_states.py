"""The port for states that could not be written, in this process's memory; see `envmgr.ports.hosts`."""

from dataclasses import dataclass, field, replace

from envmgr.domain.values.names import EnvironmentId
from envmgr.ports.hosts import LeftState


@dataclass
class MemoryLeftStates:
    """What was left."""

    kept: dict[EnvironmentId, LeftState] = field(default_factory=dict)

    def keep(self, left: LeftState) -> bool:
        """Keeps what was left."""
        return self.kept.setdefault(left.environment, left) is left

    def get(self, environment: EnvironmentId) -> LeftState | None:
        """What was left of an environment."""
        return self.kept.get(environment)

    def brought_to(self, left: LeftState, host: str) -> None:
        """Notes in which host's working folder it is."""
        if self._is_kept(left):
            self.kept[left.environment] = replace(left, host=host)

    def forget(self, left: LeftState) -> None:
        """Forgets just what was left by this run."""
        if self._is_kept(left):
            del self.kept[left.environment]

    def _is_kept(self, left: LeftState) -> bool:
        found = self.kept.get(left.environment)
        return found is not None and found.run == left.run
