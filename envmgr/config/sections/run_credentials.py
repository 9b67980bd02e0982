"""Credentials that are made for each run, in place of keys that are good for ever."""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from envmgr.domain.rules.sign_in import PLACES

from .patterns import matching
from .section import Section
from .values import AbsolutePath, Named, Period, SecretValue, Text

_PART = rf"(?:[A-Za-z0-9+=,.@_/-]|\{{(?:{'|'.join(PLACES)})\}})"
ROLE_PATTERN = rf"arn:aws[a-z-]*:iam::[0-9]{{12}}:role/{_PART}+"
_SUBJECT = rf"(?:[A-Za-z0-9:/._-]|\{{(?:{'|'.join(PLACES)})\}})+"
_ISSUER = r"https://[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._~/-]*[A-Za-z0-9._~-])?"
_SHORTEST, _LONGEST = timedelta(minutes=15), timedelta(hours=12)
_LONGEST_SIGNATURE = timedelta(days=7)


def _signature(value: timedelta) -> timedelta:
    if not _SHORTEST <= value <= _LONGEST_SIGNATURE:
        raise ValueError("a signature is good for 15m to 7d")
    return value


def _session(value: timedelta) -> timedelta:
    if not _SHORTEST <= value <= _LONGEST:
        raise ValueError("AWS gives a role for 15m to 12h")
    return value


RoleArn = Annotated[
    str,
    AfterValidator(
        matching(
            ROLE_PATTERN,
            "it must be a role's ARN, in which {organization}, {repository} and {environment} may stand, such as "
            "arn:aws:iam::123456789012:role/envmgr-{environment}",
        )
    ),
    Field(json_schema_extra={"pattern": f"^{ROLE_PATTERN}$"}),
    Named("role ARN"),
]


_issuer = matching(
    _ISSUER, "it must be an https URL without a slash at its end, such as https://issuer.example.com/envmgr"
)
_subject = matching(
    _SUBJECT, "it has letters, digits, `:/._-` and {organization}, {repository}, {environment} alone"
)


_Issuer = Annotated[Text, AfterValidator(_issuer)]
_Subject = Annotated[Text, AfterValidator(_subject)]


def _check_pair(issuer: str | None, signing_key: object | None) -> None:
    """A key of our own signs for an issuer, and for nobody else."""
    if (issuer is None) != (signing_key is None):
        raise ValueError("give issuer and signing_key together")


class AwsCredentials(Section):
    """A role of AWS for each run, assumed as whoever `environment_variables` say, or by a token."""

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
    token_file: AbsolutePath | None = Field(
        default=None,
        description="A file with a token that somebody else keeps fresh, by which the role is assumed (web identity); or "
        "give issuer and signing_key. Then no key is needed.",
        examples=["/var/run/secrets/aws/token"],
    )
    issuer: _Issuer | None = Field(
        default=None,
        description="Where the files are published that `envmgr config issuer` writes: an identity provider of the account.",
        examples=["https://issuer.example.com/envmgr"],
    )
    signing_key: SecretValue | None = Field(
        default=None,
        repr=False,
        description="The RSA key (PEM) that signs the tokens: `openssl genrsa 3072`.",
        examples=[{"file": "/etc/envmgr/issuer.pem"}],
    )
    subject: _Subject = Field(
        default="envmgr:{organization}/{repository}/{environment}",
        description="Whom a token is for, as the role's trust policy names it.",
        examples=["envmgr:{organization}/{repository}/{environment}"],
    )

    @model_validator(mode="after")
    def _check_token(self) -> Self:
        _check_pair(self.issuer, self.signing_key)
        if self.token_file is not None and self.issuer is not None:
            raise ValueError("give either token_file, or issuer and signing_key")
        return self


class AzureCredentials(Section):
    """An application of Microsoft Entra ID that trusts a token for each run, in place of a secret."""

    tenant_id: Text = Field(description="The directory.", examples=["00000000-0000-0000-0000-000000000000"])
    client_id: Text = Field(
        description="The application, or managed identity, with the federated credential.",
        examples=["00000000-0000-0000-0000-000000000000"],
    )
    federated: Literal[True] = Field(
        default=True, description="It is by a federated credential.", examples=[True]
    )
    token_file: AbsolutePath | None = Field(
        default=None,
        description="A file with a token that somebody else keeps fresh; or give issuer and signing_key.",
        examples=["/var/run/secrets/azure/tokens/azure-identity-token"],
    )
    issuer: _Issuer | None = Field(
        default=None,
        description="Where the files are published that `envmgr config issuer` writes.",
        examples=["https://issuer.example.com/envmgr"],
    )
    signing_key: SecretValue | None = Field(
        default=None,
        repr=False,
        description="The RSA key (PEM) that signs the tokens: `openssl genrsa 3072`.",
        examples=[{"file": "/etc/envmgr/issuer.pem"}],
    )
    subject: _Subject = Field(
        default="envmgr:{organization}/{repository}/{environment}",
        description="Whom a token is for, as the federated credential names it.",
        examples=["envmgr:{organization}/{repository}/{environment}"],
    )

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        _check_pair(self.issuer, self.signing_key)
        if (self.token_file is None) == (self.issuer is None):
            raise ValueError("give either token_file, or issuer and signing_key")
        return self


class RunCredentials(Section):
    """Short-lived credentials for each run; what is not given here, runs have from `environment_variables`."""

    aws: AwsCredentials | None = Field(
        default=None,
        description="A role of AWS for each run.",
        examples=[{"role_arn": "arn:aws:iam::123456789012:role/envmgr-{environment}"}],
    )
    azure: AzureCredentials | None = Field(
        default=None,
        description="A token for each run, which an application of Azure's trusts.",
        examples=[
            {
                "tenant_id": "…",
                "client_id": "…",
                "token_file": "/var/run/secrets/azure/tokens/azure-identity-token",
            }
        ],
    )
    container_signature: Annotated[Period, AfterValidator(_signature)] | None = Field(
        default=None,
        description="How long a signature (SAS) for the container of the azurerm backend is good, which each run gets in "
        "the place of ARM_ACCESS_KEY; longer than the longest run, as it is not renewed.",
        examples=["3h"],
    )

    @property
    def signing(self) -> tuple[str, SecretValue] | None:
        """The issuer of tokens that envmgr signs itself, and the key; Azure's where both clouds have one."""
        for section in (self.azure, self.aws):
            if section is not None and section.issuer is not None and section.signing_key is not None:
                return section.issuer, section.signing_key
        return None
