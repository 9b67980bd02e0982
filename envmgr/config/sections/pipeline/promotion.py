"""Named environments among each other and beside branches: no two of them may get the same commit by the same name."""

from collections.abc import Iterable, Mapping, Sequence

from envmgr.config.sections.watching import common_branch
from envmgr.domain.values.names import matches_any

from .environments import NamedEnvironment


def checked(environments: Sequence[NamedEnvironment], patterns: tuple[str, ...]) -> None:
    """Raises ValueError with a sentence where named environments contradict each other, or the patterns of branches."""
    by_name: dict[str, NamedEnvironment] = {}
    for each in environments:
        if each.name in by_name:
            raise ValueError(f"there are two environments {each.name}; rename one")
        by_name[each.name] = each
    for each in environments:
        _check_after(each, by_name)
        if each.branch is not None and matches_any(each.branch, patterns):
            raise ValueError(
                f"branch {each.branch} of environment {each.name} would get a second one by `branches`; exclude it there "
                f'("!{each.branch}")'
            )
    _check_shared(environments, by_name)


def _check_after(environment: NamedEnvironment, by_name: Mapping[str, NamedEnvironment]) -> None:
    for name in environment.after:
        if name not in by_name:
            known = ", ".join(sorted(by_name.keys() - {environment.name})) or "no other"
            raise ValueError(
                f"environment {environment.name} comes after {name}, which is not there; there is {known}"
            )
    way = _way_to(environment.name, environment.after, by_name)
    if way:
        raise ValueError(f"environments wait for each other: {' after '.join(way)}; take one `after` away")


def _way_to(
    name: str, after: Iterable[str], by_name: Mapping[str, NamedEnvironment], seen: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """The names from an environment by `after` back to itself; empty where there is no such way."""
    for before in after:
        if before == name:
            return (name, *seen, name)
        if before in seen or before not in by_name:
            continue
        if way := _way_to(name, by_name[before].after, by_name, (*seen, before)):
            return way
    return ()


def _check_shared(environments: Sequence[NamedEnvironment], by_name: Mapping[str, NamedEnvironment]) -> None:
    """Two that follow the same have to come one after the other: else a commit comes to both at once."""
    for number, one in enumerate(environments):
        for other in environments[number + 1 :]:
            if not _is_shared(one, other) or _comes_after(one, other, by_name):
                continue
            what = f"branch {one.branch}" if one.branch is not None else f"tags {one.tags} and {other.tags}"
            raise ValueError(
                f"environments {one.name} and {other.name} follow the same ({what}); let one come `after` the other, or "
                "give each its own"
            )


def _is_shared(one: NamedEnvironment, other: NamedEnvironment) -> bool:
    if one.branch is not None or other.branch is not None:
        return one.branch == other.branch
    return common_branch((one.tags or "",), (other.tags or "",)) is not None


def _comes_after(
    one: NamedEnvironment, other: NamedEnvironment, by_name: Mapping[str, NamedEnvironment]
) -> bool:
    return bool(_way_to(other.name, one.after, by_name) or _way_to(one.name, other.after, by_name))
