"""What a branch's environment runs on the ops host: deploy steps and the like."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

Cause = Literal["always", "infrastructure", "code"]
Command = str | tuple[str, ...]
"""Text for `sh -eu -c`, or an argv."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A folder of static files for an S3 bucket, or for a container of an Azure storage account.

    `folder` is relative to where commands run. `cache_control` maps patterns of paths in the folder to the header's value;
    the first that matches counts.
    """

    folder: str
    bucket: str = ""
    storage_account: str = ""
    container: str = "$web"
    cache_control: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Zip:
    """A folder of the checkout that goes as a zip file to an AWS Lambda function, or to an Azure App Service."""

    folder: str
    function: str = ""
    app_service: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step: a command, or what a deployer of envmgr's own does.

    `when` says after which changes it runs; with `paths` (patterns within the branch) only where one of them
    changed since the last deploy.
    """

    name: str
    run: Command | Site | Zip
    timeout: timedelta = timedelta(minutes=15)
    when: Cause = "always"
    paths: tuple[str, ...] = ()
