"""What is on a forge, as tests arrange it and look at it: one repository with its people and pull requests."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from envmgr.domain.values.forge import Permission, PullRequestState

START = datetime(2026, 1, 1, tzinfo=UTC)
HEAD = "a" * 40
NEXT = "b" * 40


@dataclass(frozen=True)
class User:
    """Somebody. `permission` is what she may do in the repository."""

    id: int
    login: str
    permission: Permission = Permission.NONE
    is_bot: bool = False


ALICE = User(2, "alice", Permission.WRITE)
BOB = User(3, "bob", Permission.READ)
CAROL = User(4, "carol", Permission.ADMIN)
BOT = User(5, "helper-bot", Permission.WRITE, is_bot=True)
ENVMGR = User(1, "envmgr-bot", Permission.WRITE)


@dataclass
class Review:
    """What somebody says of a commit of a pull request; `verdict` is `approved`, `rejected`, `comment` or `dismissed`."""

    id: int
    user: User
    verdict: str
    commit: str
    at: datetime


@dataclass
class Remark:
    """A comment. `extra` is for what a kind alone has."""

    id: int
    user: User
    text: str
    at: datetime
    edited_at: datetime
    reactions: list[str] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class Pull:
    """A pull request. `pushed_at` is when its head came to be where it is."""

    number: int
    title: str
    author: User
    head: str
    base: str
    commit: str
    at: datetime
    updated_at: datetime
    pushed_at: datetime
    state: PullRequestState = PullRequestState.OPEN
    is_from_fork: bool = False
    is_draft: bool = False
    labels: tuple[str, ...] = ()
    reviews: list[Review] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class Status:
    """A status as it was sent: `state` in the forge's own word."""

    commit: str
    context: str
    state: str
    sentence: str
    url: str
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class Deployment:
    """A deployment; `states` are those that it had, the newest last, as they were sent."""

    id: int
    environment: str
    commit: str
    ref: str
    extra: dict[str, Any] = field(default_factory=dict)
    states: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Model:
    """A repository on a forge. Time goes on by a second with all that happens, unless `now` says another.

    `own` is who envmgr is there. All numbers come from one counter, so that an ID of one thing is never one of another.
    """

    name: str = "acme/shop"
    own: User = ENVMGR
    users: list[User] = field(default_factory=lambda: [ENVMGR, ALICE, BOB, CAROL, BOT])
    pulls: dict[int, Pull] = field(default_factory=dict)
    statuses: list[Status] = field(default_factory=list)
    deployments: list[Deployment] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    now: Callable[[], datetime] | None = None
    _ids: "count[int]" = field(default_factory=lambda: count(101))
    _seconds: "count[int]" = field(default_factory=lambda: count(1))

    def id(self) -> int:
        """One that nothing else has."""
        return next(self._ids)

    def tick(self) -> datetime:
        """A moment later."""
        return self.now() if self.now is not None else START + timedelta(seconds=next(self._seconds))

    def user(self, login: str) -> User | None:
        """Somebody by her name."""
        return next((each for each in self.users if each.login == login), None)

    def opens(self, head: str = "topic", commit: str = HEAD, user: User = ALICE, **changes: Any) -> Pull:
        """Somebody opens a pull request into main."""
        at, number = self.tick(), len(self.pulls) + 1
        given = {"title": f"Change {number}", "base": "main", **changes}
        pull = Pull(
            number=number,
            author=user,
            head=head,
            commit=commit,
            at=at,
            updated_at=at,
            pushed_at=at,
            **given,
        )
        self.pulls[number] = pull
        return pull

    def pushes(self, pull: Pull, commit: str) -> None:
        """Its head moves."""
        pull.commit = commit
        pull.updated_at = pull.pushed_at = self.tick()

    def says(self, pull: Pull, text: str, user: User = ALICE) -> Remark:
        """Somebody comments."""
        at = pull.updated_at = self.tick()
        remark = Remark(self.id(), user, text, at, at)
        pull.remarks.append(remark)
        return remark

    def edits(self, remark: Remark, text: str) -> None:
        """A comment becomes another."""
        remark.text, remark.edited_at = text, self.tick()

    def reviews(self, pull: Pull, user: User, verdict: str = "approved", commit: str | None = None) -> Review:
        """Somebody reviews its head, or another commit."""
        review = Review(self.id(), user, verdict, commit or pull.commit, self.tick())
        pull.reviews.append(review)
        pull.updated_at = review.at
        return review

    def ends(self, pull: Pull, state: PullRequestState = PullRequestState.CLOSED) -> None:
        """It is closed or merged."""
        pull.state = state
        pull.updated_at = self.tick()

    def remark(self, id: int) -> tuple[Pull, Remark] | None:  # noqa: A002  what it is
        """A comment by its ID, and where it is."""
        return next(
            ((pull, each) for pull in self.pulls.values() for each in pull.remarks if each.id == id), None
        )
