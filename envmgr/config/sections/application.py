"""The applications of a repository: each with code of its own, and with what it needs of the others."""

from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from .deploy import CommandStep, DeployStep, Health, OnUnhealthy
from .patterns import matching
from .pipeline.steps import EnvironmentTest
from .section import Section
from .values import Named, RelativePath, Variables

_NAME = r"[a-z][a-z0-9-]{0,31}"
_DIRECTORY = "terraform"


ApplicationName = Annotated[
    str,
    AfterValidator(
        matching(
            _NAME,
            "it must be a name of lower-case letters, digits and `-`, beginning with a letter, at most 32 long",
        )
    ),
    Field(json_schema_extra={"pattern": f"^{_NAME}$"}),
    Named("application name"),
]


class CodeSource(Section):
    """Where an environment's Terraform code is: a folder of the branch, or a module of envmgr."""

    model_config = ConfigDict(json_schema_extra={"maxProperties": 1})

    directory: RelativePath | None = Field(
        default=None,
        description="The folder of the branch that holds the code; `.` is the root, `terraform` the default "
        "(of an application `terraform` in its folder).",
        examples=["terraform"],
    )
    module: RelativePath | None = Field(
        default=None,
        description="A module of `terraform_modules/`, for branches without Terraform code.",
        examples=["aws-environment"],
    )

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if self.directory is not None and self.module is not None:
            raise ValueError("give one of directory and module, not both")
        return self

    @property
    def path(self) -> str:
        """The folder in the branch or the module's name."""
        return self.path_in(".")

    def path_in(self, folder: str) -> str:
        """The same, of an application whose folder is given."""
        below = _DIRECTORY if folder == "." else f"{folder}/{_DIRECTORY}"
        return self.module or self.directory or below


class Application(Section):
    """One of several applications that make up a repository's environments."""

    name: ApplicationName = Field(
        description="The application's name, unique in the repository.", examples=["api"]
    )
    folder: RelativePath | None = Field(
        default=None,
        description="Its folder in the branch, where its deploy steps run; without it the one of its name.",
        examples=["services/api"],
    )
    needs: tuple[ApplicationName, ...] = Field(
        default=(),
        description="Applications that are applied before it and destroyed after it; it gets their outputs as variables.",
        examples=[["db"]],
    )
    terraform: CodeSource = Field(
        default=CodeSource(),
        description="Where its Terraform code is.",
        examples=[{"directory": "api/terraform"}],
    )
    variables: Variables = Field(
        default={},
        description="Input variables for it alone; they win over the repository's.",
        examples=[{"size": "small"}],
    )
    deploy: tuple[DeployStep, ...] = Field(
        default=(),
        description="As the repository's, in its folder.",
        examples=[[{"name": "build", "run": "make image"}]],
    )
    on_destroy: tuple[CommandStep, ...] = Field(
        default=(),
        description="As the repository's, in its folder.",
        examples=[[{"name": "drain", "run": "make drain"}]],
    )
    health: Health | None = Field(
        default=None,
        description="What must answer before it is ready, and those that need it go on.",
        examples=[{"url": "{outputs.url}"}],
    )
    tests: tuple[EnvironmentTest, ...] = Field(
        default=(),
        description="As the repository's, in its folder.",
        examples=[[{"name": "smoke", "run": "make smoke"}]],
    )
    on_unhealthy: OnUnhealthy = Field(
        default="keep", description="As the repository's.", examples=["previous"]
    )

    @property
    def place(self) -> str:
        """Its folder in the branch; `.` is the root."""
        return self.folder or self.name


def in_order(applications: Sequence[Application]) -> tuple[Application, ...]:
    """The applications, each after those it needs; ValueError, saying why, where there is no such order."""
    named = {application.name: application for application in applications}
    if len(named) < len(applications):
        raise ValueError("applications: two have the same name; rename one")
    for application in applications:
        if unknown := [name for name in application.needs if name not in named]:
            raise ValueError(
                f"applications: {application.name} needs {unknown[0]}, which is not one of them; there are {', '.join(named)}"
            )
    try:
        order = TopologicalSorter({name: a.needs for name, a in named.items()}).static_order()
        return tuple(named[name] for name in order)
    except CycleError as error:
        circle = " needs ".join(reversed(error.args[1]))
        raise ValueError(f"applications: {circle}; remove one of these needs") from error
