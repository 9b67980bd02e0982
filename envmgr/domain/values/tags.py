"""The tags that tie every cloud resource to its environment."""

import re
from collections.abc import Mapping

from .names import EnvironmentId

MANAGED_BY = "envmgr"
_NOT_ALLOWED = re.compile(r"[^\w \-+=.:/@]")
_MAX_VALUE = 256


def tag_value(text: str) -> str:
    """The text as a value that both AWS and Azure take: at most 256 of letters, digits and ` +-=._:/@`."""
    return _NOT_ALLOWED.sub("-", text)[:_MAX_VALUE].strip()


def tags_for(environment: EnvironmentId, branch: str) -> dict[str, str]:
    """The five tags of an environment, as given to Terraform and looked for in the cloud; of an application one more."""
    application = {"application": environment.application} if environment.application else {}
    return {
        "environment": environment.name,
        "project": environment.repository,
        "organization": environment.organization,
        "branch": tag_value(branch),
        "managed-by": MANAGED_BY,
        **application,
    }


def identity(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags that identify an environment, without the ones that only inform."""
    return {key: tags[key] for key in ("environment", "project", "organization", "managed-by")}


def own(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags that identify an environment, or one application of it."""
    return {key: tags[key] for key in (*identity(tags), "application") if key in tags}


def default_tags_environment(tags: Mapping[str, str]) -> dict[str, str]:
    """The environment variables by which the AWS provider (5.62 and later) adds tags the code does not set."""
    return {f"TF_AWS_DEFAULT_TAGS_{key}": value for key, value in tags.items()}
