"""What one look at a remote shows of one environment: it is there, at this commit; or it is not."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from envmgr.domain.rules.evidence import Evidence
from envmgr.domain.rules.transitions.standing import says
from envmgr.domain.values.environment import (
    FROM_BRANCH,
    NO_HOLD,
    Absence,
    Environment,
    Guard,
    Hold,
    Life,
    Origin,
    Status,
    Tagged,
)
from envmgr.domain.values.names import EnvironmentId, RepositoryId
from envmgr.domain.values.origins.git_tag import GitTag

_WRONG_CLOCK = timedelta(days=1)
_OF_ABSENCE = (Guard.MASS_DESTROY, Guard.HISTORY)
"""The guards that hold back what is gone: there is nothing to hold once its branch is there."""


@dataclass(frozen=True, slots=True)
class Listing:
    """One complete, successful listing of a remote that showed its default branch.

    A failed or half-answered look never becomes a Listing. `branches` maps branch to commit, and
    holds at least every branch that matches the patterns it was asked for; `tags` likewise, where it was asked for any.
    `refs` are those that were asked for by their full names, as far as they are there.
    """

    default_branch: str
    branches: Mapping[str, str]
    tags: Mapping[str, GitTag] = field(default_factory=dict)
    refs: Mapping[str, str] = field(default_factory=dict)

    def bare(self) -> "Listing":
        """The same without anything in it: nothing that it shows is to be taken."""
        return Listing(self.default_branch, {})

    def digest(self) -> str:
        """The same for two listings that say the same."""
        tags = (f"{name} {tag.object} {tag.commit}" for name, tag in sorted(self.tags.items()))
        branches = (f"{b} {c}" for b, c in sorted(self.branches.items()))
        refs = (f"{ref} {commit}" for ref, commit in sorted(self.refs.items()))
        lines = [self.default_branch, *branches, *tags, *refs]
        return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a repository: what it showed, when, and what that is worth.

    `apart` is the time between two looks of which both count: what several hosts, or several people, ask a remote within
    it is one answer.
    """

    repository: RepositoryId
    listing: Listing
    now: datetime
    evidence: Evidence
    apart: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Seen:
    """What a listing shows, by its name (`branch`) and commit, and the environment's name that it has.

    `refusal` says why it may not have the name that it wants, empty where it may. `tagged` is what is to be noted of a tag.
    """

    look: Look
    name: str
    branch: str
    commit: str
    refusal: str = ""
    origin: Origin = FROM_BRANCH
    tagged: Tagged | None = None

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
        others = [
            e
            for e in known.values()
            if e.is_open and not e.refused and (e.branch == self.branch or self.origin.is_named)
        ]
        return _joined(fresh, others) if others else fresh

    def _is_renewed(self, before: Environment) -> bool:
        """Whether a refused one is refused no more, or another branch's now."""
        return bool(before.refused) and (not self.refusal or before.branch != self.branch)

    def _first(self, application: str) -> Environment:
        repository = self.look.repository
        identity = EnvironmentId(repository.organization, repository.name, self.name, application)
        return Environment(
            id=identity,
            branch=self.branch,
            origin=self.origin,
            tagged=self.tagged,
            commit=self.commit,
            status=Status.FAILED if self.refusal else Status.PENDING,
            refused=self.refusal,
            message=self.refusal,
            life=Life(created_at=self.look.now, pushed_at=self.look.now),
            updated_at=self.look.now,
        )

    def _is_over(self, guard: Guard | None) -> bool:
        """Whether there is nothing any more that a guard holds back."""
        is_settled = self.tagged is None or self.tagged.offered is None
        return guard in _OF_ABSENCE or (guard is Guard.TAG and is_settled)

    def _present(self, before: Environment) -> Environment:
        noted = offering(before, self.tagged) if self.tagged is not None else replace(before, tagged=None)
        after = replace(noted, branch=self.branch, origin=self.origin, commit=self.commit, absence=None)
        if self.refusal:
            after = replace(says(after, self.refusal), refused=self.refusal)
        if self._is_over(after.hold.guard) or self._is_over(after.hold.approved):
            after = replace(after, hold=NO_HOLD)
        if self.commit != before.commit:
            after = replace(after, life=replace(after.life, pushed_at=self.look.now))
        return after if after == before else replace(after, updated_at=self.look.now)


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


def without(look: Look, before: Environment) -> Environment:
    """What it comes from is not in the listing: counted, or held back, as far as that proves anything."""
    if look.evidence.waits:
        return _held(before, look.now, look.evidence)
    if not look.evidence.counts:
        return unsure(before)
    return absent(before, look.now, look.evidence, _longer(before.absence, look.now, look.apart))


def offering(before: Environment, tagged: Tagged) -> Environment:
    """Another tag than the noted one waits for a person; what was approved of one that it was before is void.

    Where none is left to be offered, there is nothing to say yes to either.
    """
    known = before.tagged.offered if before.tagged is not None else None
    hold = before.hold
    if hold.approved is Guard.TAG and known != tagged.offered:
        hold = replace(hold, approved=None)
    if hold.guard is Guard.TAG and tagged.offered is None:
        hold = replace(hold, guard=None)
    return replace(before, tagged=tagged, hold=hold)


def absent(before: Environment, now: datetime, evidence: Evidence, absence: Absence) -> Environment:
    """What it comes from is gone, as an absence says it; the same where the record says that already."""
    is_free = evidence is Evidence.RETURNED and before.hold.guard is Guard.HISTORY
    hold = replace(before.hold, guard=None) if is_free else before.hold
    after = replace(before, hold=hold, absence=absence)
    return after if after == before else replace(after, updated_at=now)


def _longer(absence: Absence | None, now: datetime, apart: timedelta) -> Absence:
    """One more look without the branch; it began as it was noted, though the clock was set back since: that only waits longer.

    One far in the future is of a clock that was wrong, and the grace period would have no end. However many looks there
    are, and whoever makes them, they count for no more than fit into the time since the first one.
    """
    if absence is None or not absence.count:
        return Absence(since=now, count=1)
    if absence.since >= now + _WRONG_CLOCK:
        return Absence(since=now, count=1)
    if now - absence.since < absence.count * apart:
        return absence
    return Absence(since=absence.since, count=absence.count + 1)


def _held(before: Environment, now: datetime, evidence: Evidence) -> Environment:
    """Missing in another history than the known one: a person says whether that is meant."""
    is_void = evidence is Evidence.NEW_OTHER or before.hold.approved is not Guard.HISTORY
    after = replace(
        before,
        absence=replace(before.absence, count=0) if before.absence else Absence(since=now),
        hold=Hold(Guard.HISTORY, approved=None if is_void else Guard.HISTORY),
    )
    return after if after == before else replace(after, updated_at=now)


def unsure(before: Environment) -> Environment:
    """Missing as before, but by no count that could destroy it."""
    return before if before.absence is None else replace(before, absence=replace(before.absence, count=0))
