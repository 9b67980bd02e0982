"""What must hold at every step of any life: pushes, outages, clocks, failures, crashes and people."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from envmgr.domain.rules.attempt import attempt_key
from envmgr.domain.rules.decide import decide
from envmgr.domain.rules.evidence import Evidence
from envmgr.domain.rules.neighbours import active, active_ones, leaving
from envmgr.domain.rules.observation import Listing, observe, observe_failure
from envmgr.domain.values.backoff import delay
from envmgr.domain.values.decision import Apply, Close, Decision, Destroy, Rest, Wait
from envmgr.domain.values.environment import Environment, Guard, Status
from envmgr.domain.values.policy import Neighbours, Policy
from tests.support.examples import examples
from tests.support.records import altered
from tests.unit.domain_example import FIXED, MINUTE, NOW, PATTERNS, SHOP, claim, merged

NAMES = ("a", "b", "c", "d", "prod")
COMMITS = ("1" * 40, "2" * 40, "3" * 40)
TTL = timedelta(hours=2)
TIMES = st.sampled_from([timedelta(0), timedelta(seconds=30), 6 * MINUTE, 3 * TTL, -10 * MINUTE])
POLICIES = st.builds(
    Policy,
    protected=st.sampled_from([(), ("env-prod",), ("env-prod",)]),
    confirmations=st.integers(1, 3),
    grace_period=st.sampled_from([timedelta(0), 5 * MINUTE]),
    max_at_once=st.integers(0, 3),
    max_environments=st.integers(1, 4),
    inputs=st.sampled_from(["one", "two"]),
)


class Life(RuleBasedStateMachine):
    """One repository. What the machine checks by, it counts itself, from what it did to the remote."""

    def __init__(self) -> None:
        super().__init__()
        self.policy = Policy()
        self.known: dict[str, Environment] = {}
        self.remote: dict[str, str] = {}
        self.now = NOW
        self.lacking: dict[str, list[datetime]] = {}  # per branch: the good listings in a row without it
        self.crowded: set[str] = set()  # held by the crowd, and neither approved nor back since
        self.approved: set[str] = set()

    @initialize(policy=POLICIES, names=st.sets(st.sampled_from(NAMES), min_size=1))
    def begin(self, policy: Policy, names: set[str]) -> None:
        """A repository whose branches are there and applied."""
        self.policy = replace(policy, max_environments=9)
        self.remote = {f"env-{name}": COMMITS[0] for name in names}
        self._look()
        for name in sorted(names):
            self._step(name, self._applied, asked=False)
        self.policy = policy

    # --- the world ---------------------------------------------------------------------------

    @rule(name=st.sampled_from(NAMES), commit=st.sampled_from(COMMITS))
    def push(self, name: str, commit: str) -> None:
        """A branch is made or moved."""
        self.remote[f"env-{name}"] = commit

    @rule(names=st.sets(st.sampled_from(NAMES), min_size=1))
    def delete(self, names: set[str]) -> None:
        """Branches go away together."""
        for name in names:
            self.remote.pop(f"env-{name}", None)

    @rule(passes=TIMES)
    def time(self, passes: timedelta) -> None:
        """Time passes, or the clock is set back."""
        self.now += passes

    @rule(times=st.integers(1, 3))
    def look(self, times: int) -> None:
        """Complete listings in a row, half a minute apart."""
        for _ in range(times):
            self.now += timedelta(seconds=30)
            self._look()

    @rule()
    def surprise(self) -> None:
        """A complete listing with another default branch."""
        self._look(trusted=False)

    @rule()
    def outage(self) -> None:
        """A look that fails."""
        self.known = merged(self.known, observe_failure(self.known.values()))
        self.lacking = {}

    @rule(policy=POLICIES)
    def configure(self, policy: Policy) -> None:
        """The rules change."""
        self.policy = policy

    # --- people ------------------------------------------------------------------------------

    @rule(name=st.sampled_from(NAMES))
    def approve(self, name: str) -> None:
        """What a guard holds is let through."""
        found = self.known.get(name)
        if found is not None and found.hold.guard is not None:
            self._put(altered(found, approved=found.hold.guard))
            if found.hold.guard is Guard.MASS_DESTROY:
                self.approved.add(name)
                self.crowded.discard(name)

    @rule(name=st.sampled_from(NAMES))
    def suspend(self, name: str) -> None:
        """It is to be left alone."""
        if name in self.known and self.known[name].is_open:
            self._put(altered(self.known[name], suspended="by bob", suspended_commit=None))

    @rule(name=st.sampled_from(NAMES))
    def resume(self, name: str) -> None:
        """It is to be managed again."""
        found = self.known.get(name)
        if found is not None and found.suspended:
            fields: dict[str, Any] = {
                "suspended": "",
                "suspended_commit": None,
                "failed_on": "",
                "retry_at": None,
            }
            self._put(altered(found, **fields, expires_at=self.now + TTL, status=Status.PENDING))

    # --- work --------------------------------------------------------------------------------

    @rule(name=st.sampled_from(NAMES), asked=st.booleans())
    def work(self, name: str, asked: bool) -> None:
        """The next step, which succeeds."""
        self._step(name, self._succeed, asked=asked)

    @rule(name=st.sampled_from(NAMES), asked=st.booleans(), for_good=st.booleans())
    def work_in_vain(self, name: str, asked: bool, for_good: bool) -> None:
        """The next step, which fails: for a while, or until a person helps."""
        self._step(name, lambda e, d: self._fail(e, d, for_good), asked=asked)

    @rule(name=st.sampled_from(NAMES))
    def crash(self, name: str) -> None:
        """The next step, in the midst of which envmgr dies."""
        self._step(name, self._die, asked=False)

    @rule(name=st.sampled_from(NAMES))
    def settle(self, name: str) -> None:
        """Whatever happened: what is there and not held becomes ready in a few steps."""
        found = self.known.get(name)
        shown = f"env-{name}" in self.remote
        if found is None or not found.is_open or not shown or found.suspended:
            return
        self._look()
        end = found.life.expires_at or self._end(self.known[name])
        self.policy = replace(self.policy, max_environments=99)
        for step in range(3):
            self._step(name, self._succeed, asked=step == 0)
        after = self.known[name]
        ended = bool(after.suspended) and end is not None and self.now >= end
        assert ended or (after.status, after.applied.commit) == (Status.READY, self.remote[f"env-{name}"])

    def _step(self, name: str, outcome: Callable[..., Environment], *, asked: bool) -> None:
        environment = self.known.get(name)
        if environment is None:
            return
        others = [e for e in self.known.values() if e.id != environment.id]
        neighbours = Neighbours(leaving=leaving(self.known.values()), active=active(active_ones(others)))
        decision = decide(environment, self.policy, neighbours, self.now, asked=asked)
        self._check(environment, decision, neighbours, asked)
        if isinstance(decision, Wait):
            hold = decision.hold or environment.hold.guard
            self._put(
                altered(
                    environment,
                    status=Status.WAITING,
                    message=decision.reason,
                    waits=decision.waits,
                    hold=hold,
                )
            )
            if decision.hold is Guard.MASS_DESTROY:
                self.crowded.add(name)
        elif isinstance(decision, Apply | Destroy | Close):
            self._put(outcome(environment, decision))

    def _succeed(self, environment: Environment, decision: Decision) -> Environment:
        return (
            self._applied(environment) if isinstance(decision, Apply) else self._closed(environment, decision)
        )

    def _applied(self, environment: Environment, _: Decision | None = None) -> Environment:
        return altered(
            environment,
            status=Status.READY,
            claim=claim(environment.commit),
            applied_commit=environment.commit,
            applied_inputs=self.policy.inputs,
            **NO_FAILURE,
            hold=None,
            approved=None,
            suspended="",
            suspended_commit=None,
            expires_at=self._end(environment),
        )

    def _end(self, environment: Environment) -> datetime | None:
        """The end of its life: `a` and `b` have one, from the last push, never sooner than it was."""
        end = (environment.life.pushed_at or self.now) + TTL
        return max(end, environment.life.expires_at or end) if environment.id.name in "ab" else None

    def _closed(self, environment: Environment, decision: Decision) -> Environment:
        because = decision.because if isinstance(decision, Destroy) else ""
        return altered(
            environment,
            status=decision.then if isinstance(decision, Destroy) else Status.DESTROYED,
            claim=None,
            applied_commit=None,
            applied_inputs=None,
            **NO_FAILURE,
            hold=None,
            approved=None,
            suspended=because,
            suspended_commit=environment.commit if because else None,
            expires_at=None,
        )

    def _fail(self, environment: Environment, decision: Decision, for_good: bool) -> Environment:
        started = self._die(environment, decision)
        again = for_good and isinstance(decision, Apply)
        return altered(
            started,
            status=Status.FAILED,
            failures=environment.failure.count + 1,
            failed_on=attempt_key(environment, self.policy, decision),
            retry_at=None if again else self.now + delay(environment.failure.count + 1),
        )

    def _die(self, environment: Environment, decision: Decision) -> Environment:
        """What is in the records once a step has begun: the claim comes before the first resource."""
        if isinstance(decision, Apply):
            return replace(environment, status=Status.RUNNING, claim=claim(environment.commit))
        return environment if environment.claim is None else replace(environment, status=Status.DESTROYING)

    # --- what must hold ----------------------------------------------------------------------

    def _check(
        self, environment: Environment, decision: Decision, neighbours: Neighbours, asked: bool
    ) -> None:
        match decision:
            case Destroy(then=Status.DESTROYED):
                assert environment.claim is not None
                self._check_surely_gone(environment)
                self._check_let_through(environment, neighbours)
                assert environment.branch not in self.policy.protected
                assert not environment.suspended
            case Destroy():
                assert environment.claim is not None
                assert environment.life.expires_at is not None
                assert environment.life.expires_at <= self.now
                assert environment.branch not in self.policy.protected
                assert decision.then is Status.SUSPENDED
            case Close():
                assert environment.claim is None
                self._check_surely_gone(environment)
                self._check_let_through(environment, neighbours)
            case Apply():
                assert environment.absence is None
                assert environment.suspended is None or environment.suspended.over != environment.commit
            case Rest() | Wait():
                return
        if not asked and environment.failure.on == attempt_key(environment, self.policy, decision):
            assert environment.failure.retry_at is None or self.now >= environment.failure.retry_at
            assert environment.failure.retry_at is not None or not isinstance(decision, Apply)

    def _check_surely_gone(self, environment: Environment) -> None:
        lacked = self.lacking.get(environment.branch, [])
        assert len(lacked) >= self.policy.confirmations
        assert self.now - lacked[0] >= self.policy.grace_period

    def _check_let_through(self, environment: Environment, neighbours: Neighbours) -> None:
        name = environment.id.name
        assert name not in self.crowded
        assert name in self.approved or neighbours.leaving <= self.policy.max_at_once

    def _look(self, *, trusted: bool = True) -> None:
        seen = Listing("main", dict(self.remote))
        observed = observe(
            SHOP,
            self.known.values(),
            seen,
            PATTERNS,
            self.now,
            evidence=Evidence.SOUND if trusted else Evidence.UNSURE,
        )
        self.known = merged(self.known, observed)
        for name in NAMES:
            branch = f"env-{name}"
            if branch in self.remote:
                self.crowded.discard(name)
                self.approved.discard(name)
            if branch in self.remote or not trusted:
                self.lacking.pop(branch, None)
            else:
                self.lacking.setdefault(branch, []).append(self.now)

    def _put(self, environment: Environment) -> None:
        self.known = {**self.known, environment.id.name: environment}
        if not environment.is_open:
            self.crowded.discard(environment.id.name)
            self.approved.discard(environment.id.name)

    @invariant()
    def what_has_resources_is_looked_after(self) -> None:
        """A record with a claim is never closed."""
        assert all(e.claim is None for e in self.known.values() if not e.is_open)


NO_FAILURE: dict[str, Any] = {"failures": 0, "failed_on": "", "retry_at": None}

TestLife = Life.TestCase
TestLife.settings = settings(FIXED, max_examples=examples(100), stateful_step_count=40)
