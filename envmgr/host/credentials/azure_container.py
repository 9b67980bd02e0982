"""A container of Azure Blob Storage, opened with an organization's credentials."""

from typing import Any

from azure.storage.blob import ContainerClient, LinearRetry

from .azure import AzureAccount
from .network import RETRIES

_API = "2024-01-01"


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
