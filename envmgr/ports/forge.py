"""Forges: what is asked of them, and what they are told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from envmgr.domain.values.forge import (
    Comment,
    CommentSign,
    CommitStatus,
    DeploymentReport,
    ForgeApproval,
    ForgeKind,
    ForgePerson,
    Permission,
    PullRequest,
    Reaction,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeTraits:
    """What a kind of forge can do. `comment_characters` is the longest comment that it takes.

    `folds`: it shows `<details>` folded. `hides_comments`: it hides `<!-- … -->`, so that the mark of a comment can be one.
    `has_quick_actions`: a line of a comment that begins with `/` may be obeyed, whoever wrote it.
    `comments_show` is how its list of pull requests tells of new comments.
    `heads` is the git ref at which a pull request's head is, with `{number}` in it; None: there is none, so that only
    heads that are branches of the repository itself can be had. `heads_are_merges`: at that ref is a merge on trial, whose second parent is the head.
    """

    kind: ForgeKind
    comment_characters: int
    has_deployments: bool
    has_reactions: bool
    folds: bool = True
    hides_comments: bool = True
    has_quick_actions: bool = False
    has_labels: bool = True
    comments_show: CommentSign = CommentSign.TIME
    heads: str | None = None
    heads_are_merges: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeIdentity:
    """Who envmgr is on a forge, and what it may do: what it lacks, and what it has beyond its need, each in words for people.

    `expires_at`: when the token ends; None where it never does, or the forge does not say.
    """

    person: ForgePerson
    missing: tuple[str, ...] = ()
    too_wide: tuple[str, ...] = ()
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeUsage:
    """How often a forge was asked by an account: `calls` by result, `read unchanged write limited failed`.

    `remaining` of `limit` calls are left, as it last said; None where it does not say.
    """

    calls: Mapping[str, int]
    remaining: int | None = None
    limit: int | None = None


class Forge(Protocol):
    """One repository on a forge. Safe for several threads at once.

    Each call raises Transient (RetryLater with a pause where the forge asks for one) where it does not answer, or not as it should, and
    NeedsPerson where it refuses for good; NotThere where what it is about is not there. Whatever
    it answers is somebody else's word: bounded in size, and nothing of it is followed to another host.
    """

    @property
    def traits(self) -> ForgeTraits:
        """What this kind of forge can do."""
        ...

    @property
    def account(self) -> str:
        """The forge and as whom it is asked, without a secret: the same for all repositories whose calls fail together."""
        ...

    @property
    def usage(self) -> ForgeUsage:
        """How often it was asked by this process as this account, and how often it still may be."""
        ...

    def open_pull_requests(self) -> Sequence[PullRequest]:
        """All pull requests that are open, each once; raises rather than leave one out."""
        ...

    def pull_request(self, number: int) -> PullRequest:
        """One pull request, however it stands. Raises NotThere where there is none: that proves nothing about it."""
        ...

    def comments(self, number: int, since: datetime | None = None) -> Sequence[Comment]:
        """All comments of a pull request, oldest first; those from about `since` on (a minute earlier may be among them)."""
        ...

    def approvals(self, number: int, commit: str) -> Sequence[ForgeApproval]:
        """The reviews that stand and surely approve just this commit; none by the pull request's own author."""
        ...

    def permission(self, person: ForgePerson) -> Permission:
        """What somebody may do in the repository."""
        ...

    def set_status(self, status: CommitStatus) -> None:
        """Has a commit have a status; one that it has already is no error. The sentence is cut to what the forge takes."""
        ...

    def is_pending(self, commit: str, context: str) -> bool:
        """Whether the status of a commit in a context says that something is still to come; False where there is none.

        It is read back for one thing alone: to end what nobody remembers. Nothing else is decided by it.
        """
        ...

    def report_deployment(self, report: DeploymentReport, known: str) -> str:
        """Tells of a deployment, where the forge has these. That an older one of the environment is over is told for itself.

        :param known: what this gave for the same environment and commit before, or nothing
        :returns: what is to be given the next time
        """
        ...

    def create_comment(self, number: int, text: str) -> str:
        """Writes a comment; gives its ID."""
        ...

    def edit_comment(self, number: int, comment: str, text: str) -> None:
        """Replaces the text of an own comment. Raises NotThere where it is gone."""
        ...

    def delete_comment(self, number: int, comment: str) -> None:
        """Takes an own comment away; one that is gone is no error."""
        ...

    def react(self, number: int, comment: str, reaction: Reaction) -> None:
        """Answers a comment by a reaction, where the forge has these; one that is there already is no error."""
        ...

    def identity(self) -> ForgeIdentity:
        """Who envmgr is there and what it may do; asks the forge.

        The person's ID is empty where a forge shows its token's name only on what that has written: after a comment was
        created it is known.
        """
        ...
