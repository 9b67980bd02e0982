"""Whose a resource in the cloud is: what a state listed is an environment's own; a tag alone proves nothing.

Anybody may write our tags on anything, and a tag of ours may be altered. What surely is an environment's is what its
state listed by ARN or ID. Only where an apply was cut off may it have made what no state ever listed.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from envmgr.domain.values.environment import Run, RunKind, RunStatus

_GROUP = re.compile(r"/subscriptions/[^/]+/resourceGroups/[^/]+", re.IGNORECASE)
_TELLING = ("arn:", "/subscriptions/")
_UNLISTED = re.compile(r"arn:[^:]*:(?:iam|route53|cloudfront):")  # which no region's list by tags shows
_GROUP_PARTS = 5  # /subscriptions/ID/resourceGroups/NAME


@dataclass(frozen=True, slots=True)
class Left:
    """What still carries an environment's tags after its destroy: its own, and what only carries them."""

    own: tuple[str, ...]
    others: tuple[str, ...]


def judge(left: Iterable[str], listed: Collection[str] | None, runs: Iterable[Run]) -> Left:
    """Whose the resources are that are left in the cloud, by identifier.

    `listed` are the identifiers that its state listed (None: not known), `runs` its runs as far as they are kept.
    In doubt they are its own: where its state listed nothing by identifier, or an apply of it may have been cut off.
    """
    found = sorted(set(left))
    if not listed or _may_have_been_cut_off(runs):
        return Left(tuple(found), ())
    own = tuple(each for each in found if is_listed(each, listed))
    return Left(own, tuple(each for each in found if each not in own))


def _may_have_been_cut_off(runs: Iterable[Run]) -> bool:
    """Whether an apply may have made what no state came to list; also where none is kept to say otherwise."""
    applies = [run for run in runs if run.kind is RunKind.APPLY]
    return not applies or any(_was_cut_off(run) for run in applies)


def _was_cut_off(run: Run) -> bool:
    if run.status is RunStatus.FAILED:
        return run.changes is not None  # else it failed before there was a plan to apply
    return run.status in (RunStatus.INTERRUPTED, RunStatus.RUNNING)


def missing(listed: Collection[str], there: Collection[str]) -> tuple[str, ...]:
    """What a state listed and the cloud does not show by its tags any more, where that can be told.

    A group always carries them. Of other resources many types carry none, or are in no list by tags: these tell only
    where not one of all is there.
    """
    shown = {each.casefold() for each in there}
    groups = [each for each in listed if _GROUP.fullmatch(each)]
    gone = tuple(sorted(each for each in groups if each.casefold() not in shown))
    if groups or any(is_listed(each, listed) for each in there):
        return gone
    return tuple(sorted(each for each in listed if each.startswith(_TELLING) and not _UNLISTED.match(each)))


def is_listed(identifier: str, listed: Iterable[str]) -> bool:
    """Whether a resource, or what it is a part of, is among the identifiers that a state lists.

    AWS's states have an ID alone where a type has no ARN: it is the end of the ARN. Azure tells no case apart, and
    what lies in a listed group is not listed by that.
    """
    name = identifier.casefold()
    return any(_is_same(name, each.casefold()) for each in listed)


def _is_same(name: str, listed: str) -> bool:
    if name == listed:
        return True
    if listed.startswith("/subscriptions/"):
        return listed.count("/") >= _GROUP_PARTS and name.startswith(f"{listed}/")
    if listed.startswith("arn:"):
        return name.startswith((f"{listed}/", f"{listed}:"))
    return name.startswith("arn:") and name.endswith((f"/{listed}", f":{listed}"))
