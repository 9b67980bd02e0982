"""Long-lived environments with a name of their own, as the configuration asks for them."""

from dataclasses import dataclass
from datetime import timedelta

from envmgr.domain.values.environment import Origin, OriginKind
from envmgr.domain.values.forge import KnownPullRequest
from envmgr.domain.values.names import matches_any

from .previews import AskedPreviews


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """An environment that the configuration names: it follows one `branch`, or the newest of the `tags` that match.

    `prereleases`: versions such as 1.4.0-rc.1 count, too. `after` are the environments that must have had a commit
    ready, its tests passed, before it comes here.
    """

    name: str
    branch: str | None = None
    tags: str | None = None
    prereleases: bool = False
    after: tuple[str, ...] = ()

    @property
    def origin(self) -> Origin:
        """What it comes from."""
        return Origin(OriginKind.BRANCH if self.branch is not None else OriginKind.TAG, is_named=True)

    def is_tag(self, name: str) -> bool:
        """Whether a tag is one of those that it follows."""
        return self.tags is not None and matches_any(name, (self.tags,))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked of a repository beside branches that match: named environments, applications of each, those of pull requests.

    `pulls` are the pull requests that are known, `apart` is the time between two looks of which both count.
    """

    named: tuple[Named, ...] = ()
    applications: tuple[str, ...] = ("",)
    previews: AskedPreviews | None = None
    pulls: tuple[KnownPullRequest, ...] = ()
    apart: timedelta = timedelta()

    def by_name(self, name: str) -> Named | None:
        """The named environment of a name; None where there is none."""
        return next((each for each in self.named if each.name == name), None)
