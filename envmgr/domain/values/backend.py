"""An organization's Terraform backend: its type and settings, and where one environment's state is in it."""

from collections.abc import Mapping
from typing import NamedTuple

Backend = tuple[str, Mapping[str, object]]
"""The backend's type (`local`, `azurerm`, `s3`) and Terraform's own settings for it, without `key`."""


def with_key(backend: Backend, key: str) -> tuple[str, dict[str, object]]:
    """The backend block of one environment: for `local` the file below the folder `path`."""
    kind, settings = backend
    if kind == "local":
        return kind, {**settings, "path": f"{settings['path']}/{key}"}
    return kind, {**settings, "key": key}


class Beside(NamedTuple):
    """What lies beside the file of a local state, each by its name: of a write that is under way, the `unfinished`."""

    backup: str
    lock_note: str
    torn: str
    unfinished: str


def beside(state: str) -> Beside:
    """What lies beside the file of a local state that has this name."""
    return Beside(f"{state}.backup", f".{state}.lock.info", f"{state}.torn", f".{state}.unfinished")


_PLACE = {
    "local": ("path",),
    "azurerm": ("storage_account_name", "container_name", "environment", "metadata_host", "endpoint"),
    "s3": ("bucket", "endpoint", "endpoints"),
}
"""The settings that say where a backend is; all others say how it is spoken to."""


def is_same(one: Backend, other: Backend) -> bool:
    """Whether two backends are the same in every setting."""
    return one[0] == other[0] and dict(one[1]) == dict(other[1])


def is_same_place(one: Backend, other: Backend) -> bool:
    """Whether two backends keep a state in the same place, by what their settings say."""
    return one[0] == other[0] and all(one[1].get(name) == other[1].get(name) for name in _PLACE[one[0]])


def place(backend: Backend) -> str:
    """Where a backend is, for a sentence: `the S3 bucket acme-tfstate`."""
    kind, settings = backend
    if kind == "local":
        return f"the folder {settings.get('path')}"
    if kind == "azurerm":
        return f"the container {settings.get('container_name')} in storage account {settings.get('storage_account_name')}"
    return f"the S3 bucket {settings.get('bucket')}"


def changed(before: Backend, now: Backend) -> str:
    """What another backend names, for a sentence: its place, or the settings that differ where that is the same."""
    if before[0] != now[0] or place(before) != place(now):
        return place(now)
    names = sorted(name for name in {*before[1], *now[1]} if before[1].get(name) != now[1].get(name))
    return f"that with another {' and '.join(names)}"
