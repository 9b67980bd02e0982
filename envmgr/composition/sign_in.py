"""Which credentials the runs of an organization get."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from envmgr.config.expand import run_credentials
from envmgr.config.sections.models import OrganizationFile
from envmgr.config.sections.run_credentials import AwsCredentials, AzureCredentials, RunCredentials
from envmgr.config.sections.secrets import resolve
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.rules.sign_in import AwsRoles, assumed_role, filled, tags_claim
from envmgr.domain.values.cage import Credentials
from envmgr.domain.values.names import EnvironmentId
from envmgr.host.credentials.issued import IssuedForRuns, Issuer
from envmgr.ports import Holder, SignIn, as_given


def sign_in_of(file: OrganizationFile, config: Path, folder: Path, environ: Mapping[str, str]) -> SignIn:
    """How the runs of an organization sign in, whose file is `config` or in it; what they are given lies in `folder`.

    Those of a named environment may do it otherwise.
    """
    beside = config if config.is_dir() else config.parent
    general = file.credentials
    own = [
        e.credentials for each in file.repositories for e in each.environments if e.credentials is not None
    ]
    if all(each == RunCredentials() for each in (general, *own)):
        return as_given

    def issuers(holder: Holder, use: Credentials, environment: Mapping[str, str]) -> Sequence[Issuer]:
        section = run_credentials(file, holder.environment)
        aws, azure, signature = section.aws, section.azure, section.container_signature
        found: list[Issuer] = []
        kind, settings = holder.backend
        is_for = {"s3": aws, "azurerm": azure}.get(kind) if use is Credentials.BACKEND else None
        if aws is not None and (is_for is aws or use is not Credentials.BACKEND):
            found.append(_aws(aws, beside, holder, use, environment, environ))
        if azure is not None and (is_for is azure or use is not Credentials.BACKEND):
            found.append(_azure(azure, holder.environment, use, environ))
        if signature is not None and kind == "azurerm":
            from envmgr.host.credentials.azure_container import ContainerSignature

            found.append(ContainerSignature.by_key(environment, settings, use, signature))
        return found

    return IssuedForRuns(folder, issuers)


def _aws(
    section: AwsCredentials,
    beside: Path,
    holder: Holder,
    use: Credentials,
    environment: Mapping[str, str],
    environ: Mapping[str, str],
) -> Issuer:
    from envmgr.host.credentials.aws_role import AwsRoleIssuer  # slow, and not for the reading verbs
    from envmgr.host.credentials.azure_token import AWS_AUDIENCE

    role = assumed_role(_roles(section, beside), holder.environment, use, holder.backend)
    if section.token_file is None and section.issuer is None:
        return AwsRoleIssuer(role, environment)
    claims = tags_claim(holder.environment)
    return AwsRoleIssuer(
        role, environment, _token(section, holder.environment, environ, AWS_AUDIENCE, claims)
    )


def _token(
    section: AwsCredentials | AzureCredentials,
    environment: EnvironmentId,
    environ: Mapping[str, str],
    audience: str,
    claims: Mapping[str, object] | None = None,
) -> Callable[[], tuple[str, timedelta]]:
    from envmgr.host.credentials.azure_token import IssuerKey, signed_token, token_of

    def token() -> tuple[str, timedelta]:
        if section.issuer is None or section.signing_key is None:
            return token_of(Path(section.token_file or ""))
        key = IssuerKey(resolve(section.signing_key, environ))
        return signed_token(section.issuer, filled(section.subject, environment), key, audience, claims)

    return token


def _azure(
    section: AzureCredentials, environment: EnvironmentId, use: Credentials, environ: Mapping[str, str]
) -> Issuer:
    from envmgr.host.credentials.azure_token import AZURE_AUDIENCE, AzureTokenIssuer

    token = _token(section, environment, environ, AZURE_AUDIENCE)
    return AzureTokenIssuer(tenant_id=section.tenant_id, client_id=section.client_id, use=use, token=token)


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
