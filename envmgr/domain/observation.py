"""What a look at a remote says about its environments, and what it does not say."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from .environment import Environment, Guard, Status
from .names import EnvironmentId, RepositoryId, branch_hash, environment_name, matches_any, ref_component

_WRONG_CLOCK = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Listing:
    """One complete, successful listing of a remote that showed its default branch.

    A failed or half-answered look never becomes a Listing. `branches` maps branch to commit, and
    holds at least every branch that matches the patterns it was asked for.
    """

    default_branch: str
    branches: Mapping[str, str]

    def digest(self) -> str:
        """The same for two listings that say the same."""
        lines = [self.default_branch, *(f"{b} {c}" for b, c in sorted(self.branches.items()))]
        return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()


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
    trusted: bool = True,
) -> Observed:
    """What the records become by a complete listing.

    `trusted=False` takes in branches that are there but counts no absence (a listing that is
    complete yet surprising, such as one with another default branch). Branches that no pattern
    matches are neither present nor gone: nothing is counted for them, and what was counted is void.
    """
    known = tuple(known)
    names = _owners(known, listing, patterns)
    new: list[Environment] = []
    changed: list[Environment] = []
    by_name = {environment.id.name: environment for environment in known}
    for name, (branch, refusal) in names.items():
        commit = listing.branches[branch]
        before = by_name.get(name)
        if before is None:
            identity = EnvironmentId(repository.organization, repository.name, name)
            new.append(_first_seen(identity, branch, commit, refusal, now))
        elif (after := _present(before, branch, commit, refusal, now)) != before:
            changed.append(after)
    for name, before in by_name.items():
        if name in names or not before.is_open:
            continue
        if before.refused:
            changed.append(_no_longer_refused(before, now))
        elif before.branch in listing.branches:  # seen, though no pattern matches it any more
            changed.append(replace(before, absences=0, absent_since=None))
        else:
            is_gone = trusted and matches_any(before.branch, patterns)
            changed.append(_absent(before, now) if is_gone else _unsure(before))
    return Observed(tuple(new), tuple(e for e in changed if e != by_name[e.id.name]))


def observe_failure(known: Iterable[Environment]) -> Observed:
    """What a failed look changes: absences must come in a row, so their count starts again."""
    return Observed(changed=tuple(_unsure(e) for e in known if e.is_open and e.absences > 0))


def _owners(
    known: Iterable[Environment], listing: Listing, patterns: tuple[str, ...]
) -> dict[str, tuple[str, str]]:
    """Environment name → (branch, refusal).

    The branch that has a name already keeps it, also where the patterns would now give it another:
    else its environment would be made a second time and the first be forgotten.
    """
    holders = {e.id.name: e.branch for e in known if e.is_open and not e.refused}
    kept = {branch: name for name, branch in holders.items()}
    wanted: dict[str, list[str]] = {}
    for branch in sorted(listing.branches):
        name = environment_name(branch, patterns)
        if name is not None:
            wanted.setdefault(kept.get(branch, name), []).append(branch)
    taken = {*holders, *wanted}
    owners: dict[str, tuple[str, str]] = {}
    for name, branches in wanted.items():
        holder = holders.get(name)
        first = holder if holder is not None else branches[0]
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
    return (
        f"Branches {ref_component(first)} and {ref_component(branch)} both give the environment {name}; "
        f"{ref_component(first)} has it, so rename or delete {ref_component(branch)}."
    )


def _first_seen(
    identity: EnvironmentId, branch: str, commit: str, refusal: str, now: datetime
) -> Environment:
    return Environment(
        id=identity,
        branch=branch,
        commit=commit,
        status=Status.FAILED if refusal else Status.PENDING,
        refused=refusal,
        message=refusal,
        pushed_at=now,
        created_at=now,
        updated_at=now,
    )


def _present(before: Environment, branch: str, commit: str, refusal: str, now: datetime) -> Environment:
    renewed = before.refused and (not refusal or before.branch != branch)
    if not before.is_open or renewed:
        return _first_seen(before.id, branch, commit, refusal, now)
    after = replace(before, commit=commit, absences=0, absent_since=None)
    if refusal:
        after = replace(after, refused=refusal, message=refusal)
    if before.hold is Guard.MASS_DESTROY or before.approved is Guard.MASS_DESTROY:
        after = replace(after, hold=None, approved=None)
    if commit != before.commit:
        after = replace(after, pushed_at=now)
    return after if after == before else replace(after, updated_at=now)


def _absent(before: Environment, now: datetime) -> Environment:
    return replace(
        before,
        absences=before.absences + 1,
        absent_since=_began(before.absent_since, now) if before.absences else now,
        updated_at=now,
    )


def _began(absent_since: datetime | None, now: datetime) -> datetime:
    """When an absence began: as it was noted, though the clock was set back since; that only waits longer.

    One far in the future is of a clock that was wrong, and the grace period would have no end.
    """
    return absent_since if absent_since is not None and absent_since < now + _WRONG_CLOCK else now


def _unsure(before: Environment) -> Environment:
    """Missing as before, but by no count that could destroy it."""
    return replace(before, absences=0)


def _no_longer_refused(before: Environment, now: datetime) -> Environment:
    message = "The branch is gone, or its name is free now."
    return replace(before, status=Status.DESTROYED, refused="", message=message, updated_at=now)
