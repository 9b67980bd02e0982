"""What a plan of just what was applied says about drift."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from envmgr.domain.documents.plan import Plan, ResourceChange
from envmgr.domain.values.digest import digest
from envmgr.domain.values.drift import Difference


def differences(plan: Plan, ignore: Iterable[str] = ()) -> tuple[Difference, ...]:
    """What a plan of just what was applied would change, without what is to be ignored."""
    patterns = tuple(ignore)
    found = (_difference(change, patterns) for change in plan.resources)
    return tuple(difference for difference in found if difference is not None)


def _difference(change: ResourceChange, ignore: tuple[str, ...]) -> Difference | None:
    actions = set(change.actions) - {"no-op", "read"}
    if not actions:
        return None
    action = "replace" if {"create", "delete"} <= actions else next(iter(sorted(actions)))
    attributes = _attributes(change) if change.before is not None and change.after is not None else {}
    kept = {name: how for name, how in attributes.items() if not _is_ignored(change.address, name, ignore)}
    if (attributes and not kept) or _is_ignored(change.address, "*", ignore):
        return None
    return Difference(address=change.address, action=action, attributes=kept)


def _attributes(change: ResourceChange) -> dict[str, str]:
    before, after = change.before or {}, change.after or {}
    names = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    unknown = {name for name, value in change.unknown.items() if value}
    return {
        # Not the values, which may be secrets: all that is asked later is whether the same differs in the
        # same way.
        name: "sensitive" if name in change.sensitive else digest([before.get(name), after.get(name)])
        for name in names | unknown
    }


def _is_ignored(address: str, name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(f"{address}.{name}", _literal_brackets(pattern)) for pattern in patterns)


def _literal_brackets(pattern: str) -> str:
    """An index such as `[0]` means itself, not a set of characters."""
    return pattern.replace("[", "[[]")
