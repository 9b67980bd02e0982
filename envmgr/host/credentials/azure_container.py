"""A container of Azure Blob Storage, opened with an organization's credentials."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from azure.storage.blob import (
    ContainerClient,
    ContainerSasPermissions,
    LinearRetry,
    generate_container_sas,
)

from envmgr.domain.errors import NeedsPerson
from envmgr.domain.rules.sign_in import AZURE_STATE
from envmgr.domain.values.cage import Credentials

from .azure import AzureAccount
from .issued import Issued
from .network import RETRIES

_API = "2024-01-01"
_KEY, _SIGNATURE = AZURE_STATE
_ALL_BUT_DELETE = ContainerSasPermissions(read=True, list=True, write=True, create=True)
"""All uses need it: a lock is a lease, which is written, and `init` locks and writes an empty state where there is none."""
_CLOCKS_DIFFER = timedelta(minutes=5)


def container_client(
    azure: AzureAccount, host: str, name: str, credential: Any, **sizes: int
) -> ContainerClient:
    """The client of a container on a storage account's host; no request is made yet."""
    options: dict[str, Any] = {**azure.connection(host), **sizes}
    return ContainerClient(
        f"https://{host}",
        name,
        credential=credential,
        retry_policy=LinearRetry(backoff=1, retry_total=RETRIES, random_jitter_range=1),
        **options,
    )


def shared_key(account: str, key: str) -> dict[str, str]:
    """A storage account's own key as a credential."""
    return {"account_name": account, "account_key": key}


def listed_key(azure: AzureAccount, path: str) -> str:
    """A storage account's first key, from Azure's control plane; `path` is the account's below `resourceGroups/`."""
    keys = azure.control_plane("POST", f"resourceGroups/{path}/listKeys", _API)["keys"]
    return str(keys[0]["value"])


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSignature:
    """Lets a run into the container of its state alone, in the place of the storage account's key.

    Terraform reads it once: so it is not renewed, and has to be good for the longest run.
    """

    use: Credentials
    lasts: timedelta
    token: str = field(repr=False)

    @classmethod
    def by_key(
        cls, given: Mapping[str, str], settings: Mapping[str, object], use: Credentials, lasts: timedelta
    ) -> Self:
        """Signed by the key in an organization's variables, for the container of a backend; NeedsPerson without a key."""
        if not given.get(_KEY):
            raise NeedsPerson(
                f"credentials.container_signature needs the storage account's key: give {_KEY} in environment_variables."
            )
        now = datetime.now(UTC)
        token = generate_container_sas(
            account_name=str(settings["storage_account_name"]),
            container_name=str(settings["container_name"]),
            account_key=given[_KEY],
            permission=_ALL_BUT_DELETE,
            start=now - _CLOCKS_DIFFER,
            expiry=now + lasts,
            protocol="https",
        )
        return cls(use=use, lasts=lasts, token=token)

    def issue(self, folder: Path) -> Issued:
        """See `Issuer`."""
        return Issued(files={}, secrets=(self.token,), lasts=self.lasts)

    def environment(self, given: Mapping[str, str], folder: Path) -> Mapping[str, str]:
        """See `Issuer`."""
        kept = {name: value for name, value in given.items() if name not in AZURE_STATE}
        return (
            kept if self.use in (Credentials.DEPLOY, Credentials.NONE) else {**kept, _SIGNATURE: self.token}
        )
