"""Long-lived environments with a name of their own: which branch or tags they follow, and what is different there."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from envmgr.config.sections.deploy import CommandStep, DeployStep, Health, OnUnhealthy
from envmgr.config.sections.pipeline.approval import Approval
from envmgr.config.sections.pipeline.images import Image, check_one_each
from envmgr.config.sections.pipeline.steps import BuildStep, Check, EnvironmentTest, check_named_once
from envmgr.config.sections.rules import Drift, Schedule, Windows
from envmgr.config.sections.run_credentials import RunCredentials
from envmgr.config.sections.section import Section
from envmgr.config.sections.values import Flag, Named, RefPattern, Variables
from envmgr.domain.values.names import is_name


def _named(value: str) -> str:
    if not is_name(value) or value.endswith("-"):
        raise ValueError(
            "it must be a name of lower-case letters, digits and `-`, beginning with a letter, at most 32 long"
        )
    return value


NamedName = Annotated[
    str,
    AfterValidator(_named),
    Field(json_schema_extra={"pattern": "^[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?$"}),
    Named("environment name"),
]


def _branch(value: str) -> str:
    if "*" in value or value.startswith("!"):
        raise ValueError("it must be one branch, such as main; patterns belong in `branches`")
    return value


class NamedEnvironment(Section):
    """A long-lived environment: it follows one branch, or the newest of some tags."""

    name: NamedName = Field(
        description="The environment's name, unique in the repository.", examples=["staging"]
    )
    branch: Annotated[RefPattern, AfterValidator(_branch)] | None = Field(
        default=None, description="The branch that it follows.", examples=["main"]
    )
    tags: RefPattern | None = Field(
        default=None,
        description="In place of `branch`: it follows the newest of the tags that match, by semantic version; "
        "`*` matches any run of characters.",
        examples=["v*"],
    )
    prereleases: Flag = Field(
        default=False,
        description="Whether versions such as 1.4.0-rc.1 count, too.",
        examples=[False],
    )
    after: tuple[NamedName, ...] = Field(
        default=(),
        description="Environments that must have had a commit ready, its tests passed, before it comes here.",
        examples=[["staging"]],
    )
    protected: Flag = Field(
        default=True,
        description="Whether it is only ever destroyed by hand.",
        examples=[True],
    )
    variables: Variables = Field(
        default={},
        description="Input variables for it alone; they win over the repository's.",
        examples=[{"size": "large"}],
    )
    build: tuple[BuildStep, ...] = Field(
        default=(),
        description="In place of the repository's build; what is built otherwise here is not what came before.",
        examples=[[{"name": "image", "run": "make push"}]],
    )
    images: tuple[Image, ...] = Field(
        default=(),
        description="In place of the repository's images.",
        examples=[[{"variable": "image", "image": "registry.example.com/acme/shop", "tags": "1.*"}]],
    )
    credentials: RunCredentials | None = Field(
        default=None,
        description="Short-lived credentials for its runs, over the organization's: of each cloud those given here.",
        examples=[{"aws": {"role_arn": "arn:aws:iam::123456789012:role/envmgr-production"}}],
    )
    tests: tuple[EnvironmentTest, ...] = Field(
        default=(),
        description="In place of the repository's tests.",
        examples=[[{"name": "smoke", "run": "make smoke"}]],
    )
    deploy: tuple[DeployStep, ...] | None = Field(
        default=None,
        description="In place of the repository's deploy; null: none here.",
        examples=[[{"name": "build", "run": "make image"}]],
    )
    on_destroy: tuple[CommandStep, ...] | None = Field(
        default=None,
        description="In place of the repository's on_destroy; null: none here.",
        examples=[[{"name": "drain", "run": "make drain"}]],
    )
    health: Health | None = Field(
        default=None,
        description="In place of the repository's health; null: none is asked here.",
        examples=[{"url": "{outputs.url}"}],
    )
    on_unhealthy: OnUnhealthy | None = Field(
        default=None,
        description="In place of the repository's on_unhealthy; null: keep.",
        examples=["previous"],
    )
    drift: Drift | None = Field(
        default=None, description="Overrides the repository's drift.", examples=[{"action": "correct"}]
    )
    schedule: Schedule | None = Field(
        default=None,
        description="In place of the repository's schedule; null: none here.",
        examples=[{"up": "0 8 * * 1-5", "down": "0 19 * * 1-5"}],
    )
    windows: Windows | None = Field(
        default=None,
        description="Overrides the repository's windows.",
        examples=[{"allow": [{"start": "0 9 * * 1-4", "duration": "8h"}]}],
    )

    checks: tuple[Check, ...] | None = Field(
        default=None,
        description="In place of the repository's checks.",
        examples=[[{"name": "policy", "rego": "/etc/envmgr/policies"}]],
    )
    approval: Approval | None = Field(
        default=None,
        description="In place of the repository's approval; null: nobody's is needed here.",
        examples=[{"needed": 2, "from": "approver"}],
    )

    @model_validator(mode="after")
    def _check_once(self) -> Self:
        check_named_once(self.checks or ())
        check_one_each(self.images)
        return self

    @model_validator(mode="after")
    def _check_origin(self) -> Self:
        if (self.branch is None) == (self.tags is None):
            raise ValueError("give one of branch and tags")
        if self.prereleases and self.tags is None:
            raise ValueError("prereleases is for tags; remove it, or give tags in place of branch")
        if self.name in self.after:
            raise ValueError("an environment cannot come after itself; remove it from after")
        return self
