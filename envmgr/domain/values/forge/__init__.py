"""What is on a forge, as all five kinds of them have it: pull requests, comments, people, statuses, deployments."""

from .comment import Comment, CommentSign, Reaction
from .kind import ForgeKind
from .known import ApprovedHead, Command, CommandStatus, KnownPullRequest
from .people import ForgeApproval, ForgePerson, Permission
from .previews import PreviewRules
from .pull_request import PullRequest, PullRequestState
from .report import CommitStatus, DeploymentReport, ReportState
from .rules import ForgeRules

__all__ = [
    "ApprovedHead",
    "Command",
    "CommandStatus",
    "Comment",
    "CommentSign",
    "CommitStatus",
    "DeploymentReport",
    "ForgeApproval",
    "ForgeKind",
    "ForgePerson",
    "ForgeRules",
    "KnownPullRequest",
    "Permission",
    "PreviewRules",
    "PullRequest",
    "PullRequestState",
    "Reaction",
    "ReportState",
]
