"""A witness of all looks at a remote, who says by the promise's own words when a branch is surely gone."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from envmgr.domain.values.decision import Apply, Close, Decision, Destroy
from envmgr.domain.values.environment import Environment, Guard, Status
from envmgr.domain.values.names import matches_any
from envmgr.domain.values.policy import Policy


@dataclass(frozen=True, slots=True)
class Look:
    """One look: when, and the branches it showed (None: it failed); whether absences in it count."""

    at: datetime
    branches: frozenset[str] | None
    trusted: bool = True
    patterns: tuple[str, ...] = ("*",)

    def shows(self, branch: str) -> bool:
        """Whether the branch was there."""
        return self.branches is not None and branch in self.branches

    def lacks(self, branch: str) -> bool:
        """Whether this look proves that the branch was not there."""
        told = self.branches is not None and self.trusted and matches_any(branch, self.patterns)
        return told and not self.shows(branch)


@dataclass
class Witness:
    """Knows what was seen, and what a person said; never looks into the records for either."""

    looks: tuple[Look, ...] = ()
    held: set[str] = field(default_factory=set)
    approved: set[str] = field(default_factory=set)

    def copy(self) -> "Witness":
        """Another witness of the same past."""
        return replace(self, held=set(self.held), approved=set(self.approved))

    def saw(self, look: Look) -> None:
        """A look whose outcome is in the records."""
        self.looks = (*self.looks, look)
        shown = look.branches or frozenset()
        self.held -= shown
        self.approved -= shown

    def approves(self, branch: str) -> None:
        """A person lets it go."""
        self.approved.add(branch)
        self.held.discard(branch)

    def forget(self, branch: str) -> None:
        """It ended: what was said of it counts for no later environment of that branch."""
        self.held.discard(branch)
        self.approved.discard(branch)

    def lacking(self, branch: str) -> list[datetime]:
        """The looks in a row, up to the last, that prove the branch was not there; the newest first."""
        return list(self._lacking(branch))

    def _lacking(self, branch: str) -> Iterator[datetime]:
        for look in reversed(self.looks):
            if not look.lacks(branch):
                return
            yield look.at

    def is_away(self, branch: str) -> bool:
        """Whether it was seen to be gone, and not seen since."""
        for look in reversed(self.looks):
            if look.shows(branch) or look.lacks(branch):
                return look.lacks(branch)
        return False

    def is_surely_gone(self, branch: str, policy: Policy, now: datetime) -> bool:
        """By confirmations in a row, and the time since the first of them."""
        lacking = self.lacking(branch)
        return len(lacking) >= policy.confirmations and now - lacking[-1] >= policy.grace_period

    def leaving(self, environments: Iterable[Environment]) -> int:
        """How many environments are on their way out together."""
        return sum(e.is_open and not e.refused and self.is_away(e.branch) for e in environments)

    def judge(
        self,
        environment: Environment,
        decision: Decision,
        policy: Policy,
        together: int,
        now: datetime,
    ) -> None:
        """Asserts that a decision keeps the promises; `together` environments are leaving."""
        branch, has_resources = environment.branch, environment.claim is not None
        match decision:
            case Destroy(then=Status.DESTROYED) | Close():
                assert has_resources == isinstance(decision, Destroy)
                if not matches_any(branch, policy.branches):
                    assert not has_resources, "what no rule speaks of is left alone"
                    return
                assert self.is_surely_gone(branch, policy, now)
                assert branch not in self.held, "held until a person approves"
                assert branch in self.approved or together <= policy.max_at_once
                if has_resources:
                    assert branch not in policy.protected
                    assert not environment.suspended
            case Destroy(then=then):
                assert then is Status.SUSPENDED
                assert has_resources
                assert environment.life.expires_at is not None
                assert environment.life.expires_at <= now
                assert branch not in policy.protected
            case Apply():
                assert not self.is_away(branch)
                assert environment.suspended is None or environment.suspended.over != environment.commit
            case _:
                if getattr(decision, "hold", None) is Guard.MASS_DESTROY:
                    assert together > policy.max_at_once or branch in self.held
