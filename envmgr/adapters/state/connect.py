"""From a backend block of an organization file to the state store, and to one environment's backend settings."""

from collections.abc import Mapping
from pathlib import PurePosixPath

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


def settings_with_key(
    kind: str, settings: Mapping[str, object], state_key: str
) -> tuple[str, dict[str, object]]:
    """The backend of one environment for Terraform: its type, and the settings with the state's place in them."""
    if kind == "local":
        others = {name: value for name, value in settings.items() if name != "path"}
        return kind, {**others, "path": str(PurePosixPath(str(settings["path"])) / state_key)}
    return kind, {**settings, "key": state_key}
