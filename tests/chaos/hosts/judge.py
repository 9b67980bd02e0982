"""What must never have been, and what must be in the end, whatever was done to the hosts."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Never(StrEnum):
    """What the closing table counts, each of which has to be zero."""

    LOST = "resources lost by envmgr"
    PHANTOM = "resources in a state that do not exist"
    AT_ONCE = "two Terraforms at work on one environment at once, or the lock of a living one broken"
    STALE = "done by a Terraform whose work another had taken over"
    WRONGLY = "destroyed though its branch was there"
    UNSETTLED = "environments that did not end as wanted"
    RUNNING = "runs left running"
    LOCKED = "locks, leases and jobs left"


@dataclass(frozen=True, slots=True)
class Locked:
    """A state that is locked: of which environment, by whose Terraform, and whether a run is known to have had the lock's ID."""

    name: str
    host: str
    is_known: bool


@dataclass(frozen=True, slots=True)
class End:
    """All that is there at the end; `known` are the resources in any state, `listed` what envmgr says by environment."""

    wanted: Mapping[str, str]
    stable: tuple[str, ...]
    listed: Mapping[str, Mapping[str, Any]]
    existing: frozenset[str]
    known: frozenset[str]
    locks: tuple[Locked, ...]
    history: tuple[str, ...]
    overlaps: tuple[str, ...]


def unsettled(wanted: Mapping[str, str], listed: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Environments that are not as their branches want them, as sentences."""
    found = []
    for name, each in listed.items():
        applied = each["applied_commit"]
        is_right = (
            (each["status"], applied) == ("ready", wanted[name])
            if name in wanted
            else each["status"] == "destroyed"
        )
        if not is_right:
            want = f"ready at {wanted[name][:10]}" if name in wanted else "destroyed"
            found.append(
                f"{name} is {each['status']} at {(applied or 'nothing')[:10]}, not {want}: {each['message']}"
            )
    return [*found, *(f"{name} is not known." for name in wanted if name not in listed)]


def breaches(end: End, killed: frozenset[str]) -> dict[Never, list[str]]:
    """All that is wrong, by kind; `killed` are the witnesses of Terraforms that were killed with their host."""
    makers = _makers(end.history)
    unknown = {name for name in end.existing - end.known if makers.get(name, "") not in killed}
    return {
        Never.LOST: sorted(unknown),
        Never.PHANTOM: sorted(end.known - end.existing),
        Never.AT_ONCE: list(end.overlaps),
        Never.STALE: list(_stale(end.history)),
        Never.WRONGLY: list(_wrongly(end)),
        Never.UNSETTLED: unsettled(end.wanted, end.listed),
        Never.LOCKED: [
            f"The state of {each.name} is locked by {each.host}."
            for each in end.locks
            if each not in for_a_person(end, killed)
        ],
    }


def for_a_person(end: End, killed: frozenset[str]) -> list[Locked]:
    """The locks of Terraforms that died with their host before anybody knew their ID: nobody else may break these."""
    died = {(parts[0], parts[-1]) for parts in (witness.split(".") for witness in killed)}
    return [each for each in end.locks if not each.is_known and (each.host, each.name) in died]


def lost_with_hosts(end: End, killed: frozenset[str]) -> frozenset[str]:
    """What a Terraform had made that was killed before it wrote its state."""
    makers = _makers(end.history)
    return frozenset(name for name in end.existing - end.known if makers.get(name, "") in killed)


def _makers(history: tuple[str, ...]) -> dict[str, str]:
    """By whom each resource was made."""
    found = {}
    for line in history:
        kind, *words = line.split()
        if kind == "made" and len(words) == 4:
            name, key, identity, witness = words
            found[f"{name}.{key}.{identity}"] = witness
    return found


def _stale(history: tuple[str, ...]) -> Iterator[str]:
    """What a run did in an environment after a later one had begun there."""
    current: dict[str, str] = {}
    for line in history:
        kind, *words = line.split()
        if kind == "began":
            current[words[0]] = words[1]
        elif words[-1] != current.get(words[0]):
            yield f"{line} (then {current.get(words[0])} was at work)"


def _wrongly(end: End) -> Iterator[str]:
    """What stays in a stable environment from its first version on was ended."""
    counted = Counter(line for line in end.history if line.startswith("ended"))
    for line in counted:
        _, name, key, *_ = line.split()
        if name in end.stable and key == "stays":
            yield line
