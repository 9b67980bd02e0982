"""Where Terraform state is kept: one of Terraform's own backends, with its own keys."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, Self, get_args

from pydantic import ConfigDict, Field, model_validator

from .secrets import password_in
from .section import Section
from .values import AbsolutePath, JsonValue, Text

BackendType = Literal["local", "azurerm", "s3"]

_CREDENTIALS = {
    "access_key": "ARM_ACCESS_KEY or AWS_ACCESS_KEY_ID",
    "secret_key": "AWS_SECRET_ACCESS_KEY",
    "token": "AWS_SESSION_TOKEN",
    "sse_customer_key": "AWS_SSE_CUSTOMER_KEY",
    "web_identity_token": "AWS_WEB_IDENTITY_TOKEN_FILE",
    "sas_token": "ARM_SAS_TOKEN",
    "client_secret": "ARM_CLIENT_SECRET",
    "client_certificate": "ARM_CLIENT_CERTIFICATE_PATH",
    "client_certificate_password": "ARM_CLIENT_CERTIFICATE_PASSWORD",
    "oidc_token": "ARM_OIDC_TOKEN",
    "oidc_request_token": "ARM_OIDC_REQUEST_TOKEN",
    "password": "a variable",
}
_OWN = {
    "key": "envmgr sets it for each environment; remove it",
    "workspace_key_prefix": "envmgr uses no workspaces; remove it",
}


def _settings(value: object) -> Iterator[tuple[str, object]]:
    """All keys of a setting with their values, at any depth."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key), inner
            yield from _settings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _settings(inner)


class RemoteBackend(Section):
    """A backend that takes Terraform's own keys as they are, but no credentials."""

    model_config = ConfigDict(
        extra="allow", json_schema_extra={"propertyNames": {"not": {"enum": [*_OWN, *_CREDENTIALS]}}}
    )
    __pydantic_extra__: dict[str, JsonValue]

    @model_validator(mode="before")
    @classmethod
    def _refuse_credentials(cls, settings: Any) -> Any:
        if isinstance(settings, Mapping):
            for key in _OWN.keys() & settings.keys():
                raise ValueError(f"{key} is not for you to set: {_OWN[key]}")
        for key, value in _settings(settings):
            if key in _CREDENTIALS:
                raise ValueError(
                    f"credentials belong in environment_variables: remove {key} and give {_CREDENTIALS[key]} there"
                )
            if isinstance(value, str) and password_in(value):
                raise ValueError(f"credentials belong in environment_variables: {key} holds a password")
        return settings


class LocalBackend(Section):
    """State in a folder of this machine."""

    path: AbsolutePath | None = Field(
        default=None,
        description="The folder for state files; without it `state` in envmgr's data folder.",
        examples=["/srv/envmgr/state"],
    )


class AzurermBackend(RemoteBackend):
    """State in Azure Blob Storage."""

    storage_account_name: Text = Field(description="The storage account.", examples=["acmetfstate"])
    container_name: Text = Field(
        description="The blob container; created where it is absent.", examples=["tfstate"]
    )


class S3Backend(RemoteBackend):
    """State in an S3 bucket, or in what speaks S3."""

    bucket: Text = Field(description="The bucket; created where it is absent.", examples=["acme-tfstate"])
    region: Text | None = Field(
        default=None,
        description="The bucket's region; without it AWS_REGION of environment_variables.",
        examples=["eu-west-1"],
    )
    use_lockfile: bool = Field(
        default=True,
        strict=True,
        description="Lock state by a file in the bucket; false only where a DynamoDB table does it.",
        examples=[True],
    )


class Backend(Section):
    """Exactly one backend."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    local: LocalBackend | None = Field(
        default=None,
        description="State in a folder of this machine.",
        examples=[{"path": "/srv/envmgr/state"}],
    )
    azurerm: AzurermBackend | None = Field(
        default=None,
        description="State in Azure Blob Storage; all keys of Terraform's azurerm backend but `key` and credentials.",
        examples=[{"storage_account_name": "acmetfstate", "container_name": "tfstate"}],
    )
    s3: S3Backend | None = Field(
        default=None,
        description="State in S3; all keys of Terraform's s3 backend but `key` and credentials.",
        examples=[{"bucket": "acme-tfstate", "region": "eu-west-1", "use_lockfile": True}],
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_empty_local(cls, value: Any) -> Any:
        """`local:` with nothing behind it means its defaults."""
        if isinstance(value, Mapping) and "local" in value and value["local"] is None:
            return {**value, "local": {}}
        return value

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if sum(getattr(self, kind) is not None for kind in get_args(BackendType)) != 1:
            raise ValueError("give exactly one of local, azurerm and s3")
        return self

    @property
    def type(self) -> BackendType:
        """Terraform's name of the backend."""
        if self.local is not None:
            return "local"
        return "azurerm" if self.azurerm is not None else "s3"

    @property
    def settings(self) -> dict[str, Any]:
        """Terraform's own keys, without `key`; for local at most `path`."""
        chosen: Section = getattr(self, self.type)
        return chosen.model_dump(exclude_none=True)
