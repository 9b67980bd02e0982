"""What is on a forge, as all five kinds of them have it: pull requests, comments, people, statuses, deployments."""

from .comment import Comment, Reaction
from .kind import ForgeKind
from .people import ForgeApproval, ForgePerson, Permission
from .previews import PreviewRules
from .pull_request import PullRequest, PullRequestState
from .report import CommitStatus, DeploymentReport, ReportState

__all__ = [
    "Comment",
    "CommitStatus",
    "DeploymentReport",
    "ForgeApproval",
    "ForgeKind",
    "ForgePerson",
    "Permission",
    "PreviewRules",
    "PullRequest",
    "PullRequestState",
    "Reaction",
    "ReportState",
]
