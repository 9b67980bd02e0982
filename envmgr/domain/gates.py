"""What a plan must satisfy before it is applied: names and tags, and that it takes in only what is its own.

Each gate returns the sentences of what is wrong; an empty list lets the plan through. In doubt (a
tag known only after the apply) a plan is refused.
"""

from collections.abc import Mapping

from .names import EnvironmentId
from .plan import Plan, ResourceChange
from .tags import identity

GROUPS = ("azurerm_resource_group", "aws_resourcegroups_group")
_TAGGED = ("azurerm_", "aws_")


def check_apply(
    plan: Plan, environment: EnvironmentId, tags: Mapping[str, str], *, imports: bool = False
) -> list[str]:
    """What is wrong with a plan that creates or changes: groups' names, tags, and resources that are not its own.

    With `imports` a person lets in what carries nobody's tags; what is another environment's stays refused.
    """
    findings: list[str] = []
    for resource in plan.resources:
        findings += _check_not_anothers(resource, environment, tags) or _check_import(
            resource, environment, tags, imports=imports
        )
        if resource.stays:
            findings += _check_name(resource, environment)
            findings += _check_tags(resource, tags)
    return findings


def check_destroy(plan: Plan, environment: EnvironmentId, tags: Mapping[str, str]) -> list[str]:
    """What is wrong with a destroy plan: it may only delete, and only what is not another's."""
    findings: list[str] = []
    for resource in plan.resources:
        if not set(resource.actions) <= {"delete", "no-op"}:
            findings.append(
                f"{resource.address}: a destroy may only delete, this plans {' and '.join(resource.actions)}."
            )
        findings += _check_not_anothers(resource, environment, tags)
    return findings


def _check_name(resource: ResourceChange, environment: EnvironmentId) -> list[str]:
    if resource.type not in GROUPS:
        return []
    name = (resource.after or {}).get("name")
    if isinstance(name, str) and environment.name in name.lower():
        return []
    shown = repr(name) if isinstance(name, str) else "not known before the apply"
    return [
        f"{resource.address}: its name ({shown}) does not carry the environment's name {environment.name!r}; "
        "use var.environment in it."
    ]


def _check_tags(resource: ResourceChange, tags: Mapping[str, str]) -> list[str]:
    if not resource.type.startswith(_TAGGED) or not _is_taggable(resource):
        return []
    wanted = tags if resource.type in GROUPS else {"environment": tags["environment"]}
    found = planned_tags(resource)
    if found is None:
        return [f"{resource.address}: its tags are only known after the apply; set them from var.tags."]
    wrong = [key for key, value in wanted.items() if found.get(key) != value]
    if not wrong:
        return []
    listed = ", ".join(f"{key} = {wanted[key]!r}" for key in wrong)
    return [f"{resource.address} lacks the tags {listed}; add `tags = var.tags`."]


def _is_taggable(resource: ResourceChange) -> bool:
    known = resource.after or {}
    return any(name in known or name in resource.unknown for name in ("tags", "tags_all"))


def planned_tags(resource: ResourceChange) -> dict[str, str] | None:
    """The tags a resource will have, `tags_all` (with provider defaults) first; None if not known."""
    after = resource.after or {}
    for name in ("tags_all", "tags"):
        value = after.get(name)
        if isinstance(value, Mapping):
            return {str(k): str(v) for k, v in value.items() if v is not None}
    unknown = any(resource.unknown.get(name) is True for name in ("tags_all", "tags"))
    return None if unknown else {}


def _check_not_anothers(
    resource: ResourceChange, environment: EnvironmentId, tags: Mapping[str, str]
) -> list[str]:
    """Whatever is done to it, a resource in the plan is deleted with the environment; only forgetting leaves it."""
    found = _tags_before(resource)
    if set(resource.actions) == {"forget"} or found.get("managed-by") is None:
        return []
    other = {k: v for k, v in identity(tags).items() if k in found and found[k] != v}
    if not other:
        return []
    listed = ", ".join(f"{key} = {found[key]!r}" for key in other)
    way_out = (
        "" if resource.deletes else "; take it out: remove its import, or `removed` with `destroy = false`"
    )
    return [
        f"{resource.address} carries tags of another environment ({listed}), not of {environment}{way_out}."
    ]


def _check_import(
    resource: ResourceChange, environment: EnvironmentId, tags: Mapping[str, str], *, imports: bool
) -> list[str]:
    """An import makes a resource one that the environment's end deletes; who wrote it need not own it."""
    if not resource.imported or imports:
        return []
    found, wanted = _tags_before(resource), identity(tags)
    is_siblings = found.get("application", tags.get("application")) != tags.get("application")
    if all(found.get(key) == value for key, value in wanted.items()) and not is_siblings:
        return []
    return [
        f"{resource.address} is to be imported, but does not carry the tags of {environment}: it would be deleted with "
        f"the environment. Remove its import block; if it belongs here, a person lets it in by "
        f"`envmgr apply {environment} --allow-import`."
    ]


def _tags_before(resource: ResourceChange) -> Mapping[str, object]:
    """The tags that a resource has, as a map or (`aws_autoscaling_group`) as blocks of key and value."""
    before = resource.before or {}
    for name in ("tags_all", "tags", "tag"):
        value = before.get(name)
        if value and isinstance(value, Mapping):
            return value
        if value and isinstance(value, list):
            return {str(t.get("key")): t.get("value") for t in value if isinstance(t, Mapping)}
    return {}
