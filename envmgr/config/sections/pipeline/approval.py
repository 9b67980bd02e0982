"""Whose approval a plan needs before it is applied, and what stops everything."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from envmgr.config.sections.section import Section
from envmgr.config.sections.times import Moment
from envmgr.config.sections.values import Count, Flag, Period, Text


class Approval(Section):
    """Whose approval a plan needs before it is applied."""

    needed: Count = Field(default=1, description="How many people have to approve.", examples=[1])
    role: Literal["approver", "admin"] = Field(
        default="approver",
        alias="from",
        description="Of which role they are, or of a higher one: approver or admin.",
        examples=["approver"],
    )
    expires: Period = Field(
        default=timedelta(days=7),
        description="How long a plan waits for them; after that it is planned again.",
        examples=["7d"],
    )
    self_: Flag = Field(
        default=False,
        alias="self",
        description="Whether the author of the commit may approve it.",
        examples=[False],
    )
    rollback: Literal["approve", "free"] = Field(
        default="approve",
        description="Whether a rollback to a commit that was healthy here needs an approval, too.",
        examples=["free"],
    )
    reviews: Flag = Field(
        default=False,
        description="Whether a review that approves the head commit of a pull request counts as an approval of its plan: "
        "for environments of pull requests and of their heads' branches, on the repository's `forge`.",
        examples=[True],
    )


def _told(value: str) -> str:
    if not value.isprintable():
        raise ValueError("it must be one line of text")
    return value


class Freeze(Section):
    """That nothing is applied or destroyed until it is over."""

    reason: Annotated[Text, AfterValidator(_told)] = Field(
        description="Why; shown wherever its environments are.", examples=["migration"]
    )
    until: Moment | None = Field(
        default=None,
        description="When it ends by itself; without it by `envmgr thaw`, or as it is taken from the file.",
        examples=["2026-12-01T06:00Z"],
    )
