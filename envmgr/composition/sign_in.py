"""Which credentials the runs of an organization get."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from envmgr.config.sections.run_credentials import AwsCredentials, RunCredentials
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.rules.sign_in import AwsRoles, assumed_role
from envmgr.domain.values.cage import Credentials
from envmgr.host.credentials.issued import IssuedForRuns, Issuer
from envmgr.ports import Holder, SignIn, as_given


def sign_in_of(section: RunCredentials, config: Path, folder: Path) -> SignIn:
    """How the runs of an organization sign in, whose file is `config` or in it; what they are given lies in `folder`."""
    beside = config if config.is_dir() else config.parent
    aws = section.aws
    if aws is None:
        return as_given

    def issuers(holder: Holder, use: Credentials, environment: Mapping[str, str]) -> Sequence[Issuer]:
        from envmgr.host.credentials.aws_role import AwsRoleIssuer  # slow, and not for the reading verbs

        role = assumed_role(_roles(aws, beside), holder.environment, use, holder.backend)
        return [AwsRoleIssuer(role, environment)]

    return IssuedForRuns(folder, issuers)


def _roles(section: AwsCredentials, beside: Path) -> AwsRoles:
    return AwsRoles(
        role_arn=section.role_arn,
        plan_role_arn=section.plan_role_arn or "",
        deploy_role_arn=section.deploy_role_arn or "",
        session=section.session,
        statements=_statements(beside / section.policy) if section.policy else None,
    )


def _statements(path: Path) -> Sequence[object]:
    """Read at each use: it may be changed meanwhile."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["Statement"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise NeedsPerson(
            f"The policy {path} of credentials.aws cannot be read ({type(error).__name__}): it must be a policy of AWS "
            'as JSON, {"Statement": […]}.'
        ) from error
    return found if isinstance(found, list) else [found]
