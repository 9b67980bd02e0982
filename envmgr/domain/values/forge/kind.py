"""The kinds of forges."""

from enum import StrEnum


class ForgeKind(StrEnum):
    """The forges that envmgr speaks with, as the configuration names them; Forgejo is `gitea`, and Bitbucket is Cloud or Data Center by its address."""

    GITHUB = "github"
    GITLAB = "gitlab"
    GITEA = "gitea"
    BITBUCKET = "bitbucket"
    AZURE_DEVOPS = "azure-devops"
