"""A pull request as its forge told of it last, and what was said of it since."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from envmgr.domain.values.names import RepositoryId

from .people import Permission
from .pull_request import PullRequest, PullRequestState


@dataclass(frozen=True, slots=True)
class ApprovedHead:
    """The one commit of a fork that a person let envmgr run."""

    commit: str
    by: str
    at: datetime


class CommandStatus(StrEnum):
    """What became of a command in a comment."""

    SEEN = "seen"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"

    @property
    def is_over(self) -> bool:
        """Whether nothing more becomes of it."""
        return self is not CommandStatus.SEEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command in a comment (`comment` is its ID, `at` when it was written): who gave it (`by`), which, and what became of it.

    `verb` is one of envmgr's own words. `request` is what it is done by, None where nothing had to be. `message` is the sentence to answer with;
    `answered`: the comment carries the reaction that says how it ended.
    """

    comment: str
    at: datetime
    by: str
    verb: str
    request: int | None = None
    status: CommandStatus = CommandStatus.SEEN
    message: str = ""
    answered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPullRequest:
    """A pull request of a repository: as it was `told` last, bounded, and what envmgr knows of it beside that.

    `first_seen_at` is when it was first told of, `seen_at` when it last came to be known otherwise. `permission` is the
    author's, None before it was asked for. `closed` counts how often in a row the forge said that it is
    closed, asked for it by its number, since `closed_at`; `is_lost`: asked so, the forge knew of none. `approved` is the
    commit of a fork that may be run. Comments were read to the time `read_until`; `read` are IDs of the last ones of them, and `commands` the last
    commands among them, newest last.
    """

    repository: RepositoryId
    told: PullRequest
    first_seen_at: datetime
    seen_at: datetime
    permission: Permission | None = None
    closed: int = 0
    closed_at: datetime | None = None
    is_lost: bool = False
    approved: ApprovedHead | None = None
    read_until: datetime | None = None
    read: tuple[str, ...] = ()
    commands: tuple[Command, ...] = ()

    @property
    def number(self) -> int:
        """Its number at the forge."""
        return self.told.number

    @property
    def is_open(self) -> bool:
        """Whether the forge called it open when it told of it last."""
        return self.told.state is PullRequestState.OPEN

    @property
    def mark(self) -> object:
        """What is the same for as long as nothing changes of what its environment depends on."""
        told = self.told
        return (
            (told.number, told.state, told.head, told.base, told.commit, told.is_from_fork, told.is_draft),
            (told.labels, told.author.id, told.author.login, told.url, self.permission),
            (self.closed, self.closed_at, self.is_lost, self.approved),
        )
