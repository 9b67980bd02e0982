"""What a Terraform state holds, as far as envmgr reads it itself."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.environment import Output

from .targets import Target, targets_of

_TAGS = ("tags_all", "tags")
LARGEST = 256 * 1024 * 1024
"""Bytes: what envmgr reads into memory as a state. Code of a branch may write to its own, and so a file of any size."""
_VERSION = 4
_ENCRYPTED = "encryption_version"
"""What an encrypted state of OpenTofu has beside its serial and lineage; all else is not to be read."""
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)


@dataclass(frozen=True, slots=True)
class State:
    """A state object: its lineage and serial, the managed resources' addresses, and the outputs.

    `identifiers` are what AWS and Azure call these resources, their ARNs and IDs; `tags` are those of each resource
    that has any. `targets` are those of them that deploy steps can send files to. `outputs` carries sensitive values too: it is never stored or logged.
    """

    lineage: str
    serial: int
    resources: tuple[str, ...]
    outputs: Mapping[str, Output]
    tags: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    identifiers: tuple[str, ...] = ()
    targets: tuple[Target, ...] = ()

    @staticmethod
    def too_large(where: str) -> NeedsPerson:
        """The refusal of one that is larger than what is read."""
        return NeedsPerson(
            f"{where} is larger than {LARGEST // 1024**2} MiB, which no state is: look at what wrote it, and put back "
            "the state that belongs there."
        )

    @classmethod
    def from_bytes(cls, text: bytes, where: str) -> "State":
        """Parses a state file of version 4; raises NeedsPerson naming `where` if it is not one.

        In doubt it raises: a state read as empty would pass for destroyed (an encrypted one of OpenTofu
        has a serial, but neither version nor resources).
        """
        try:
            document = json.loads(text)
            if _ENCRYPTED in document and "version" not in document:
                raise NeedsPerson(
                    f"The state at {where} is encrypted, and envmgr cannot read it: nothing is applied or destroyed there. "
                    "Have OpenTofu write it without encryption (method `unencrypted`, the present one as `fallback`)."
                )
            if document["version"] != _VERSION:
                raise ValueError(document["version"])
            return cls(
                lineage=str(document["lineage"]),
                serial=int(document["serial"]),
                resources=tuple(address for address, _ in _instances(document["resources"])),
                tags={
                    address: known_tags(attributes) or {}
                    for address, instance in _instances(document["resources"])
                    if not (attributes := instance.get("attributes") or {}).keys().isdisjoint(_TAGS)
                },
                outputs={
                    name: Output(entry.get("value"), bool(entry.get("sensitive")))
                    for name, entry in (document.get("outputs") or {}).items()
                },
                identifiers=tuple(sorted(set(_identifiers(document["resources"])))),
                targets=targets_of(document["resources"]),
            )
        except _UNREADABLE as error:
            raise NeedsPerson(
                f"The state at {where} is not a Terraform state that can be read: restore it from a copy."
            ) from error


@dataclass(frozen=True, slots=True)
class LockInfo:
    """Who holds a state lock, as Terraform wrote it. `id` is empty where the holder left no note."""

    id: str
    operation: str = ""
    who: str = ""
    created: datetime | None = None

    @classmethod
    def from_json(cls, text: str | bytes) -> "LockInfo":
        """Reads Terraform's lock info; what cannot be read gives a lock without an ID. Raises nothing."""
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            document = None
        found = document if isinstance(document, dict) else {}
        return cls(
            id=_text(found, "ID"),
            operation=_text(found, "Operation"),
            who=_text(found, "Who"),
            created=_time(_text(found, "Created")),
        )

    def __str__(self) -> str:
        since = f" since {self.created:%Y-%m-%d %H:%M:%S} UTC" if self.created else ""
        holder = self.who or "someone who left no name"
        return f"{holder}{since} ({self.operation or 'operation unknown'}, lock {self.id or 'without ID'})"


def _text(document: Mapping[str, Any], key: str) -> str:
    value = document.get(key)
    return value if isinstance(value, str) else ""


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def known_tags(attributes: Mapping[str, Any]) -> dict[str, str] | None:
    """The tags that a resource's attributes show, `tags_all` (with provider defaults) first; None where they show none."""
    for name in _TAGS:
        value = attributes.get(name)
        if isinstance(value, Mapping):
            return {str(k): str(v) for k, v in value.items() if v is not None}
    return None


def _instances(resources: Iterable[Mapping[str, Any]]) -> Iterable[tuple[str, Mapping[str, Any]]]:
    for resource in resources:
        if resource["mode"] == "data":
            continue
        module = f"{resource['module']}." if resource.get("module") else ""
        for instance in resource.get("instances") or ():
            key = instance.get("index_key")
            index = "" if key is None else f"[{json.dumps(key)}]"
            yield f"{module}{resource['type']}.{resource['name']}{index}", instance


_CLOUDS = ("aws_", "azurerm_", "azapi_")
_LONGEST_IDENTIFIER = 2048  # no ARN and no ID is longer


def _identifiers(resources: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    """The ARN and the ID of each instance of a cloud's resource, where it has one; other providers' may be secret."""
    for resource in resources:
        if resource["mode"] == "data" or not str(resource["type"]).startswith(_CLOUDS):
            continue
        for instance in resource.get("instances") or ():
            attributes = instance.get("attributes") or {}
            for name in ("arn", "id"):
                found = attributes.get(name)
                if isinstance(found, str) and found.isprintable() and 0 < len(found) <= _LONGEST_IDENTIFIER:
                    yield found


def resource_type(address: str) -> str:
    """The type of the resource at an address: `aws_s3_bucket` from `module.site["a.b"].aws_s3_bucket.this[0]`."""
    return without_index_keys(address).split(".")[-2:][0]


def without_index_keys(address: str) -> str:
    """An address without `[…]`, whose quoted keys may hold dots, brackets and escaped quotes."""
    kept, quoted, depth, previous = [], False, 0, ""
    for character in address:
        if character == '"' and depth and previous != "\\":
            quoted = not quoted
        previous = "" if previous == "\\" and character == "\\" else character
        if not quoted and character == "[":
            depth += 1
        elif not quoted and character == "]" and depth:
            depth -= 1
        elif not depth:
            kept.append(character)
    return "".join(kept)
