"""The ports for the way from a commit to production, in this process's memory; see `envmgr.ports.pipeline`."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from threading import RLock

from envmgr.domain.errors import LeaseLost
from envmgr.domain.values.names import EnvironmentId, RepositoryId
from envmgr.domain.values.pipeline.build import Build
from envmgr.domain.values.pipeline.image import SeenImage
from envmgr.domain.values.pipeline.release import Release


@dataclass
class MemoryReleases:
    """What was ready where."""

    kept: dict[tuple[EnvironmentId, str], Release] = field(default_factory=dict)

    def note(self, release: Release) -> None:
        """Records a release."""
        key = release.environment, release.commit
        before = self.kept.get(key, release)
        self.kept[key] = replace(release, ready_at=before.ready_at)

    def get(self, environment: EnvironmentId, commit: str) -> Release | None:
        """Whether a commit was ready."""
        return self.kept.get((environment, commit))


@dataclass
class MemoryBuilds:
    """What was built."""

    kept: dict[str, Build] = field(default_factory=dict)
    _lock: RLock = field(default_factory=RLock)

    def claim(self, wanted: Build, *, over: Build | None = None, anew: bool = False) -> Build:
        """Begins a build, unless there is one already."""
        with self._lock:
            found = self.kept.get(wanted.key)
            if found is None or found == over or (anew and found.built_at is not None):
                self.kept[wanted.key] = wanted
                return wanted
            return found

    def finish(self, build: Build) -> None:
        """Records what it gave."""
        with self._lock:
            found = self.kept.get(build.key)
            if found is None or not found.is_mine(build):
                raise LeaseLost(f"The build of {build.commit[:10]} was taken over.")
            self.kept[build.key] = build

    def give_up(self, build: Build) -> None:
        """Forgets a build that came to nothing."""
        with self._lock:
            if (found := self.kept.get(build.key)) is not None and found.is_mine(build):
                del self.kept[build.key]


@dataclass
class MemoryImages:
    """What the registries had."""

    kept: dict[tuple[RepositoryId, str, str], SeenImage] = field(default_factory=dict)

    def seen(self, repository: RepositoryId) -> Sequence[SeenImage]:
        """Of a repository and its named environments."""
        return [each for each in self.kept.values() if each.repository == repository]

    def note(self, image: SeenImage) -> None:
        """Records what was seen."""
        self.kept[image.repository, image.name, image.variable] = image

    def forget(self, image: SeenImage) -> None:
        """Takes away what nobody follows any more."""
        self.kept.pop((image.repository, image.name, image.variable), None)


@dataclass
class MemoryPipeline:
    """What lies between a commit and production."""

    releases: MemoryReleases = field(default_factory=MemoryReleases)
    builds: MemoryBuilds = field(default_factory=MemoryBuilds)
    images: MemoryImages = field(default_factory=MemoryImages)
