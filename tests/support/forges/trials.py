"""Each kind of forge as the contract suite tries it: how it is served, configured, and what it shows of what it was told."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from envmgr.composition.forges.wiring import forge_of
from envmgr.config.sections.forge.forge import Forge as ForgeSection
from envmgr.domain.values.forge import ReportState
from envmgr.ports.forge import Forge

from .kinds import azure_devops
from .kinds.azure_devops import AzureDevOps
from .kinds.bitbucket_cloud import BitbucketCloud
from .kinds.bitbucket_data_center import BitbucketDataCenter
from .kinds.gitea import Gitea
from .kinds.github import GitHub
from .kinds.gitlab import GitLab
from .loopback import TOKEN, Kind, LoopbackForge


@dataclass(frozen=True)
class Trial:
    """A kind of forge. `sentence` is the longest sentence of a status that it takes, `states` its words for them.

    `shown` is what a status's context is there; `lacks` are things that it does not have or tell:
    `drafts labels edits reviews bots permissions deployments reactions tags`, `refusals` by a reaction. `address` is what its `url` has after the host, `below` what its
    repositories are in, and `comment` a comment's ID there.
    `gone` is its word for a deployment that is over, empty where that is told of the environment.
    """

    section: Mapping[str, Any]
    kind: Callable[[], Kind]
    states: Mapping[ReportState, str]
    sentence: int
    shown: Callable[[str], str] = lambda context: context
    lacks: frozenset[str] = field(default_factory=frozenset)
    address: str = ""
    below: str = ""
    comment: Callable[[int], str] = str
    gone: str = ""

    def open(self, loopback: LoopbackForge, **changes: Any) -> Forge:
        """The adapter of a loopback forge, wired as configurations are."""
        given = {
            "url": f"{loopback.url}{self.address}",
            "repository": f"{self.below}{loopback.model.name}",
            "token": TOKEN,
            **self.section,
            **changes,
        }
        section = ForgeSection.model_validate({n: v for n, v in given.items() if v is not None})
        return forge_of(section, "/srv/git/shop.git", {}, {})


_GITEA_STATES = {
    ReportState.PENDING: "pending",
    ReportState.RUNNING: "pending",
    ReportState.SUCCESS: "success",
    ReportState.FAILURE: "failure",
}

TRIALS: Mapping[str, Trial] = {
    "github": Trial(
        section={"kind": "github"},
        kind=GitHub,
        states={
            ReportState.PENDING: "pending",
            ReportState.RUNNING: "pending",
            ReportState.SUCCESS: "success",
            ReportState.FAILURE: "failure",
        },
        sentence=140,
        gone="inactive",
    ),
    "bitbucket-cloud": Trial(
        section={"kind": "bitbucket"},
        kind=BitbucketCloud,
        states={
            ReportState.PENDING: "INPROGRESS",
            ReportState.RUNNING: "INPROGRESS",
            ReportState.SUCCESS: "SUCCESSFUL",
            ReportState.FAILURE: "FAILED",
        },
        sentence=255,
        lacks=frozenset({"labels", "permissions", "deployments", "reactions"}),
        address="/2.0",
    ),
    "bitbucket-data-center": Trial(
        section={"kind": "bitbucket"},
        kind=BitbucketDataCenter,
        states={
            ReportState.PENDING: "INPROGRESS",
            ReportState.RUNNING: "INPROGRESS",
            ReportState.SUCCESS: "SUCCESSFUL",
            ReportState.FAILURE: "FAILED",
        },
        sentence=255,
        lacks=frozenset({"labels", "reactions"}),
    ),
    "azure-devops": Trial(
        section={"kind": "azure-devops"},
        kind=AzureDevOps,
        states={
            ReportState.PENDING: "pending",
            ReportState.RUNNING: "pending",
            ReportState.SUCCESS: "succeeded",
            ReportState.FAILURE: "failed",
        },
        sentence=255,
        lacks=frozenset({"deployments", "refusals", "tags"}),
        below=f"{azure_devops.COLLECTION}/",
        comment=lambda number: f"{number}/1",
    ),
    "gitlab": Trial(
        section={"kind": "gitlab"},
        kind=GitLab,
        states={
            ReportState.PENDING: "pending",
            ReportState.RUNNING: "running",
            ReportState.SUCCESS: "success",
            ReportState.FAILURE: "failed",
        },
        sentence=255,
    ),
    "gitea": Trial(
        section={"kind": "gitea"},
        kind=Gitea,
        states=_GITEA_STATES,
        sentence=255,
        lacks=frozenset({"deployments", "tags"}),
    ),
    "forgejo": Trial(
        section={"kind": "gitea"},
        kind=lambda: Gitea(is_forgejo=True, administers=False),
        states=_GITEA_STATES,
        sentence=255,
        lacks=frozenset({"permissions", "deployments", "tags"}),
    ),
}
