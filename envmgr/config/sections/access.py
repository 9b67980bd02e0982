"""Who may do what through page and API."""

from typing import Annotated

from pydantic import AfterValidator, Field

from .section import Section
from .values import Named


def _member(value: str) -> str:
    if value.strip() != value or not value or not value.isprintable() or value == "group:":
        raise ValueError('it must be a name, group:NAME or "*" (everybody who signed in)')
    return value


Member = Annotated[str, AfterValidator(_member), Named("name or group")]


class Roles(Section):
    """Who has which role: names, `group:NAME` as the sign-in says it, or `*` for everybody who signed in."""

    viewer: tuple[Member, ...] = Field(default=(), description="May see everything there.", examples=[["*"]])
    developer: tuple[Member, ...] = Field(
        default=(),
        description="May also plan, apply, destroy, roll back, suspend, resume and extend.",
        examples=[["group:engineering"]],
    )
    approver: tuple[Member, ...] = Field(
        default=(),
        description="May also approve what a guard holds back, freeze and thaw.",
        examples=[["carol", "group:release-managers"]],
    )
    admin: tuple[Member, ...] = Field(
        default=(),
        description="May also make and revoke tokens.",
        examples=[["group:platform"]],
    )


class Access(Section):
    """Who may do what; without it only the command line on the host and tokens may."""

    roles: Roles = Field(
        default=Roles(),
        description="Who has which role; each may all that those before it may.",
        examples=[{"viewer": ["*"], "admin": ["group:platform"]}],
    )
