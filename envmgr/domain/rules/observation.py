"""What a look at a remote says about its environments, and what it does not say."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from envmgr.domain.values.environment import Environment, Status
from envmgr.domain.values.names import (
    RepositoryId,
    branch_hash,
    environment_name,
    matches_any,
    ref_component,
)
from envmgr.domain.values.origins.named import Asked

from .evidence import Evidence
from .origins import previews
from .origins.following import follow, is_missed
from .origins.releases import Releases
from .origins.sighting import Listing, Look, Seen, unsure, without
from .transitions.standing import stands

__all__ = ["Listing", "Observed", "misses", "observe", "observe_failure"]

_NOTHING_MORE = Asked()


@dataclass(frozen=True, slots=True)
class Observed:
    """How a listing changes the records: `new` and `changed` environments, as they are to be stored."""

    new: tuple[Environment, ...] = ()
    changed: tuple[Environment, ...] = ()


def observe(
    repository: RepositoryId,
    known: Iterable[Environment],
    listing: Listing,
    patterns: tuple[str, ...],
    now: datetime,
    *,
    evidence: Evidence = Evidence.SOUND,
    asked: Asked = _NOTHING_MORE,
) -> Observed:
    """What the records become by a complete listing: one for each branch that matches, and each of its applications.

    And one for each named environment that is `asked` for, as soon as there is something that it follows, and for each
    pull request that is to have one, by what is known of these.

    Where the `evidence` is not sound, branches that are there are taken in, but no absence counts (a listing
    that is complete yet surprising, such as one with another default branch). Branches that no pattern
    matches are neither present nor gone: nothing is counted for them, and what was counted is void.
    """
    known = tuple(known)
    look = Look(repository, listing, now, evidence, asked.apart)
    owners = _owners(known, listing, patterns, asked)
    before = {environment.id: environment for environment in known}
    records: dict[str, list[Environment]] = {}
    for environment in known:
        records.setdefault(environment.id.name, []).append(environment)
    after: list[Environment] = []
    for name, (branch, refusal) in owners.items():
        seen = Seen(look, name, branch, listing.branches[branch], refusal)
        after += seen.all(records.get(name, ()), asked.applications)
    releases = Releases(listing.tags)
    for named in asked.named:
        after += follow(look, named, records.get(named.name, ()), releases, asked.applications)
    taken = {*owners, *(named.name for named in asked.named)}
    after += previews.follow(look, asked, known, taken)
    for environment in known:
        if environment.id.name in owners or not environment.is_open or previews.is_preview(environment):
            continue
        if not environment.origin.is_named:
            after.append(_not_owned(look, environment, patterns))
        elif asked.by_name(environment.id.name) is None:
            after.append(unsure(environment))
    return Observed(
        tuple(e for e in after if e.id not in before),
        tuple(e for e in after if e.id in before and e != before[e.id]),
    )


def _not_owned(look: Look, before: Environment, patterns: tuple[str, ...]) -> Environment:
    """A record whose name no branch of the listing has."""
    if before.refused:
        return _no_longer_refused(before, look.now)
    if before.branch in look.listing.branches:  # seen, though no pattern matches it any more
        return replace(before, absence=None)
    if not matches_any(before.branch, patterns):
        return unsure(before)
    return without(look, before)


def misses(
    known: Iterable[Environment],
    listing: Listing,
    patterns: tuple[str, ...],
    asked: Asked = _NOTHING_MORE,
) -> bool:
    """Whether a listing lacks what any environment comes from that would be counted as absent, or its pull request is closed."""

    def is_missed_one(environment: Environment) -> bool:
        if environment.origin.is_named:
            return is_missed(environment, listing, asked)
        if previews.is_preview(environment):
            return previews.is_closed(environment, asked.pulls)
        branch = environment.branch
        return branch not in listing.branches and matches_any(branch, patterns)

    return any(e.is_open and not e.refused and is_missed_one(e) for e in known)


def observe_failure(known: Iterable[Environment]) -> Observed:
    """What a failed look changes: absences must come in a row, so their count starts again."""
    return Observed(changed=tuple(unsure(e) for e in known if e.is_open and e.absences > 0))


def _owners(
    known: Sequence[Environment], listing: Listing, patterns: tuple[str, ...], asked: Asked
) -> dict[str, tuple[str, str]]:
    """Environment name → (branch, refusal).

    The branch that has a name already keeps it, also where the patterns would now give it another:
    else its environment would be made a second time and the first be forgotten. The name of a named environment, or of
    one that a pull request has, is nobody else's.
    """
    live = [e for e in known if e.is_open and not e.refused]
    holders = {e.id.name: e.branch for e in live if e.origin.follows_pattern}
    kept = {branch: name for name, branch in holders.items()}
    named = {each.name for each in asked.named} | {e.id.name for e in live if not e.origin.follows_pattern}
    wanted: dict[str, list[str]] = {}
    # Sorted: of two new ones that want a name it is always the same one that gets it.
    for branch in sorted(listing.branches):
        name = environment_name(branch, patterns)
        if name is not None:
            wanted.setdefault(kept.get(branch, name), []).append(branch)
    taken = {*holders, *wanted, *named}
    owners: dict[str, tuple[str, str]] = {}
    for name, branches in wanted.items():
        first = holders.get(name, "" if name in named else branches[0])
        for branch in branches:
            if branch == first:
                owners[name] = (branch, "")
            else:
                owners[_refused_name(name, branch, taken)] = (branch, _refusal(name, branch, first))
    return owners


def _refused_name(name: str, branch: str, taken: set[str]) -> str:
    """A name for the record of a refused branch that no environment has or wants; adds it to `taken`."""
    salt = branch
    while (found := f"{name[:25].rstrip('-')}-{branch_hash(salt)}") in taken:
        salt += " "  # which no branch has
    taken.add(found)
    return found


def _refusal(name: str, branch: str, first: str) -> str:
    if not first:
        return (
            f"Branch {ref_component(branch)} gives the environment {name}, which is a named one (`environments`) or a pull request's: rename or "
            "delete the branch, or exclude it in `branches`."
        )
    return (
        f"Branches {ref_component(first)} and {ref_component(branch)} both give the environment {name}; "
        f"{ref_component(first)} has it, so rename or delete {ref_component(branch)}."
    )


def _no_longer_refused(before: Environment, now: datetime) -> Environment:
    message = "The branch is gone, or its name is free now."
    return replace(stands(before, Status.DESTROYED, message), refused="", updated_at=now)
