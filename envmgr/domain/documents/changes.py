"""What a plan would do, as one value: two plans with the same one do the same.

It is of what Terraform says of the changes, not of the plan's file, which is another each time. Sensitive values count as
well as any other, and nothing of them can be found out: the digest is keyed with a secret.
"""

import hmac
import json
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any

_NOTHING = ["no-op"]
_OF_CHANGE = (
    "actions", "before", "after", "after_unknown", "before_sensitive", "after_sensitive", "replace_paths", "importing",
)  # fmt: skip
_OF_RESOURCE = ("address", "previous_address", "deposed", "mode", "type", "provider_name", "action_reason")


def changes_digest(document: Mapping[str, Any], key: bytes, *more: str) -> str:
    """The digest of what a plan would do (as `terraform show -json` words it), and of what else counts (`more`)."""
    changes = {
        "resources": list(_resources(document.get("resource_changes") or ())),
        "outputs": {
            name: {part: change.get(part) for part in _OF_CHANGE}
            for name, change in sorted((document.get("output_changes") or {}).items())
            if change.get("actions") != _NOTHING
        },
        "more": more,
    }
    text = json.dumps(changes, sort_keys=True, separators=(",", ":"))
    return hmac.new(key, b"envmgr-changes/1\0" + text.encode("utf-8", "surrogatepass"), sha256).hexdigest()


def _resources(items: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    def address(item: Mapping[str, Any]) -> tuple[str, str]:
        return str(item.get("address")), str(item.get("deposed", ""))

    for item in sorted(items, key=address):
        change = item.get("change") or {}
        is_moved = item.get("previous_address") is not None or change.get("importing") is not None
        if change.get("actions") != _NOTHING or is_moved:
            yield {
                **{part: item.get(part) for part in _OF_RESOURCE},
                **{part: change.get(part) for part in _OF_CHANGE},
            }


def sensitive_texts(document: Mapping[str, Any]) -> Iterator[str]:
    """The values that a plan marks as sensitive, to be hidden in what is said of it."""
    outputs = (document.get("output_changes") or {}).values()
    changes = [item.get("change") or {} for item in document.get("resource_changes") or ()]
    for change in (*changes, *outputs):
        for side in ("before", "after"):
            yield from _marked(change.get(side), change.get(f"{side}_sensitive"))


def _marked(value: Any, mark: Any) -> Iterator[str]:
    if mark is True:
        yield from _texts(value)
    elif isinstance(mark, Mapping) and isinstance(value, Mapping):
        for name, below in mark.items():
            yield from _marked(value.get(name), below)
    elif isinstance(mark, list) and isinstance(value, list):
        for each, below in zip(value, mark, strict=False):
            yield from _marked(each, below)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
