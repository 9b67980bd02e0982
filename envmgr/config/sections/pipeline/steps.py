"""Commands around an apply: what is built before the plan, what checks the plan, what tests the environment after it."""

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import ConfigDict, Field, model_validator

from envmgr.config.sections.deploy import CommandStep
from envmgr.config.sections.values import AbsolutePath, Command

OnFailure = Literal["refuse", "approve", "warn"]
"""What a check that finds something leads to: no apply, an apply once it is approved, or an event."""
Builtin = Literal["validate", "fmt"]
"""Checks that Terraform itself has."""

_KINDS = ("rego", "run", "terraform")


class BuildStep(CommandStep):
    """A command before the plan whose values become input variables."""

    run: Command = Field(
        description="A shell command (`sh -eu -c`), or a list: program and arguments. It runs at the branch's root; "
        "lines NAME=VALUE that it writes to the file $ENVMGR_VARIABLES become input variables.",
        examples=["make push IMAGE=registry.example.com/shop:$ENVMGR_COMMIT"],
    )
    when: Literal["code", "always"] = Field(
        default="code",
        description="How often it runs: once for each commit (code), whichever environments get that, or each time (always).",
        examples=["always"],
    )


class Check(CommandStep):
    """A check of the plan before it is applied; it is never taken from a branch."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": [kind]} for kind in _KINDS]})

    rego: AbsolutePath | None = Field(
        default=None,
        description="A Rego file, or a folder of them: rules `deny` and `warn` of package `envmgr`.",
        examples=["/etc/envmgr/policies"],
    )
    run: Command | None = Field(  # type: ignore[assignment]  # one of three here
        default=None,
        description="In place of `rego`: a command that ends with 0 where all is well; the plan as JSON is the file "
        "$ENVMGR_PLAN, the code the folder $ENVMGR_TERRAFORM.",
        examples=["tflint --chdir $ENVMGR_TERRAFORM"],
    )
    terraform: Builtin | None = Field(
        default=None,
        description="In place of `rego`: Terraform's own `validate` or `fmt`.",
        examples=["fmt"],
    )
    on_failure: OnFailure = Field(
        default="refuse",
        description="What it leads to: refuse (nothing is applied), approve (a person has to approve), or warn.",
        examples=["approve"],
    )

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        if sum(getattr(self, kind) is not None for kind in _KINDS) != 1:
            raise ValueError("give one of rego, run and terraform")
        return self


def check_named_once(checks: Sequence[Check]) -> None:
    """Raises ValueError where two checks have the same name."""
    names = [check.name for check in checks]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"checks: two are called {name}; rename one")


class EnvironmentTest(CommandStep):
    """A command that tests an environment once it is healthy."""

    run: Command = Field(
        description="A shell command (`sh -eu -c`), or a list: program and arguments. It runs at the branch's root, with "
        "the Terraform outputs at hand; where it does not end with 0 the environment is `failed`.",
        examples=["make e2e URL=$ENVMGR_URL"],
    )
