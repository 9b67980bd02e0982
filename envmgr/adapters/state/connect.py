"""From a backend block of an organization file to the state store."""

from collections.abc import Mapping

from envmgr.domain.errors import UsageError
from envmgr.ports import StateStore


def open_state_store(kind: str, settings: Mapping[str, object], environment: Mapping[str, str]) -> StateStore:
    """The store behind a Terraform backend of a kind (`local`, `azurerm`, `s3`); nothing is asked of it yet.

    `settings` are Terraform's own backend keys without `key`; `environment` is the organization's, the only source
    of credentials. Each kind's library is imported only where it is used.
    """
    if kind == "local":
        from envmgr.adapters.state.local import LocalStateStore

        return LocalStateStore(settings, environment)
    if kind == "azurerm":
        from envmgr.adapters.state.azure_blob import AzureBlobStateStore

        return AzureBlobStateStore(settings, environment)
    if kind == "s3":
        from envmgr.adapters.state.s3 import S3StateStore

        return S3StateStore(settings, environment)
    raise UsageError(f"The backend {kind} is not one that envmgr knows: use local, azurerm or s3.")
