"""What a forge is to be told, and what it was told last: one row for each target, in which the newest text stands."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from envmgr.domain.values.environment import ProcessId
from envmgr.domain.values.names import RepositoryId, counted

from .report import CommitStatus, DeploymentReport


class TellingKind(StrEnum):
    """The kinds of what a forge is told."""

    STATUS = "status"
    DEPLOYMENT = "deployment"
    COMMENT = "comment"


class Delivered(StrEnum):
    """What became of telling a forge something once."""

    TOLD = "told"
    FAILED = "failed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """What is told of: the status of a commit in a context (`name`), the deployment of a commit in an environment, or the one comment of a pull request (its number is the `name`, and there is no `commit`)."""

    repository: RepositoryId
    kind: TellingKind
    name: str
    commit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentText:
    """The text that the one comment of a pull request is to have; `mark` is how it is found again.

    `creates`: it is worth a comment of its own; otherwise only the one that is there gets this text.
    """

    number: int
    text: str
    mark: str
    creates: bool = True


@dataclass(frozen=True, slots=True)
class Untold:
    """That a forge shows something else than what is: why it could not be told, since when it would have had to be, and of how much."""

    error: str
    since: datetime
    count: int = 1

    def __str__(self) -> str:
        return f"Not told since {self.since:%Y-%m-%d %H:%M} UTC: {self.error}"

    def of(self, repository: RepositoryId) -> str:
        """The same where its repository is not said otherwise."""
        return (
            f"{counted(self.count, 'thing')} could not be told to the forge of {repository} since "
            f"{self.since:%Y-%m-%d %H:%M} UTC: {self.error}"
        )


Document = CommitStatus | DeploymentReport | CommentText
"""What is told, by kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a target is to be told. `is_last`: once it was told there is nothing more to say, and nothing to remember."""

    target: Target
    document: Document
    is_last: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """A target with the newest text for it (`document`, known by its `digest`), and how far telling it has come.

    `said` is the digest of what was surely said last, `began` that something may have been; `remote` is what the forge
    calls it. `since` is when it had to be told first of what it was not told yet. `tries` failed in a row, the next is at `next_try`. `refused` is the digest that the forge refused for good:
    only another text is tried again; `error` says why. While `taken_until` is ahead, `owner` is saying it.
    """

    target: Target
    document: Document
    digest: str
    since: datetime
    is_last: bool = False
    said: str = ""
    began: bool = False
    remote: str = ""
    tries: int = 0
    next_try: datetime | None = None
    refused: str = ""
    error: str = ""
    owner: ProcessId | None = None
    taken_until: datetime | None = None

    @property
    def is_said(self) -> bool:
        """Whether the newest text was said."""
        return self.said == self.digest

    @property
    def is_waiting(self) -> bool:
        """Whether it is still to be said, and may be."""
        return not self.is_said and self.refused != self.digest

    @property
    def is_open(self) -> bool:
        """Whether it says, or may have said, that something is still to come: that has to be ended."""
        return not isinstance(self.document, CommentText) and self.document.state.is_open
