"""An environment for each open pull request."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from envmgr.config.sections.section import Section
from envmgr.config.sections.values import BranchPattern, Count, Flag, Named, Period, Text
from envmgr.domain.values.names import environment_name


def _preview_name(value: str) -> str:
    if value.count("{number}") != 1 or "{" in value.replace("{number}", ""):
        raise ValueError("it must have {number} in it once, such as pr-{number}")
    shown = value.replace("{number}", "12345")
    if environment_name(shown, (shown,)) != shown:
        raise ValueError("it must be a name of lower-case letters, digits and `-`, such as pr-{number}")
    return value


class PreviewConditions(Section):
    """Which pull requests get an environment: those of which all of this is true."""

    base: tuple[BranchPattern, ...] = Field(
        default=(),
        description="The branches that they are to be merged into; none: any.",
        examples=[["main"]],
    )
    labels: tuple[Text, ...] = Field(
        default=(), description="The labels of which they have each.", examples=[["preview"]]
    )
    drafts: Flag = Field(default=False, description="Whether drafts count.", examples=[False])
    forks: Flag = Field(
        default=False,
        description="Whether those from forks count: only with the cage, and each commit only once a person approved it.",
        examples=[False],
    )
    authors: Literal["members", "anyone"] | tuple[Text, ...] = Field(
        default="members",
        description="Whose: `members` are those who may write to the repository; `anyone`; or a list of logins.",
        examples=["members"],
    )


class Previews(Section):
    """An environment for each open pull request."""

    name: Annotated[str, AfterValidator(_preview_name), Named("name with {number}")] = Field(
        default="pr-{number}", description="What it is called.", examples=["pr-{number}"]
    )
    when: PreviewConditions = Field(
        default=PreviewConditions(),
        description="Which pull requests get one.",
        examples=[{"base": ["main"], "drafts": False}],
    )
    ttl: Period | None = Field(
        default=timedelta(days=3),
        description="How long it lives after its last push; null: as long as the pull request is open.",
        examples=["3d"],
    )
    limit: Count = Field(default=20, description="How many there may be at once; others wait.", examples=[20])
