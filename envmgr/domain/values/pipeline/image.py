"""What a registry was last seen to have."""

from dataclasses import dataclass
from datetime import datetime

from envmgr.domain.values.names import RepositoryId


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenImage:
    """The newest image for a `variable` of a repository, as its registry last said.

    `asked` is what was looked for: with another image or pattern what was found does not count any more. `reference` is
    `IMAGE@DIGEST`, None before the first answer, `tag` the name that it had, and `changed_at` since when it is that one.
    `error` is why the last look came to nothing; empty where it did not.
    """

    repository: RepositoryId
    variable: str
    asked: str
    reference: str | None = None
    tag: str = ""
    changed_at: datetime | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class WantedImage:
    """An image that a repository follows: the input `variable` gets the newest one whose tag matches `tags`."""

    variable: str
    image: str
    tags: str

    @property
    def asked(self) -> str:
        """What is looked for."""
        return f"{self.image}:{self.tags}"
