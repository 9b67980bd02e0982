"""What brings an environment's code to run, and what says that it does."""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from .section import Section
from .values import Command, Count, Number, Period, RelativePath, Size, Text, When

_COMMAND = (
    "A shell command (`sh -eu -c`), or a list: program and arguments. It runs at the branch's root, "
    "with the Terraform outputs at hand."
)
_OUTPUT = "{outputs.NAME} stands for a Terraform output"


class CommandStep(Section):
    """One command of a branch on the ops host."""

    name: Text = Field(description="What the step is called in logs.", examples=["build"])
    run: Command = Field(
        description=_COMMAND,
        examples=["make image"],
    )
    timeout: Period = Field(
        default=timedelta(minutes=15), description="When the step is given up.", examples=["15m"]
    )


class Site(Section):
    """A folder of static files, and where it is served from."""

    folder: RelativePath = Field(
        description="The folder of files; relative to where commands run.", examples=["public"]
    )
    bucket: Text | None = Field(
        default=None, description=f"An S3 bucket; {_OUTPUT}.", examples=["{outputs.bucket}"]
    )
    storage_account: Text | None = Field(
        default=None,
        description=f"An Azure storage account; {_OUTPUT}.",
        examples=["{outputs.storage_account}"],
    )
    container: Text = Field(
        default="$web", description="The container in the storage account.", examples=["$web"]
    )
    cache_control: dict[Text, Text] = Field(
        default={},
        description="`Cache-Control` by file pattern; `*` matches any run of characters, the first that matches counts.",
        examples=[{"*.html": "no-cache", "assets/*": "max-age=31536000, immutable"}],
    )

    @model_validator(mode="after")
    def _check_target(self) -> Self:
        if (self.bucket is None) == (self.storage_account is None):
            raise ValueError("give one of bucket and storage_account")
        return self


class Zip(Section):
    """A folder as a zip file, and what runs it."""

    folder: RelativePath = Field(
        description="The folder to pack; relative to where commands run.", examples=["build"]
    )
    function: Text | None = Field(
        default=None, description=f"An AWS Lambda function; {_OUTPUT}.", examples=["{outputs.function}"]
    )
    app_service: Text | None = Field(
        default=None, description=f"An Azure App Service; {_OUTPUT}.", examples=["{outputs.app_service}"]
    )

    @model_validator(mode="after")
    def _check_target(self) -> Self:
        if (self.function is None) == (self.app_service is None):
            raise ValueError("give one of function and app_service")
        return self


_KINDS = ("run", "site", "zip")


class DeployStep(CommandStep):
    """One step of a deploy: a command, or a deployer of envmgr."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": [kind]} for kind in _KINDS]})

    run: Command | None = Field(  # type: ignore[assignment]  # one of three here
        default=None,
        description=_COMMAND,
        examples=["make image"],
    )
    when: When = Field(
        default="always",
        description="After which changes it runs: always, infrastructure (an apply), code (a commit), or "
        "`paths: [...]` (a commit that changed one of these files).",
        examples=["code", {"paths": ["web/*"]}],
    )
    site: Site | None = Field(
        default=None,
        description="In place of `run`: copies a folder of static files to where they are served from.",
        examples=[{"folder": "public", "bucket": "{outputs.bucket}"}],
    )
    zip: Zip | None = Field(
        default=None,
        description="In place of `run`: sends a folder as a zip file to AWS Lambda or Azure App Service.",
        examples=[{"folder": "build", "function": "{outputs.function}"}],
    )

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        if sum(getattr(self, kind) is not None for kind in _KINDS) != 1:
            raise ValueError("give one of run, site and zip")
        return self


class Health(Section):
    """What must answer before an environment is ready, and while it is."""

    url: Text | None = Field(
        default=None, description=f"The address that is asked, by GET; {_OUTPUT}.", examples=["{outputs.url}"]
    )
    run: Command | None = Field(
        default=None,
        description="In place of `url`: a command that ends with 0 where all is well.",
        examples=["make smoke-test"],
    )
    expect: Annotated[Number, Field(ge=100, le=599)] = Field(
        default=200, description="The HTTP status that means healthy.", examples=[200]
    )
    body: Text | None = Field(
        default=None,
        description="What the answer's body must contain; `*` matches any run of characters.",
        examples=["status*ok"],
    )
    timeout: Period = Field(
        default=timedelta(minutes=5),
        description="How long it may take before it counts as failed.",
        examples=["5m"],
    )
    interval: Period = Field(
        default=timedelta(seconds=30), description="How often it is asked while ready.", examples=["30s"]
    )

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        if (self.url is None) == (self.run is None):
            raise ValueError("give one of url and run")
        return self


class DeployLimits(Section):
    """What deploy steps may use; each for every single process of a step, but for `output`."""

    memory: Size | None = Field(default=None, description="Private memory of a process.", examples=["2GiB"])
    cpu_seconds: Count | None = Field(default=None, description="CPU time of a process.", examples=[600])
    processes: Count | None = Field(
        default=None, description="How many processes envmgr's user may have while it runs.", examples=[512]
    )
    output: Size = Field(
        default=50_000_000, description="How much a step may print before it is ended.", examples=["50MB"]
    )


OnUnhealthy = Literal["keep", "previous"]
"""What a deploy that does not become healthy leads to."""
