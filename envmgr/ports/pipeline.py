"""What envmgr keeps of the way from a commit to production."""

from typing import Protocol

from envmgr.domain.values.names import EnvironmentId
from envmgr.domain.values.pipeline.release import Release


class Releases(Protocol):
    """What was ready where. It outlives what an environment has by now, but not the environment."""

    def note(self, release: Release) -> None:
        """Records a release; of one that is there, the time since when it was ready stays."""
        ...

    def get(self, environment: EnvironmentId, commit: str) -> Release | None:
        """Whether, and since when, a commit was ready in an environment, or in an application of it."""
        ...


class Pipeline(Protocol):
    """Records of what lies between a commit and production."""

    @property
    def releases(self) -> Releases:
        """What was ready where."""
        ...
