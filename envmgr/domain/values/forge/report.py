"""What envmgr tells a forge of an environment. A forge is a report, never a store: nothing is decided by what is read back."""

from dataclasses import dataclass
from enum import StrEnum


class ReportState(StrEnum):
    """How it goes, as all forges can show it in some way; INACTIVE is only a deployment's, whose environment is gone."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCESS = "success"
    FAILURE = "failure"
    INACTIVE = "inactive"

    @property
    def is_open(self) -> bool:
        """Whether something is still to come."""
        return self in (ReportState.PENDING, ReportState.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitStatus:
    """The status of a commit. `context` tells it from others, such as `envmgr/pr-7`; `sentence` may be longer than a forge takes.

    `number` is the pull request whose head it is, where it is one's: some forges show it only there; `branch` is the one
    that it is told for, else nothing: other branches may have the same commit. `url` is where to
    read on; empty where that is nowhere: a forge that demands one gets the repository's own page.
    """

    commit: str
    context: str
    state: ReportState
    sentence: str
    url: str
    number: int | None = None
    branch: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentReport:
    """That a commit runs, or is to run, in an environment. `url` is the environment's own, `log_url` where to read on.

    `ref` is the branch or tag in short; `is_production` and `is_transient` are what some forges show it by.
    """

    environment: str
    commit: str
    ref: str
    state: ReportState
    sentence: str
    url: str | None = None
    log_url: str | None = None
    is_production: bool = False
    is_transient: bool = False
