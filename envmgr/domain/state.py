"""What a Terraform state holds, as far as envmgr reads it itself."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .environment import Output
from .errors import NeedsPerson


@dataclass(frozen=True, slots=True)
class State:
    """A state object: its lineage and serial, the managed resources' addresses, and the outputs.

    `outputs` carries sensitive values too: it is never stored or logged.
    """

    lineage: str
    serial: int
    resources: tuple[str, ...]
    outputs: Mapping[str, Output]

    @classmethod
    def from_bytes(cls, text: bytes, where: str) -> "State":
        """Parses a state file of version 4; raises NeedsPerson naming `where` if it is not one."""
        try:
            document = json.loads(text)
            return cls(
                lineage=document["lineage"],
                serial=int(document["serial"]),
                resources=tuple(_addresses(document.get("resources") or ())),
                outputs={
                    name: Output(entry.get("value"), bool(entry.get("sensitive")))
                    for name, entry in (document.get("outputs") or {}).items()
                },
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise NeedsPerson(
                f"The state at {where} is not a Terraform state: restore it from a copy."
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
        """Reads Terraform's lock info; what cannot be read gives a lock without an ID."""
        try:
            document = json.loads(text)
            created = document.get("Created")
            return cls(
                id=str(document.get("ID", "")),
                operation=str(document.get("Operation", "")),
                who=str(document.get("Who", "")),
                created=datetime.fromisoformat(created) if created else None,
            )
        except (ValueError, AttributeError):
            return cls("")

    def __str__(self) -> str:
        since = f" since {self.created:%Y-%m-%d %H:%M:%S} UTC" if self.created else ""
        holder = self.who or "someone who left no name"
        return f"{holder}{since} ({self.operation or 'operation unknown'}, lock {self.id or 'without ID'})"


def _addresses(resources: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for resource in resources:
        if resource.get("mode") != "managed":
            continue
        module = f"{resource['module']}." if resource.get("module") else ""
        for instance in resource.get("instances") or ():
            key = instance.get("index_key")
            index = "" if key is None else f"[{json.dumps(key)}]"
            yield f"{module}{resource['type']}.{resource['name']}{index}"
