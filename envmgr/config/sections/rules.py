"""The rules an organization sets for all its repositories, and a repository for itself."""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from .deploy import CommandStep, DeployLimits
from .section import Section
from .times import Cron, TimeZone
from .values import Count, Duration, Network, Number, Period, Size, Text


class Polling(Section):
    """How remotes are watched."""

    interval: Period = Field(
        default=timedelta(seconds=30),
        description="How often a repository's branches are listed.",
        examples=["30s"],
    )


class GitLimits(Section):
    """What a repository may ask of this host before any of it is used."""

    memory: Size = Field(
        default=2 * 1024**3, description="Private memory of a git process.", examples=["2GiB"]
    )
    refs: Count = Field(
        default=500_000,
        description="How many refs a remote may list; above that it is not read.",
        examples=[500_000],
    )
    files: Count = Field(
        default=200_000, description="How many files a checkout may have.", examples=[200_000]
    )
    size: Size = Field(
        default=2_000_000_000,
        description="Of all files of a checkout together; submodules and Git LFS files may have as much again.",
        examples=["2GB"],
    )


class TerraformLimits(Section):
    """What Terraform may use of this host for a branch's code."""

    memory: Size = Field(
        default=4 * 1024**3,
        description="Private memory of Terraform, and of each provider; an apply may take twice as much.",
        examples=["4GiB"],
    )
    code: Size = Field(
        default=10_000_000,
        description="Of all Terraform code and variable files of one folder together.",
        examples=["10MB"],
    )


class Limits(Section):
    """How much an organization may have and do at once."""

    environments: Count = Field(
        default=50,
        description="How many environments may exist; further ones wait for a person or for room.",
        examples=[50],
    )
    concurrency: Count = Field(
        default=2,
        description="How many environments Terraform works on at once, on all hosts together.",
        examples=[2],
    )
    silence: Duration = Field(
        default=timedelta(minutes=10),
        description="After this long without output or processor time a run no longer counts; at most as many again start meanwhile.",
        examples=["10m"],
    )
    deploy: DeployLimits = Field(
        default=DeployLimits(),
        description="What deploy steps may use of this host.",
        examples=[{"memory": "2GiB", "cpu_seconds": 600}],
    )
    git: GitLimits = Field(
        default=GitLimits(),
        description="What a repository may hold, and git may use of this host.",
        examples=[{"files": 500_000, "size": "10GB"}],
    )
    terraform: TerraformLimits = Field(
        default=TerraformLimits(),
        description="What Terraform may use of this host.",
        examples=[{"memory": "8GiB"}],
    )
    health_networks: tuple[Network, ...] = Field(
        default=(),
        description="Private networks that health checks may ask in addition to public addresses; a branch says which address.",
        examples=[["10.0.0.0/8"]],
    )


class Destroy(Section):
    """What must be certain before an environment is destroyed because its branch went away."""

    confirmations: Count = Field(
        default=2,
        description="How many complete listings in a row must show that the branch is gone.",
        examples=[2],
    )
    grace_period: Duration = Field(
        default=timedelta(minutes=5),
        description="How long a branch must be gone; one that comes back in time keeps its environment.",
        examples=["5m"],
    )
    max_at_once: Annotated[Number, Field(ge=0)] = Field(
        default=5,
        description="Where more environments than this leave a repository together, all wait for `envmgr approve`.",
        examples=[5],
    )


class Drift(Section):
    """Whether the cloud still matches the code."""

    interval: Period = Field(
        default=timedelta(hours=1),
        description="How often an environment is compared with its code.",
        examples=["1h"],
    )
    action: Literal["report", "correct", "off"] = Field(
        default="report",
        description="What to do about a difference: report it, correct it where that is safe, or do not check.",
        examples=["report"],
    )
    ignore: tuple[Text, ...] = Field(
        default=(),
        description="Attributes that may differ, as `ADDRESS.ATTRIBUTE`; `*` matches any run of characters.",
        examples=[["aws_instance.web.tags"]],
    )


class Ttl(Section):
    """How long environments live."""

    default: Period | None = Field(
        default=None,
        description="How long an environment lives that asks for nothing else; null: as long as its branch.",
        examples=["7d"],
    )
    max: Period | None = Field(
        default=None,
        description="The longest life that a branch or `envmgr extend` may ask for; null: no limit.",
        examples=["30d"],
    )
    warn_before: tuple[Period, ...] = Field(
        default=(timedelta(hours=24), timedelta(hours=1)),
        description="How long before the end of a life to warn.",
        examples=[["24h", "1h"]],
    )

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.default is not None and self.max is not None and self.default > self.max:
            raise ValueError("default is longer than max; shorten default or raise max")
        return self


class Schedule(Section):
    """When environments are up."""

    up: Cron = Field(
        description="When environments come up: minute, hour, day, month, weekday.",
        examples=["0 8 * * 1-5"],
    )
    down: Cron = Field(
        description="When environments go down.",
        examples=["0 19 * * 1-5"],
    )
    timezone: TimeZone = Field(
        default="UTC",
        description="The time zone of `up` and `down`.",
        examples=["Europe/Berlin"],
    )
    down_run: tuple[CommandStep, ...] = Field(
        default=(),
        description="Commands that bring an environment down in place of a destroy; `up` then applies again.",
        examples=[[{"name": "stop", "run": "make stop"}]],
    )


class Span(Section):
    """A time that comes again."""

    start: Cron = Field(description="When it begins.", examples=["0 9 * * 1-5"])
    duration: Period = Field(description="How long it lasts.", examples=["8h"])


class Windows(Section):
    """When environments may be changed; what is due outside waits."""

    allow: tuple[Span, ...] = Field(
        default=(),
        description="Applies and destroys happen only in these times; empty: at any time.",
        examples=[[{"start": "0 9 * * 1-5", "duration": "8h"}]],
    )
    deny: tuple[Span, ...] = Field(
        default=(),
        description="No applies and destroys in these times, whatever `allow` says.",
        examples=[[{"start": "0 0 24 12 *", "duration": "3d"}]],
    )
    timezone: TimeZone = Field(
        default="UTC", description="The time zone of all `start`s.", examples=["Europe/Berlin"]
    )
