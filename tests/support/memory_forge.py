"""A forge that is only memory: for tests of what asks it, which may break it in every way.

How real forges answer is tried by the adapters' own tests; this has the port's promises and nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from envmgr.domain.errors import EnvmgrError, NotThere
from envmgr.domain.values.forge import (
    Comment,
    CommitStatus,
    DeploymentReport,
    ForgeApproval,
    ForgeKind,
    ForgePerson,
    Permission,
    PullRequest,
    PullRequestState,
    Reaction,
)
from envmgr.ports.forge import ForgeIdentity, ForgeTraits, ForgeUsage

OURS = ForgePerson(id="1", login="envmgr-bot", is_bot=True)
ALICE = ForgePerson(id="2", login="alice")
GITHUB_LIKE = ForgeTraits(
    kind=ForgeKind.GITHUB,
    comment_characters=65_536,
    has_deployments=True,
    has_reactions=True,
    heads="refs/pull/{number}/head",
)
START = datetime(2026, 1, 1, tzinfo=UTC)


def pull_request(number: int, head: str = "topic", **changes: object) -> PullRequest:
    """An open pull request of Alice's into main."""
    made = PullRequest(
        number=number,
        url=f"https://forge.example.com/acme/shop/pull/{number}",
        title=f"Change {number}",
        author=ALICE,
        state=PullRequestState.OPEN,
        head=head,
        base="main",
        commit=None,
        is_from_fork=False,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


@dataclass
class MemoryForge:
    """See the port. `broken` is raised by each call as long as it is there; `calls` are the names of those that were made."""

    traits: ForgeTraits = GITHUB_LIKE
    account: str = "envmgr-bot at forge.example.com"
    requests: dict[int, PullRequest] = field(default_factory=dict)
    texts: dict[int, list[Comment]] = field(default_factory=dict)
    reviews: dict[int, list[ForgeApproval]] = field(default_factory=dict)
    permissions: dict[str, Permission] = field(default_factory=dict)
    statuses: list[CommitStatus] = field(default_factory=list)
    deployments: list[DeploymentReport] = field(default_factory=list)
    reactions: list[tuple[str, Reaction]] = field(default_factory=list)
    broken: EnvmgrError | None = None
    calls: list[str] = field(default_factory=list)
    remaining: int | None = None

    @property
    def usage(self) -> ForgeUsage:
        """See the port: every call counts as one that was read."""
        return ForgeUsage(calls={"read": len(self.calls)}, remaining=self.remaining, limit=5_000)

    def says(self, number: int, text: str, author: ForgePerson = ALICE) -> Comment:
        """Somebody comments."""
        count = sum(len(each) for each in self.texts.values()) + 1
        comment = Comment(id=str(count), author=author, text=text, at=START + timedelta(seconds=count))
        self.texts.setdefault(number, []).append(comment)
        return comment

    def open_pull_requests(self) -> Sequence[PullRequest]:
        """See the port."""
        self._called("open_pull_requests")
        return [each for each in self.requests.values() if each.state is PullRequestState.OPEN]

    def pull_request(self, number: int) -> PullRequest:
        """See the port."""
        self._called("pull_request")
        if number not in self.requests:
            raise NotThere(f"There is no pull request {number}.")
        return self.requests[number]

    def comments(self, number: int, since: datetime | None = None) -> Sequence[Comment]:
        """See the port."""
        self._called("comments")
        return [each for each in self.texts.get(number, []) if since is None or each.at >= since]

    def approvals(self, number: int, commit: str) -> Sequence[ForgeApproval]:
        """See the port."""
        self._called("approvals")
        return [each for each in self.reviews.get(number, []) if each.commit == commit]

    def permission(self, person: ForgePerson) -> Permission:
        """See the port."""
        self._called("permission")
        return self.permissions.get(person.id, Permission.NONE)

    def set_status(self, status: CommitStatus) -> None:
        """See the port."""
        self._called("set_status")
        self.statuses.append(status)

    def is_pending(self, commit: str, context: str) -> bool:
        """See the port."""
        self._called("is_pending")
        found = [s.state for s in self.statuses if (s.commit, s.context) == (commit, context)]
        return bool(found) and found[-1].is_open

    def report_deployment(self, report: DeploymentReport, known: str) -> str:
        """See the port."""
        self._called("report_deployment")
        self.deployments.append(report)
        return known or str(len(self.deployments))

    def create_comment(self, number: int, text: str) -> str:
        """See the port."""
        self._called("create_comment")
        return self.says(number, text, OURS).id

    def edit_comment(self, number: int, comment: str, text: str) -> None:
        """See the port."""
        self._called("edit_comment")
        place = self._place(number, comment)
        self.texts[number][place] = replace(self.texts[number][place], text=text, is_edited=True)

    def delete_comment(self, number: int, comment: str) -> None:
        """See the port."""
        self._called("delete_comment")
        self.texts[number] = [each for each in self.texts.get(number, []) if each.id != comment]

    def react(self, number: int, comment: str, reaction: Reaction) -> None:
        """See the port."""
        self._called("react")
        if (comment, reaction) not in self.reactions:
            self.reactions.append((comment, reaction))

    def identity(self) -> ForgeIdentity:
        """See the port."""
        self._called("identity")
        return ForgeIdentity(person=OURS)

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if self.broken is not None:
            raise self.broken

    def _place(self, number: int, comment: str) -> int:
        for place, each in enumerate(self.texts.get(number, [])):
            if each.id == comment:
                return place
        raise NotThere(f"There is no comment {comment}.")
