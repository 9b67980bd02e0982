"""What envmgr keeps of the way from a commit to production."""

from collections.abc import Sequence
from typing import Protocol

from envmgr.domain.values.names import EnvironmentId, RepositoryId
from envmgr.domain.values.pipeline.build import Build
from envmgr.domain.values.pipeline.image import SeenImage
from envmgr.domain.values.pipeline.release import Release


class Releases(Protocol):
    """What was ready where. It outlives what an environment has by now, but not the environment."""

    def note(self, release: Release) -> None:
        """Records a release; of one that is there, the time since when it was ready stays."""
        ...

    def get(self, environment: EnvironmentId, commit: str) -> Release | None:
        """Whether, and since when, a commit was ready in an environment, or in an application of it."""
        ...


class Builds(Protocol):
    """What was built, by what it was built from."""

    def claim(self, wanted: Build, *, over: Build | None = None, anew: bool = False) -> Build:
        """Begins a build, unless there is one already; gives the one that counts: `wanted` itself, or what is there.

        One atomic step. The build `over`, judged to be under way no more, counts no longer, if it is still the same;
        nor does one that is done where it is to be made `anew`.
        """
        ...

    def finish(self, build: Build) -> None:
        """Records that a build is done and what it gave; LeaseLost where it was begun by another since."""
        ...

    def give_up(self, build: Build) -> None:
        """Forgets a build that came to nothing; quiet where it was begun by another since."""
        ...


class Images(Protocol):
    """What the registries were last seen to have."""

    def seen(self, repository: RepositoryId) -> Sequence[SeenImage]:
        """Of a repository and its named environments."""
        ...

    def note(self, image: SeenImage) -> None:
        """Records what was seen, in place of what was seen before."""
        ...

    def forget(self, image: SeenImage) -> None:
        """Takes away what nobody follows any more."""
        ...


class Pipeline(Protocol):
    """Records of what lies between a commit and production."""

    @property
    def releases(self) -> Releases:
        """What was ready where."""
        ...

    @property
    def builds(self) -> Builds:
        """What was built."""
        ...

    @property
    def images(self) -> Images:
        """What the registries were last seen to have."""
        ...
