"""What a registry was last seen to have."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from envmgr.domain.values.names import RepositoryId


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenImage:
    """The newest image for a `variable` of a repository, as its registry last said.

    `name` is the named environment that follows it as one of its own, empty where all of the repository do. `asked` is what was looked for: with another image or pattern what was found does not count any more. `reference` is
    `IMAGE@DIGEST`, None before the first answer, `tag` the name that it had, and `changed_at` since when it is that one.
    `error` is why the last look came to nothing; empty where it did not.
    """

    repository: RepositoryId
    variable: str
    asked: str
    name: str = ""
    reference: str | None = None
    tag: str = ""
    changed_at: datetime | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class WantedImage:
    """An image that is followed: the input `variable` gets the newest one whose tag matches `tags`.

    `name` is the named environment that follows it as one of its own; empty where all of the repository do.
    """

    variable: str
    image: str
    tags: str
    name: str = ""

    @property
    def asked(self) -> str:
        """What is looked for."""
        return f"{self.image}:{self.tags}"


def images_for(name: str, seen: Iterable[SeenImage]) -> Sequence[SeenImage]:
    """What was seen for an environment of a repository: its own images in place of the repository's, by variable."""
    known = sorted(seen, key=lambda each: each.variable)
    own = [each for each in known if each.name == name]
    return own or [each for each in known if not each.name]
