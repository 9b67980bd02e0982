"""Credentials that are made for each run, in place of keys that are good for ever."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from envmgr.domain.rules.sign_in import PLACES

from .section import Section
from .values import Named, Period, Text

_PART = rf"(?:[A-Za-z0-9+=,.@_/-]|\{{(?:{'|'.join(PLACES)})\}})"
ROLE_PATTERN = rf"arn:aws[a-z-]*:iam::[0-9]{{12}}:role/{_PART}+"
_SHORTEST, _LONGEST = timedelta(minutes=15), timedelta(hours=12)


def _role(value: str) -> str:
    if not re.fullmatch(ROLE_PATTERN, value, re.ASCII):
        raise ValueError(
            "it must be a role's ARN, in which {organization}, {repository} and {environment} may stand, such as "
            "arn:aws:iam::123456789012:role/envmgr-{environment}"
        )
    return value


def _session(value: timedelta) -> timedelta:
    if not _SHORTEST <= value <= _LONGEST:
        raise ValueError("AWS gives a role for 15m to 12h")
    return value


RoleArn = Annotated[
    str,
    AfterValidator(_role),
    Field(json_schema_extra={"pattern": f"^{ROLE_PATTERN}$"}),
    Named("role ARN"),
]


class AwsCredentials(Section):
    """A role of AWS for each run, assumed as whoever `environment_variables` say."""

    role_arn: RoleArn = Field(
        description="The role of an environment; `{organization}`, `{repository}` and `{environment}` stand for its own.",
        examples=["arn:aws:iam::123456789012:role/envmgr-{environment}"],
    )
    plan_role_arn: RoleArn | None = Field(
        default=None,
        description="Another role for plans and drift checks, which need only read.",
        examples=["arn:aws:iam::123456789012:role/envmgr-plan"],
    )
    deploy_role_arn: RoleArn | None = Field(
        default=None,
        description="Another role for the commands of a deploy, which get no state in any case.",
        examples=["arn:aws:iam::123456789012:role/envmgr-deploy-{environment}"],
    )
    session: Annotated[Period, AfterValidator(_session)] = Field(
        default=timedelta(hours=1),
        description="How long credentials are good for; those of a run that takes longer are renewed.",
        examples=["1h"],
    )
    policy: Text | None = Field(
        default=None,
        description="A file, beside this one or by its absolute path, with a policy whose statements narrow each run further; the environment's own state is "
        "allowed besides, and what envmgr tagged as another environment's refused.",
        examples=["run-policy.json"],
    )


class RunCredentials(Section):
    """Short-lived credentials for each run; what is not given here, runs have from `environment_variables`."""

    aws: AwsCredentials | None = Field(
        default=None,
        description="A role of AWS for each run.",
        examples=[{"role_arn": "arn:aws:iam::123456789012:role/envmgr-{environment}"}],
    )
