"""The rules an organization sets for all its repositories, and a repository for itself."""

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from .values import Count, Cron, Duration, Number, Period, Text, TimeZone


class Section(BaseModel):
    """A part of a configuration file: immutable, and without room for keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _fill_empty(cls, value: Any) -> Any:
        """A key with nothing behind it, as where all options are commented out, means the defaults."""
        return {} if value is None else value


class Polling(Section):
    """How remotes are watched."""

    interval: Period = Field(
        default=timedelta(seconds=30),
        description="How often a repository's branches are listed.",
        examples=["30s"],
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
        description="How many environments Terraform works on at once.",
        examples=[2],
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
    """Whether the cloud still is as the code says."""

    interval: Period = Field(
        default=timedelta(hours=1),
        description="How often an environment is compared with its code.",
        examples=["1h"],
    )
    action: Literal["report", "correct", "off"] = Field(
        default="report",
        description="What to do about a difference: report it, correct it where that is safe, or do not look.",
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


class DeployStep(Section):
    """One command after an apply."""

    name: Text = Field(description="What the step is called in logs.", examples=["build"])
    run: Text = Field(
        description="A shell command, run at the branch's root with the Terraform outputs at hand.",
        examples=["make image"],
    )
    timeout: Period = Field(
        default=timedelta(minutes=15), description="When the step is given up.", examples=["15m"]
    )


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
    down_run: tuple[DeployStep, ...] = Field(
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


class Health(Section):
    """What must answer before an environment is ready."""

    url: Text = Field(
        description="What is asked; `{outputs.NAME}` stands for a Terraform output.",
        examples=["{outputs.url}"],
    )
    expect: Annotated[Number, Field(ge=100, le=599)] = Field(
        default=200, description="The HTTP status that means healthy.", examples=[200]
    )
    timeout: Period = Field(
        default=timedelta(minutes=5), description="When waiting for it ends in a failure.", examples=["5m"]
    )
