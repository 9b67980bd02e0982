"""Which credentials a run of an environment gets: a role by a pattern, narrowed to what is the environment's own."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.backend import Backend
from envmgr.domain.values.cage import Credentials
from envmgr.domain.values.names import EnvironmentId
from envmgr.domain.values.tags import MANAGED_BY

PLACES = ("organization", "repository", "environment")
"""What a pattern may name in braces."""

AWS_STATIC = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
)
"""Variables by which programs find credentials of AWS: with roles they are envmgr's own, and no child's."""
_AWS_OPEN = (
    "AWS_SECRET_ACCESS_KEY",
    "AWS_PROFILE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
)
AZURE_STATIC = (
    "ARM_CLIENT_SECRET",
    "ARM_CLIENT_SECRET_FILE_PATH",
    "ARM_CLIENT_CERTIFICATE",
    "ARM_CLIENT_CERTIFICATE_PATH",
    "ARM_CLIENT_CERTIFICATE_PASSWORD",
    "ARM_OIDC_TOKEN",
    "ARM_OIDC_TOKEN_FILE_PATH",
    "ARM_OIDC_REQUEST_TOKEN",
    "ARM_OIDC_REQUEST_URL",
    "ARM_USE_MSI",
    "ARM_USE_CLI",
    "AZURE_CLIENT_SECRET",
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "AZURE_CLIENT_CERTIFICATE_PASSWORD",
    "AZURE_FEDERATED_TOKEN_FILE",
)
"""As for AWS, where runs have a token each."""
AZURE_STATE = ("ARM_ACCESS_KEY", "ARM_SAS_TOKEN")
"""What opens the states in a storage account: nothing for a deploy."""
_GOOGLE_STATIC = ("GOOGLE_CREDENTIALS", "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_OAUTH_ACCESS_TOKEN")
_AZURE_OPEN = (
    "ARM_CLIENT_SECRET",
    "ARM_CLIENT_SECRET_FILE_PATH",
    "ARM_CLIENT_CERTIFICATE",
    "ARM_CLIENT_CERTIFICATE_PATH",
    "ARM_OIDC_TOKEN",
    "ARM_OIDC_TOKEN_FILE_PATH",
)
_LONGEST_ROLE = 64
_LONGEST_POLICY = 2048
_WORKSPACES = "env:/*"
"""Which Terraform lists in a bucket though it is to use none; nothing may be put there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsRoles:
    """The roles of an organization's environments, by patterns; those for plan and deploy are empty where one serves all.

    `statements` are the organization's own of a session policy, in place of the one that allows all that the role may.
    """

    role_arn: str
    plan_role_arn: str = ""
    deploy_role_arn: str = ""
    session: timedelta = timedelta(hours=1)
    statements: Sequence[object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssumedRole:
    """What AWS is asked for: a role, for how long, under which name, with session tags and a session policy."""

    role_arn: str
    name: str
    duration: timedelta
    tags: Mapping[str, str]
    policy: str


def filled(pattern: str, environment: EnvironmentId) -> str:
    """A pattern with what it names of an environment."""
    for place in PLACES:
        value = environment.name if place == "environment" else getattr(environment, place)
        pattern = pattern.replace(f"{{{place}}}", value)
    return pattern


def assumed_role(
    roles: AwsRoles, environment: EnvironmentId, use: Credentials, backend: Backend
) -> AssumedRole:
    """The role for one use of one environment, whose state is in `backend`.

    Raises NeedsPerson where AWS can have no role of the name, or takes no policy of the size.
    """
    special = {
        Credentials.BACKEND: roles.plan_role_arn,
        Credentials.READING: roles.plan_role_arn,
        Credentials.DEPLOY: roles.deploy_role_arn,
    }.get(use)
    arn = filled(special or roles.role_arn, environment)
    name = arn.rpartition("/")[2]
    if len(name) > _LONGEST_ROLE:
        raise NeedsPerson(
            f"The role {name} has {len(name)} characters, and AWS takes {_LONGEST_ROLE}: shorten it in credentials.aws "
            "of the organization file."
        )
    policy = _policy(roles, environment, use, backend)
    if len(policy) > _LONGEST_POLICY:
        raise NeedsPerson(
            f"The session policy of {environment} has {len(policy)} characters, and AWS takes {_LONGEST_POLICY}: shorten "
            "the file that credentials.aws.policy names; what it has no room for belongs to the role."
        )
    return AssumedRole(
        role_arn=arn,
        name=f"envmgr-{use.value}-{environment.name}",
        duration=roles.session,
        tags=_own_tags(environment),
        policy=policy,
    )


def for_backend(environment: Mapping[str, str], kind: str) -> Mapping[str, str]:
    """Of an organization's variables those that `init` gets: no cloud's credentials but those of where the state is."""
    withheld = {
        *(() if kind == "s3" else AWS_STATIC),
        *(() if kind == "azurerm" else (*AZURE_STATIC, *AZURE_STATE)),
        *_GOOGLE_STATIC,
    }
    return {name: value for name, value in environment.items() if name not in withheld}


def tags_claim(environment: EnvironmentId) -> Mapping[str, object]:
    """What a token says of an environment, so that AWS makes session tags of it."""
    tags = {key: [value] for key, value in _own_tags(environment).items()}
    return {"https://aws.amazon.com/tags": {"principal_tags": tags, "transitive_tag_keys": []}}


def opened(
    variables: Collection[str], *, has_roles: bool, has_tokens: bool = False, has_signature: bool = False
) -> str:
    """What static variables open to the code of every branch, in a sentence; empty where there are none.

    Whether runs have roles of AWS, tokens of Azure, and a signature for the container in the place of its account's key.
    """
    names = [] if has_roles else [name for name in _AWS_OPEN if name in variables]
    names += [] if has_tokens else [name for name in _AZURE_OPEN if name in variables]
    names += [] if has_signature else [name for name in AZURE_STATE if name in variables]
    if not names:
        return ""
    return (
        f"{' and '.join(names)} of environment_variables {'reach' if len(names) > 1 else 'reaches'} the code of every "
        "branch, also where it is only planned, with all that this opens, the states of all environments too; "
        "`credentials` gives each run its own"
    )


def _own_tags(environment: EnvironmentId) -> Mapping[str, str]:
    return {
        "environment": environment.name,
        "project": environment.repository,
        "organization": environment.organization,
    }


def _policy(roles: AwsRoles, environment: EnvironmentId, use: Credentials, backend: Backend) -> str:
    partition = roles.role_arn.split(":")[1]
    kind, settings = backend
    bucket = f"arn:{partition}:s3:::{settings['bucket']}" if kind == "s3" else ""
    further = roles.statements if roles.statements is not None else [_all_but(bucket)]
    statements = [
        *(further if use is not Credentials.BACKEND else ()),
        *(_state(bucket, environment.state_key, use) if bucket and use is not Credentials.DEPLOY else ()),
        *_not_of_others(environment),
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))


def _all_but(bucket: str) -> Mapping[str, object]:
    """All that the role may, but for the states of all environments."""
    where = {"NotResource": [bucket, f"{bucket}/*"]} if bucket else {"Resource": "*"}
    return {"Effect": "Allow", "Action": "*", **where}


def _state(bucket: str, key: str, use: Credentials) -> Iterator[Mapping[str, object]]:
    """Its own state and the lock of that; a plan locks, and writes no state; `init` only reads.

    In as few words as can be: AWS counts them.
    """
    condition = {"StringLike": {"s3:prefix": [f"{key}*", _WORKSPACES]}}
    yield {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": bucket, "Condition": condition}
    yield {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"{bucket}/{key}*"}
    if use is Credentials.BACKEND:
        return
    written = f"{bucket}/{key}*" if use is Credentials.WRITING else f"{bucket}/{key}.tflock"
    yield {"Effect": "Allow", "Action": ["s3:PutObject", "s3:DeleteObject"], "Resource": written}


def _not_of_others(environment: EnvironmentId) -> Iterator[Mapping[str, object]]:
    """Nothing that envmgr tagged as another environment's, and no such tag on anything.

    Where it is not by envmgr, a tag of that name means what the organization likes.
    """
    for kind in ("Resource", "Request"):
        for key, value in _own_tags(environment).items():
            if (kind, key) == ("Request", "organization"):
                continue  # no room for it, and a plan's tags pass a gate besides
            yield {
                "Effect": "Deny",
                "Action": "*",
                "Resource": "*",
                "Condition": {
                    "StringEquals": {f"aws:{kind}Tag/managed-by": MANAGED_BY},
                    "StringNotEquals": {f"aws:{kind}Tag/{key}": value},
                },
            }
