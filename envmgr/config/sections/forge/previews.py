"""An environment for each open pull request."""

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from envmgr.config.sections.cage import Cage
from envmgr.config.sections.section import Section
from envmgr.config.sections.values import BranchPattern, Count, Flag, Named, Period, Text
from envmgr.domain.values.names import environment_name

from .forge import Forge, ForgeAuthor, check_names

_HIGHEST = "2147483647"
"""The longest number that a pull request may have: on some forges they count for all repositories of an organization."""


def _preview_name(value: str) -> str:
    if value.count("{number}") != 1 or "{" in value.replace("{number}", ""):
        raise ValueError("it must have {number} in it once, such as pr-{number}")
    shown = value.replace("{number}", _HIGHEST)
    if environment_name(shown, (shown,)) != shown:
        raise ValueError(
            f"it must be a name of lower-case letters, digits and `-`, such as pr-{{number}}, that has room for {len(_HIGHEST)} digits"
        )
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
    authors: Literal["members", "anyone"] | tuple[ForgeAuthor, ...] = Field(
        default="members",
        description="Whose: `members` are those who may write to the repository; `anyone`; or a list of people, each a login or `id:ID`.",
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


def check_previews(previews: Previews | None, forge: Forge | None, remote: str, named: Iterable[str]) -> None:
    """Raises ValueError where pull requests cannot be had, an author could be another, or one's environment have the name of another."""
    if previews is None:
        return
    if forge is None:
        raise ValueError("previews: nobody tells of pull requests without `forge`; add that")
    if not isinstance(previews.when.authors, str):
        check_names(forge, forge.place(remote)[0], "previews.when.authors", previews.when.authors)
    before, _, after = previews.name.partition("{number}")
    pattern = re.compile(rf"{re.escape(before)}[0-9]+{re.escape(after)}")
    for name in named:
        if pattern.fullmatch(name):
            raise ValueError(
                f"environment {name} has a name that a pull request's may get (previews.name); rename one"
            )


def check_caged(previews: Previews | None, repository: str, general: Cage, own: Cage | None) -> None:
    """Raises ValueError where code of forks would run without a cage."""
    if previews is None or not previews.when.forks:
        return
    kind = own.kind if own is not None and "kind" in own.model_fields_set else general.kind
    if kind == "none":
        raise ValueError(
            f"previews of repository {repository} take forks, whose code nothing confines: add `cage: {{kind: bwrap}}`, or take "
            "`forks` away"
        )
