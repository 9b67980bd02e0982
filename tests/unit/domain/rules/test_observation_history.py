"""What must hold after any history of looks at a remote."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from envmgr.domain.rules.evidence import Evidence
from envmgr.domain.rules.observation import Listing, observe, observe_failure
from envmgr.domain.values.environment import Environment, Status
from envmgr.domain.values.names import branch_hash, environment_name, matches_any
from tests.support.examples import examples
from tests.unit.domain_example import FIXED, NOW, SHOP, claim, merged

# Branches that rival for names: by two rules, by slugs, by the name a refused one would have.
BRANCHES = (
    *("env-a", "feature-a", "env-A", "env-b", "feature-b"),
    *(f"env-a-{branch_hash(branch)}" for branch in ("feature-a", "env-A")),
)
RULES = (("env-*", "feature-*"), ("env-*",), ("feature-*", "env-*"), ("*",))
SEEN = st.dictionaries(st.sampled_from(BRANCHES), st.sampled_from(["1" * 40, "2" * 40]))


class History(RuleBasedStateMachine):
    """Looks in any order, by changing rules, with environments destroyed in between."""

    def __init__(self) -> None:
        super().__init__()
        self.known: dict[str, Environment] = {}
        self.listing: Listing | None = None
        self.patterns: tuple[str, ...] = RULES[0]
        self.counts: dict[str, int] = {}
        self.now = NOW
        self.before: dict[str, Environment] = {}

    @rule(
        branches=SEEN,
        patterns=st.sampled_from((RULES[0],) * 4 + RULES),
        trusted=st.booleans() | st.just(True),
    )
    def look(self, branches: dict[str, str], patterns: tuple[str, ...], trusted: bool) -> None:
        """A complete listing."""
        self.now += timedelta(seconds=30)
        self.before, self.listing, self.patterns = self.known, Listing("main", branches), patterns
        observed = observe(
            SHOP,
            list(self.known.values()),
            self.listing,
            patterns,
            self.now,
            evidence=Evidence.SOUND if trusted else Evidence.UNSURE,
        )
        self.known = merged(self.known, observed)
        assert not {e.id.name for e in observed.new} & set(self.before)
        self._count(trusted)
        self._check_who_came_and_went(trusted)
        self._check_the_same_again()

    @rule()
    def fail(self) -> None:
        """A look that failed."""
        self.before = self.known
        self.known = merged(self.known, observe_failure(self.known.values()))
        self.counts = {}
        for name, environment in self.known.items():
            assert environment.is_missing == self.before[name].is_missing

    @precondition(lambda self: any(e.is_open and not e.refused for e in self.known.values()))
    @rule(data=st.data(), status=st.sampled_from([Status.DESTROYED, Status.READY]))
    def finish(self, data: st.DataObject, status: Status) -> None:
        """An environment is applied, or destroyed and closed."""
        names = sorted(n for n, e in self.known.items() if e.is_open and not e.refused)
        name = data.draw(st.sampled_from(names))
        kept = None if status is Status.DESTROYED else claim()
        self.known = {**self.known, name: replace(self.known[name], status=status, claim=kept)}
        if kept is None:
            self.counts.pop(name, None)

    def _is_open_without_branch(self, environment: Environment) -> bool:
        assert self.listing is not None
        return environment.is_open and environment.branch not in self.listing.branches

    def _count(self, trusted: bool) -> None:
        """Absences by their definition: complete, trusted listings in a row that lack a matching branch."""
        for name, environment in self.known.items():
            lacks = self._is_open_without_branch(environment) and not environment.refused
            if lacks and trusted and matches_any(environment.branch, self.patterns):
                self.counts[name] = self.counts.get(name, 0) + 1
            else:
                self.counts.pop(name, None)

    def _check_the_same_again(self) -> None:
        """The same listing once more changes nothing but the count of what is missing."""
        assert self.listing is not None
        later = self.now + timedelta(hours=1)
        observed = observe(SHOP, self.known.values(), self.listing, self.patterns, later)
        assert observed.new == ()
        assert all(e.is_open and self._is_open_without_branch(e) for e in observed.changed)

    def _check_who_came_and_went(self, trusted: bool) -> None:
        assert self.listing is not None
        present = {b for b in self.listing.branches if environment_name(b, self.patterns)}
        shown = [e.branch for e in self.known.values() if e.is_open and e.branch in present]
        assert sorted(shown) == sorted(present), "each branch has one open record"
        for name, before in self.before.items():
            after = self.known[name]
            if before.is_open and not before.refused:
                assert (after.branch, after.claim, after.refused) == (before.branch, before.claim, "")
                assert after.is_open, "no look ends an environment"
            if before.is_open and not trusted:
                assert after.absences == 0

    @invariant()
    def absences_are_what_was_counted(self) -> None:
        """Never more, never fewer, and from the first of them."""
        for name, environment in self.known.items():
            if environment.is_open:
                assert environment.absences == self.counts.get(name, 0)
                assert environment.absences == 0 or environment.is_missing

    @invariant()
    def a_branch_that_is_there_is_not_missing(self) -> None:
        """Whatever the rules."""
        for environment in self.known.values():
            if self.listing is not None and environment.is_open and environment.absences:
                assert environment.branch not in self.listing.branches

    @invariant()
    def a_refused_environment_has_nothing(self) -> None:
        """So that its record may end at any time; and its sentence names both branches."""
        for environment in self.known.values():
            if environment.refused:
                assert environment.claim is None
                assert environment.is_open
                assert environment.branch in environment.refused
                assert environment.message == environment.refused

    @invariant()
    def no_branch_has_two_environments(self) -> None:
        """A second one would cost, and nobody would look after it."""
        branches = [e.branch for e in self.known.values() if e.is_open]
        assert len(branches) == len(set(branches))


TestHistory = History.TestCase
TestHistory.settings = settings(FIXED, max_examples=examples(150), stateful_step_count=25)
