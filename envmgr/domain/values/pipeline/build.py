"""What was built of a commit, once for all environments that get it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from envmgr.domain.values.names import EnvironmentId, RepositoryId


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One build of a commit, known by what it was made from (`key`), under way or done.

    `environment` is the one for which it is made, under the `generation` of its lease: as long as that one is held, so is
    the build. `built_at` is None while it is under way; then `variables` are the input variables that it gave, and `run`
    is the one that made it.
    """

    key: str
    repository: RepositoryId
    commit: str
    environment: EnvironmentId
    generation: int
    began_at: datetime
    built_at: datetime | None = None
    run: int | None = None
    variables: Mapping[str, str] = field(default_factory=dict)

    def is_mine(self, other: "Build") -> bool:
        """Whether both are of the same piece of work."""
        return (self.key, self.environment, self.generation) == (
            other.key,
            other.environment,
            other.generation,
        )
