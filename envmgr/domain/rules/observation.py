"""What a look at a remote says about its environments, and what it does not say."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from envmgr.domain.values.environment import NO_HOLD, Absence, Environment, Guard, Hold, Life, Status
from envmgr.domain.values.names import (
    EnvironmentId,
    RepositoryId,
    branch_hash,
    environment_name,
    matches_any,
    ref_component,
)

from .evidence import Evidence
from .transitions.standing import says, stands

_WRONG_CLOCK = timedelta(days=1)
_OF_ABSENCE = (Guard.MASS_DESTROY, Guard.HISTORY)
"""The guards that hold back what is gone: there is nothing to hold once its branch is there."""


@dataclass(frozen=True, slots=True)
class Listing:
    """One complete, successful listing of a remote that showed its default branch.

    A failed or half-answered look never becomes a Listing. `branches` maps branch to commit, and
    holds at least every branch that matches the patterns it was asked for.
    """

    default_branch: str
    branches: Mapping[str, str]

    def bare(self) -> "Listing":
        """The same without anything but the default branch."""
        return Listing(self.default_branch, {self.default_branch: self.branches[self.default_branch]})

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
    evidence: Evidence = Evidence.SOUND,
    applications: tuple[str, ...] = ("",),
) -> Observed:
    """What the records become by a complete listing: one for each branch that matches, and each of its applications.

    Where the `evidence` is not sound, branches that are there are taken in, but no absence counts (a listing
    that is complete yet surprising, such as one with another default branch). Branches that no pattern
    matches are neither present nor gone: nothing is counted for them, and what was counted is void.
    """
    known = tuple(known)
    owners = _owners(known, listing, patterns)
    before = {environment.id: environment for environment in known}
    records: dict[str, list[Environment]] = {}
    for environment in known:
        records.setdefault(environment.id.name, []).append(environment)
    after: list[Environment] = []
    for name, (branch, refusal) in owners.items():
        seen = _Seen(repository, name, branch, listing.branches[branch], refusal, now)
        after += seen.all(records.get(name, ()), applications)
    for environment in known:
        if environment.id.name not in owners and environment.is_open:
            after.append(_not_owned(environment, listing, patterns, now, evidence))
    return Observed(
        tuple(e for e in after if e.id not in before),
        tuple(e for e in after if e.id in before and e != before[e.id]),
    )


def _not_owned(
    before: Environment, listing: Listing, patterns: tuple[str, ...], now: datetime, evidence: Evidence
) -> Environment:
    """A record whose name no branch of the listing has."""
    if before.refused:
        return _no_longer_refused(before, now)
    if before.branch in listing.branches:  # seen, though no pattern matches it any more
        return replace(before, absence=None)
    if not matches_any(before.branch, patterns):
        return _unsure(before)
    if evidence.waits:
        return _held(before, now, evidence)
    return _absent(before, now, evidence) if evidence.counts else _unsure(before)


def misses(known: Iterable[Environment], listing: Listing, patterns: tuple[str, ...]) -> bool:
    """Whether a listing lacks the branch of any environment that would be counted as absent."""
    branches = listing.branches
    return any(
        e.is_open and not e.refused and e.branch not in branches and matches_any(e.branch, patterns)
        for e in known
    )


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


@dataclass(frozen=True, slots=True)
class _Seen:
    """A branch of a listing and the environment's name that it has; `refusal` where another has the name it wants."""

    repository: RepositoryId
    name: str
    branch: str
    commit: str
    refusal: str
    now: datetime

    def all(self, known: Iterable[Environment], applications: Iterable[str]) -> list[Environment]:
        """The environment's records now: the configured applications, and those that are left from before."""
        before = {e.id.application: e for e in known}
        left = [application for application, e in before.items() if e.is_open]
        return [self._one(before, application) for application in dict.fromkeys((*applications, *left))]

    def _one(self, known: Mapping[str, Environment], application: str) -> Environment:
        before = known.get(application)
        if before is not None and before.is_open and not self._is_renewed(before):
            return self._present(before)
        fresh = self._first(application)
        others = [e for e in known.values() if e.is_open and not e.refused and e.branch == self.branch]
        return _joined(fresh, others) if others else fresh

    def _is_renewed(self, before: Environment) -> bool:
        """Whether a refused one is refused no more, or another branch's now."""
        return bool(before.refused) and (not self.refusal or before.branch != self.branch)

    def _first(self, application: str) -> Environment:
        identity = EnvironmentId(self.repository.organization, self.repository.name, self.name, application)
        return Environment(
            id=identity,
            branch=self.branch,
            commit=self.commit,
            status=Status.FAILED if self.refusal else Status.PENDING,
            refused=self.refusal,
            message=self.refusal,
            life=Life(created_at=self.now, pushed_at=self.now),
            updated_at=self.now,
        )

    def _present(self, before: Environment) -> Environment:
        after = replace(before, commit=self.commit, absence=None)
        if self.refusal:
            after = replace(says(after, self.refusal), refused=self.refusal)
        if before.hold.guard in _OF_ABSENCE or before.hold.approved in _OF_ABSENCE:
            after = replace(after, hold=NO_HOLD)
        if self.commit != before.commit:
            after = replace(after, life=replace(after.life, pushed_at=self.now))
        return after if after == before else replace(after, updated_at=self.now)


def _joined(fresh: Environment, others: Sequence[Environment]) -> Environment:
    """A new application of an environment that is there: it shares the others' life, and their suspension."""
    elder = others[0]
    return replace(
        fresh,
        life=replace(elder.life, created_at=fresh.life.created_at),
        schedule=elder.schedule,
        pin=elder.pin if all(other.pin == elder.pin for other in others) else None,
        suspended=elder.suspended if all(other.suspended for other in others) else None,
    )


def _absent(before: Environment, now: datetime, evidence: Evidence) -> Environment:
    is_free = evidence is Evidence.RETURNED and before.hold.guard is Guard.HISTORY
    return replace(
        before,
        hold=replace(before.hold, guard=None) if is_free else before.hold,
        absence=_longer(before.absence, now),
        updated_at=now,
    )


def _longer(absence: Absence | None, now: datetime) -> Absence:
    """One more look without the branch; it began as it was noted, though the clock was set back since: that only waits longer.

    One far in the future is of a clock that was wrong, and the grace period would have no end.
    """
    if absence is None or not absence.count:
        return Absence(since=now, count=1)
    return Absence(
        since=absence.since if absence.since < now + _WRONG_CLOCK else now, count=absence.count + 1
    )


def _held(before: Environment, now: datetime, evidence: Evidence) -> Environment:
    """Missing in another history than the known one: a person says whether that is meant."""
    is_void = evidence is Evidence.NEW_OTHER or before.hold.approved is not Guard.HISTORY
    after = replace(
        before,
        absence=replace(before.absence, count=0) if before.absence else Absence(since=now),
        hold=Hold(Guard.HISTORY, approved=None if is_void else Guard.HISTORY),
    )
    return after if after == before else replace(after, updated_at=now)


def _unsure(before: Environment) -> Environment:
    """Missing as before, but by no count that could destroy it."""
    return before if before.absence is None else replace(before, absence=replace(before.absence, count=0))


def _no_longer_refused(before: Environment, now: datetime) -> Environment:
    message = "The branch is gone, or its name is free now."
    return replace(stands(before, Status.DESTROYED, message), refused="", updated_at=now)
