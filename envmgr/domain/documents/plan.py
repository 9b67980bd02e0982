"""A Terraform plan as far as envmgr needs it, parsed from `terraform show -json`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from envmgr.domain.values.environment import Changes

from .state import without_index_keys
from .tag_sources import tagged_by_variable


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceChange:
    """What a plan does to one managed resource.

    `actions` are Terraform's own (`no-op`, `create`, `update`, `delete`; two for a replacement).
    `before` and `after` are attribute maps (None where it does not exist then); `unknown` marks the
    attributes of `after` that are only known after the apply, `sensitive` names those that hold a secret.
    `imported` is what the state does not hold yet, though it is there already.
    `takes_tags` says that the code makes its tags of `var.tags`, whatever it adds to them.
    """

    address: str
    type: str
    actions: tuple[str, ...]
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    unknown: Mapping[str, Any]
    sensitive: frozenset[str] = frozenset()
    imported: bool = False
    takes_tags: bool = False

    @property
    def deletes(self) -> bool:
        """Whether the resource, as it is now, goes away (replacements included)."""
        return "delete" in self.actions

    @property
    def stays(self) -> bool:
        """Whether there is such a resource after the apply."""
        return self.after is not None or "create" in self.actions


@dataclass(frozen=True, slots=True)
class Plan:
    """The managed resources' changes of one plan, and whether anything changes at all."""

    resources: tuple[ResourceChange, ...]
    output_changes: bool = False

    @property
    def changes(self) -> Changes:
        """Counts as Terraform's summary gives them: a replacement is one add and one destroy."""
        actions = [set(resource.actions) for resource in self.resources]
        return Changes(
            add=sum("create" in a for a in actions),
            change=sum("update" in a for a in actions),
            destroy=sum("delete" in a for a in actions),
        )

    @property
    def actions(self) -> Iterable[tuple[str, str]]:
        """What is done with which resource, of those that do not stay as they are: `("delete/create", "aws_instance.web")`."""
        for resource in self.resources:
            if set(resource.actions) - {"no-op", "read"}:
                yield "/".join(resource.actions), resource.address

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Plan":
        """Reads the document that `terraform show -json PLAN` prints (format version 1.x)."""
        changes = document.get("resource_changes") or ()
        outputs = (document.get("output_changes") or {}).values()
        return cls(
            tuple(_resource_changes(changes, tagged_by_variable(document.get("configuration") or {}))),
            any(set(output.get("actions", ())) - {"no-op"} for output in outputs),
        )


def _resource_changes(
    changes: Iterable[Mapping[str, Any]], tagged: frozenset[str]
) -> Iterable[ResourceChange]:
    for item in changes:
        if item.get("mode") == "managed":
            change = item["change"]
            unknown = change.get("after_unknown")
            yield ResourceChange(
                address=item["address"],
                type=item["type"],
                actions=tuple(change["actions"]),
                before=change.get("before"),
                after=change.get("after"),
                unknown=unknown if isinstance(unknown, Mapping) else {},
                sensitive=_marked(change.get("before_sensitive")) | _marked(change.get("after_sensitive")),
                imported=change.get("importing") is not None,
                takes_tags=without_index_keys(item["address"]) in tagged,
            )


def _marked(marks: object) -> frozenset[str]:
    """The attributes that hold something marked, at whatever depth."""
    return (
        frozenset(name for name, mark in marks.items() if mark) if isinstance(marks, Mapping) else frozenset()
    )
