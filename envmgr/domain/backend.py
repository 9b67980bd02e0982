"""An organization's Terraform backend: its type and settings, and where one environment's state is in it."""

from collections.abc import Mapping

Backend = tuple[str, Mapping[str, object]]
"""The backend's type (`local`, `azurerm`, `s3`) and Terraform's own settings for it, without `key`."""


def with_key(backend: Backend, key: str) -> tuple[str, dict[str, object]]:
    """The backend block of one environment: for `local` the file below the folder `path`."""
    kind, settings = backend
    if kind == "local":
        return kind, {**settings, "path": f"{settings['path']}/{key}"}
    return kind, {**settings, "key": key}
