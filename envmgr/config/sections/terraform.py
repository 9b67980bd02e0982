"""The Terraform program: one that is there, or versions that are fetched."""

from datetime import timedelta
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from envmgr.config.settings import LOOPBACK
from envmgr.domain.rules.tool.constraints import constraint

from .section import Section
from .values import AbsolutePath, Binary, Named, Period


def _constraint(value: str) -> str:
    return constraint(value).text


def _source(value: str) -> str:
    parts = urlsplit(value)
    if value.startswith("/") and "\0" not in value:
        return value
    is_here = parts.scheme == "http" and parts.hostname in LOOPBACK
    if not parts.hostname or parts.password is not None or not (parts.scheme == "https" or is_here):
        raise ValueError("it must be the https address of a mirror, or the absolute path of a folder")
    return value.rstrip("/")


class Terraform(Section):
    """The Terraform program."""

    binary: Binary = Field(
        default="terraform",
        description="The program's name or absolute path; OpenTofu's tofu too.",
        examples=["terraform"],
    )
    version: Annotated[str, AfterValidator(_constraint), Named("version constraint")] | None = Field(
        default=None,
        description="Which versions are fetched, verified and kept, in place of a `binary`; the newest that the code allows, too.",
        examples=["~> 1.11"],
    )
    tool: Literal["terraform", "opentofu"] = Field(
        default="terraform", description="What is fetched where there is a `version`.", examples=["terraform"]
    )
    source: Annotated[str, AfterValidator(_source), Named("address or absolute path")] | None = Field(
        default=None,
        description="Where it is fetched from: a mirror laid out like HashiCorp's, or a folder; without it its makers' servers.",
        examples=["https://mirror.example.com/terraform"],
    )
    keys: tuple[AbsolutePath, ...] = Field(
        default=(),
        description="OpenPGP keys of which one must have signed it, in place of the makers' that come with envmgr.",
        examples=[["/etc/envmgr/release-key.asc"]],
    )
    cli_config: AbsolutePath | None = Field(
        default=None,
        description="A Terraform CLI configuration file, for provider mirrors.",
        examples=["/etc/envmgr/terraform.rc"],
    )
    timeout: Period = Field(
        default=timedelta(hours=1),
        description="When a single Terraform command is ended: asked first, then forced.",
        examples=["1h"],
    )

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        if self.version is not None and "binary" in self.model_fields_set:
            raise ValueError("give either binary or version")
        of_versions = {"tool", "source", "keys"} & self.model_fields_set
        if self.version is None and of_versions:
            raise ValueError(f"{min(of_versions)} is of versions that are fetched: give version, too")
        return self
