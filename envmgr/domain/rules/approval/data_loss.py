"""What a plan would take away that cannot be made again."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from envmgr.domain.values.names import first, matches_any


def data_loss(document: Mapping[str, Any], types: Sequence[str]) -> str:
    """The sentence for a plan (as `terraform show -json` words it) that deletes or replaces what has data; empty where none does."""
    found = list(_lost(document, types))
    return f"It would take away what has data: {first(found, 3, ', ', ' and {} more')}." if found else ""


def _lost(document: Mapping[str, Any], types: Sequence[str]) -> Iterator[str]:
    for item in document.get("resource_changes") or ():
        actions = (item.get("change") or {}).get("actions") or ()
        if item.get("mode") == "managed" and "delete" in actions and matches_any(item["type"], tuple(types)):
            yield f"{item['address']} ({'replaced' if 'create' in actions else 'deleted'})"
