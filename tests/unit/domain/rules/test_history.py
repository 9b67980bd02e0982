"""Any history of looks, clocks, crashes and guards, with each step cut off at every write of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from envmgr.domain.rules.decide import decide
from envmgr.domain.rules.evidence import Evidence
from envmgr.domain.rules.neighbours import active, active_ones, leaving
from envmgr.domain.rules.observation import Listing, observe, observe_failure
from envmgr.domain.rules.transitions import wishes
from envmgr.domain.values.decision import Apply, Decision
from envmgr.domain.values.environment import Environment, Guard, Status
from envmgr.domain.values.names import matches_any
from envmgr.domain.values.policy import Neighbours, Policy
from tests.support.examples import examples
from tests.support.steps import NOTHING, Write, failure, writes
from tests.support.witness import Look, Witness
from tests.unit.domain_example import FIXED, HOUR, MINUTE, NOW, SECOND, SHOP, merged

NAMES = ("a", "b", "c", "d", "prod")
COMMITS = ("1" * 40, "2" * 40)
RULES = ("env-*",)
POLICIES = st.builds(
    Policy,
    branches=st.just(RULES),
    protected=st.sampled_from([(), ("env-prod",)]),
    confirmations=st.integers(1, 3),
    grace_period=st.sampled_from([timedelta(0), 5 * MINUTE]),
    max_at_once=st.integers(0, 3),
    max_environments=st.integers(1, 4),
    inputs=st.sampled_from(["one", "two"]),
)
NAME, SOME = st.sampled_from(NAMES), st.sets(st.sampled_from(NAMES), min_size=1)
EVENTS = st.one_of(
    st.tuples(st.just("push"), SOME, st.sampled_from(COMMITS)),
    st.tuples(st.just("delete"), SOME),
    *[st.tuples(st.just("leave"), SOME)] * 2,
    *[st.tuples(st.just("come"), SOME)] * 2,
    st.tuples(st.just("time"), st.sampled_from([6 * MINUTE, 6 * MINUTE, HOUR, -HOUR, 5 * HOUR])),
    *[st.tuples(st.just("look"), st.sampled_from([1, 1, 2, 3]), st.booleans())] * 4,
    st.tuples(st.just("outage")),
    st.tuples(st.just("rename"), st.sampled_from(["main", "trunk"])),
    st.tuples(st.just("configure"), POLICIES),
    st.tuples(st.just("match"), st.sampled_from([RULES, ("team-*",)])),
    st.tuples(st.just("approve"), SOME),
    st.tuples(st.just("suspend"), NAME),
    st.tuples(st.just("resume"), NAME),
    st.tuples(st.just("work"), SOME, st.booleans()),
    st.tuples(st.just("work"), st.just(set(NAMES)), st.just(False)),
    st.tuples(st.just("crash"), NAME, st.integers(0, 5)),
    st.tuples(st.just("fail"), NAME, st.integers(1, 5), st.booleans()),
)
Event = tuple[Any, ...]


@dataclass
class World:
    """A remote, what envmgr has written down of it, what the cloud has, and a witness."""

    policy: Policy
    now: datetime = NOW
    remote: dict[str, str] = field(default_factory=dict)
    default: str = "main"
    known_default: str | None = None
    records: dict[str, Environment] = field(default_factory=dict)
    cloud: dict[str, str] = field(default_factory=dict)
    witness: Witness = field(default_factory=Witness)

    def fork(self) -> "World":
        """The same world, to try a way out that it does not take."""
        return replace(
            self,
            remote=dict(self.remote),
            records=dict(self.records),
            cloud=dict(self.cloud),
            witness=self.witness.copy(),
        )

    # --- what happens ------------------------------------------------------------------------

    def happen(self, event: Event) -> None:
        """One event by its name; then each decision that could be taken is judged, taken or not."""
        getattr(self, f"on_{event[0]}")(*event[1:])
        self.check()
        for name in self.records:
            self.decide(name, asked=True)

    def on_push(self, names: set[str], commit: str) -> None:
        """Branches are made or moved, by force or not."""
        self.remote.update({f"env-{name}": commit for name in names})

    def on_delete(self, names: set[str]) -> None:
        """Branches go away together."""
        for name in names:
            self.remote.pop(f"env-{name}", None)

    def on_leave(self, names: set[str]) -> None:
        """Branches go away together and stay away; envmgr sees it to the end."""
        self.on_delete(names)
        self.on_look(3, dies=False)
        self.on_time(6 * MINUTE)
        self.on_work(set(NAMES), asked=False)

    def on_come(self, names: set[str]) -> None:
        """Branches come, or come back, and are seen."""
        self.on_push(names, COMMITS[0])
        self.on_look(1, dies=False)

    def on_time(self, passes: timedelta) -> None:
        """Time passes, or the clock is set back."""
        self.now += passes

    def on_rename(self, default: str) -> None:
        """The default branch gets this name."""
        self.default = default

    def on_configure(self, policy: Policy) -> None:
        """The rules change."""
        self.policy = policy

    def on_match(self, branches: tuple[str, ...]) -> None:
        """Other branches than before are to have environments."""
        self.policy = replace(self.policy, branches=branches)

    def on_look(self, times: int, dies: bool) -> None:
        """Complete listings in a row; envmgr may die before it notes that the last one was complete."""
        for number in range(times):
            self.now += 30 * SECOND
            self.revise()
            if not dies or number < times - 1:
                interrupted = self.fork()
                self.known_default = self.default
                interrupted.recover()

    def revise(self) -> None:
        """What the poller writes of a complete listing."""
        trusted = self.known_default in (None, self.default)
        listing = Listing(self.default, dict(self.remote))
        patterns, known = self.policy.branches, self.records.values()
        observed = observe(
            SHOP, known, listing, patterns, self.now, evidence=Evidence.SOUND if trusted else Evidence.UNSURE
        )
        self.records = merged(self.records, observed)
        self.witness.saw(Look(self.now, frozenset(self.remote), trusted, patterns))

    def on_outage(self) -> None:
        """A look that fails."""
        self.records = merged(self.records, observe_failure(self.records.values()))
        self.witness.saw(Look(self.now, None))

    def on_approve(self, names: set[str]) -> None:
        """What a guard holds is let through."""
        for name in names & self.records.keys():
            found = self.records[name]
            if found.hold.guard is not None:
                self.put(name, Write(partial(wishes.let_through, guard=found.hold.guard)))
            if found.hold.guard is Guard.MASS_DESTROY:
                self.witness.approves(found.branch)

    def on_suspend(self, name: str) -> None:
        """It is to be left alone."""
        if name in self.records and self.records[name].is_open:
            self.put(name, Write(lambda e: wishes.suspended(e, "by bob", self.now)))

    def on_resume(self, name: str) -> None:
        """It is to be managed again."""
        if name in self.records and self.records[name].suspended:
            self.put(name, Write(lambda e: wishes.resumed(wishes.lives_until(e, None, None))))

    def on_work(self, names: set[str], asked: bool) -> None:
        """The next step of each, to its end; what became of it if it were cut off is tried on the way."""
        for name in sorted(names & self.records.keys()):
            for number, write in enumerate(self.step(name, asked=asked)):
                if number:
                    self.fork().recover()
                self.put(name, write)

    def on_crash(self, name: str, after: int) -> None:
        """The next step, of which only some writes come about."""
        for write in self.step(name)[:after]:
            self.put(name, write)

    def on_fail(self, name: str, after: int, for_good: bool) -> None:
        """The next step, which fails half-way and says so."""
        steps = self.step(name)
        if len(steps) < 2:
            return
        before = self.records[name]
        for write in steps[: min(after, len(steps) - 1)]:
            self.put(name, write)
        again = for_good and not before.is_missing
        self.put(name, failure(self.records[name], self.policy, self.now, for_good=again))

    # --- how ---------------------------------------------------------------------------------

    def step(self, name: str, *, asked: bool = False) -> Sequence[Write]:
        """What is decided for an environment, as writes."""
        if name not in self.records:
            return ()
        environment, decision = self.records[name], self.decide(name, asked=asked)
        if getattr(decision, "hold", None) is Guard.MASS_DESTROY:
            self.witness.held.add(environment.branch)
        return writes(environment, decision, self.policy, self.now)

    def decide(self, name: str, *, asked: bool) -> Decision:
        """What is decided for an environment, judged by the witness."""
        environment = self.records[name]
        others = [e for e in self.records.values() if e.id.name != name]
        neighbours = Neighbours(leaving=leaving(self.records.values()), active=active(active_ones(others)))
        decision = decide(environment, self.policy, neighbours, self.now, asked=asked)
        together = self.witness.leaving(self.records.values())
        self.witness.judge(environment, decision, self.policy, together, self.now)
        if isinstance(decision, Apply) and environment.claim is None:
            free = len(self.cloud) < self.policy.max_environments
            assert free or environment.hold.approved is Guard.LIMIT
        return decision

    def put(self, name: str, write: Write) -> None:
        """One durable write."""
        if write.cloud == NOTHING:
            self.cloud.pop(name, None)
        elif write.cloud is not None:
            self.cloud[name] = write.cloud
        elif write.change is not None:
            record = write.change(self.records[name])
            self.records = {**self.records, name: record}
            if not record.is_open:
                self.witness.forget(record.branch)
        self.check()

    def check(self) -> None:
        """What holds between any two writes."""
        for name, record in self.records.items():
            assert record.is_open or (record.claim is None and name not in self.cloud)
            assert record.claim is not None or name not in self.cloud, "claimed before it is created"
            assert not record.is_open or record.is_missing == self.witness.is_away(record.branch)
        assert self.cloud.keys() <= self.records.keys()

    def recover(self) -> None:
        """From here, without faults and with a person who approves, all becomes as the remote wants it."""
        self.policy = replace(self.policy, branches=RULES, max_environments=99)
        times = [
            self.now,
            *(
                t
                for e in self.records.values()
                for t in (e.absence and e.absence.since, e.failure.retry_at)
                if t
            ),
        ]
        self.now = max(times)
        for _ in range(self.policy.confirmations + 2):
            self.now += 10 * MINUTE
            self.revise()
            self.known_default = self.default
            for name in NAMES:
                self.settle(name)
        for name, record in self.records.items():
            self.check_recovered(name, record)

    def settle(self, name: str) -> None:
        """Up to two steps, approved in between where a guard holds them."""
        for _ in range(2):
            for write in self.step(name, asked=True):
                self.put(name, write)
            self.on_approve({name})

    def check_recovered(self, name: str, record: Environment) -> None:
        """As the remote wants it, or as a person or its end left it."""
        wanted = self.remote.get(record.branch)
        if record.suspended:
            assert record.why_suspended == "by bob" or name not in self.cloud
        elif wanted is not None:
            assert (record.status, self.cloud[name]) == (Status.READY, wanted)
        elif matches_any(record.branch, self.policy.protected) and record.claim is not None:
            assert record.status is Status.WAITING
        else:
            assert record.status is Status.DESTROYED


@settings(FIXED, max_examples=examples(30))
@given(policy=POLICIES, events=st.lists(EVENTS, min_size=20, max_size=40))
def test_any_history_keeps_the_promises(policy: Policy, events: list[Event]) -> None:
    """After every write of it, and from wherever it is cut off."""
    world = World(replace(policy, max_environments=9))
    world.happen(("push", set(NAMES), COMMITS[0]))
    world.happen(("look", 1, False))
    world.happen(("work", set(NAMES), False))
    world.policy = policy
    for event in events:
        world.happen(event)
    world.recover()
