"""What a plan must satisfy before it is applied: names and tags, and that it takes in only what is its own.

Each gate returns the sentences of what is wrong; an empty list lets the plan through. In doubt a plan
is refused; tags known only after the apply pass where the code makes them of `var.tags`, and are looked at then.
"""

from collections.abc import Mapping

from envmgr.domain.documents.plan import Plan, ResourceChange
from envmgr.domain.documents.state import State, known_tags, resource_type, without_index_keys
from envmgr.domain.values.names import EnvironmentId, is_name
from envmgr.domain.values.tags import MANAGED_BY, identity

GROUPS = ("azurerm_resource_group", "aws_resourcegroups_group")
_TAGGED = ("azurerm_", "aws_")


def check_apply(
    plan: Plan, environment: EnvironmentId, tags: Mapping[str, str], *, imports: bool = False
) -> list[str]:
    """What is wrong with a plan that creates or changes: groups' names, tags, and resources that are not its own.

    With `imports` a person allows what carries no environment's tags; what is another environment's stays refused.
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
        if "forget" in resource.actions:
            findings.append(
                f"{resource.address} would be left behind, and known to nobody: what was applied has `destroy = false` in its "
                "lifecycle. Apply a commit without that, and destroy again."
            )
        elif not set(resource.actions) <= {"delete", "no-op"}:
            findings.append(
                f"{resource.address}: a destroy may only delete, but this plans {' and '.join(resource.actions)}."
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


def check_applied(plan: Plan, state: State | None, tags: Mapping[str, str]) -> list[str]:
    """What is wrong with the tags that the plan could not show, now that it was applied and the state shows them."""
    findings: list[str] = []
    found = state.tags if state is not None else {}
    for resource in plan.resources:
        if resource.stays and _shows_tags_late(resource) and resource.takes_tags:
            place = without_index_keys(resource.address)
            made = {at: of for at, of in found.items() if without_index_keys(at) == place}
            for address, of in (made or {resource.address: {}}).items():
                findings += _lacking(address, resource.type, of, tags)
    return list(dict.fromkeys(findings))


def check_made(state: State | None, tags: Mapping[str, str]) -> list[str]:
    """What in a state lacks its tags, where nobody has the plan any more that could say which of them to look at."""
    found = state.tags if state is not None else {}
    taggable = ((address, of) for address, of in found.items() if resource_type(address).startswith(_TAGGED))
    return [each for address, of in taggable for each in _lacking(address, resource_type(address), of, tags)]


def shows_tags_late(plan: Plan) -> bool:
    """Whether some tags are known only after the apply: then `check_applied` has something to look at."""
    return any(resource.stays and _shows_tags_late(resource) for resource in plan.resources)


def _check_tags(resource: ResourceChange, tags: Mapping[str, str]) -> list[str]:
    if not _is_taggable(resource):
        return []
    if not _shows_tags_late(resource):
        return _lacking(resource.address, resource.type, planned_tags(resource) or {}, tags)
    if resource.takes_tags:  # looked at once more after the apply
        return []
    return [
        f"{resource.address}: its tags are only known after the apply; set them from var.tags, "
        "in the resource itself or by a module's input (not by a local): `tags = merge(var.tags, {…})`."
    ]


def _lacking(address: str, kind: str, found: Mapping[str, str], tags: Mapping[str, str]) -> list[str]:
    wanted = tags if kind in GROUPS else {"environment": tags["environment"]}
    wrong = [key for key, value in wanted.items() if found.get(key) != value]
    if not wrong:
        return []
    listed = ", ".join(f"{key} = {wanted[key]!r}" for key in wrong)
    return [f"{address} lacks the tags {listed}; add `tags = var.tags`."]


def _shows_tags_late(resource: ResourceChange) -> bool:
    return _is_taggable(resource) and planned_tags(resource) is None


def _is_taggable(resource: ResourceChange) -> bool:
    known = resource.after or {}
    return resource.type.startswith(_TAGGED) and any(
        name in known or name in resource.unknown for name in ("tags", "tags_all")
    )


def planned_tags(resource: ResourceChange) -> dict[str, str] | None:
    """The tags a resource will have, `tags_all` (with provider defaults) first; None if not known."""
    found = known_tags(resource.after or {})
    if found is not None:
        return found
    unknown = any(resource.unknown.get(name) is True for name in ("tags_all", "tags"))
    return None if unknown else {}


def _check_not_anothers(
    resource: ResourceChange, environment: EnvironmentId, tags: Mapping[str, str]
) -> list[str]:
    """Whatever is done to it, a resource in the plan is deleted with the environment; only forgetting leaves it."""
    found = _tags_before(resource)
    if set(resource.actions) == {"forget"} or found.get("managed-by") is None:
        return []
    if found["managed-by"] != MANAGED_BY and not (resource.imported or resource.deletes):
        return []  # of what was taken over into this state another tool's tags give way to ours
    other = {k: v for k, v in identity(tags).items() if k in found and found[k] != v}
    if not is_name(str(found.get("environment", ""))):
        # No environment can have that name: the branch's own code has it wrong.
        other.pop("environment", None)
    if not other:
        return []
    listed = ", ".join(f"{key} = {found[key]!r}" for key in other)
    way_out = (
        ""
        if resource.deletes
        else "; to leave it out, remove its import, or `removed` with `destroy = false`"
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
        f"the environment. Remove its import block; if it belongs here, a person allows that with `envmgr apply {environment} --allow-import`."
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
