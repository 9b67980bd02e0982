"""Any history of pushes, tags, tests, approvals, promotions, deaths and time, cut off at every write: what production may have."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from envmgr.domain.rules.decide import decide
from envmgr.domain.rules.evidence import Evidence
from envmgr.domain.rules.observation import Listing, observe, observe_failure
from envmgr.domain.rules.origins.promotion import Stage, awaited
from envmgr.domain.rules.transitions import wishes
from envmgr.domain.values.decision import Apply, Close, Decision, Destroy, Stop
from envmgr.domain.values.environment import Environment, Guard, Pin, Status
from envmgr.domain.values.names import EnvironmentId
from envmgr.domain.values.origins.git_tag import GitTag
from envmgr.domain.values.origins.named import Asked, Named
from envmgr.domain.values.pipeline.release import Release
from envmgr.domain.values.policy import Neighbours, Policy
from tests.support.examples import examples
from tests.support.steps import HALF, Write, writes
from tests.unit.domain_example import FIXED, MINUTE, NOW, SECOND, SHOP, merged

STAGING, PRODUCTION = "staging", "production"
ASKED = Asked(named=(Named(name=STAGING, branch="main"), Named(name=PRODUCTION, tags="v*", after=(STAGING,))))
POLICIES = {
    STAGING: Policy(branches=("main",), protected=("*",), is_named=True, inputs="one"),
    PRODUCTION: Policy(branches=("v*",), protected=("*",), is_named=True, inputs="one"),
}
COMMITS = tuple(digit * 40 for digit in "1234")
TAGS = ("v1", "v2", "v10", "v3-rc.1")
ORDER = ("v1", "v2", "v10")
NAME, COMMIT, TAG = st.sampled_from([STAGING, PRODUCTION]), st.sampled_from(COMMITS), st.sampled_from(TAGS)
EVENTS = st.one_of(
    *[st.tuples(st.just("push"), COMMIT)] * 2,
    *[st.tuples(st.just("release"), TAG)] * 3,
    st.tuples(st.just("tag"), TAG, COMMIT),
    st.tuples(st.just("untag"), TAG),
    *[st.tuples(st.just("look"), st.booleans())] * 4,
    st.tuples(st.just("outage")),
    *[st.tuples(st.just("work"), NAME)] * 5,
    st.tuples(st.just("crash"), NAME, st.integers(0, 5)),
    *[st.tuples(st.just("tests"), st.booleans())] * 3,
    *[st.tuples(st.just("approve"))] * 2,
    st.tuples(st.just("promote")),
    st.tuples(st.just("resume")),
    st.tuples(st.just("time")),
)
Event = tuple[Any, ...]


@dataclass
class World:
    """A remote, records, the cloud; and what was seen and said, by which a witness knows what production may have."""

    now: datetime = NOW
    main: str = COMMITS[0]
    tags: dict[str, str] = field(default_factory=dict)
    records: dict[str, Environment] = field(default_factory=dict)
    cloud: dict[str, str] = field(default_factory=dict)
    releases: dict[tuple[str, str], Release] = field(default_factory=dict)
    first_seen: dict[str, str] = field(default_factory=dict)
    let_through: set[tuple[str, str]] = field(default_factory=set)
    promoted: set[str] = field(default_factory=set)
    tested: set[str] = field(default_factory=set)
    had: list[str] = field(default_factory=list)

    def fork(self) -> "World":
        """The same world, to try a way out that it does not take."""
        copied: dict[str, Any] = {
            name: type(value)(value)
            for name, value in vars(self).items()
            if isinstance(value, dict | set | list)
        }
        return replace(self, **copied)

    # --- what happens ------------------------------------------------------------------------

    def happen(self, event: Event) -> None:
        """One event by its name; then what could be decided is judged."""
        getattr(self, f"on_{event[0]}")(*event[1:])
        for name in self.records:
            self.decide(name)

    def on_push(self, commit: str) -> None:
        """The branch moves, by force or not."""
        self.main = commit

    def on_release(self, tag: str) -> None:
        """What the branch has gets a tag, a new one or an old one's name."""
        self.tags[tag] = self.main

    def on_tag(self, tag: str, commit: str) -> None:
        """Any commit gets a tag."""
        self.tags[tag] = commit

    def on_untag(self, tag: str) -> None:
        """A tag is deleted."""
        self.tags.pop(tag, None)

    def on_look(self, is_sound: bool) -> None:
        """A complete listing."""
        self.now += 30 * SECOND
        listing = Listing("main", {"main": self.main}, {n: GitTag(c, c) for n, c in self.tags.items()})
        for name, commit in self.tags.items():
            self.first_seen.setdefault(name, commit)
        evidence = Evidence.SOUND if is_sound else Evidence.UNSURE
        known = self.records.values()
        self.records = merged(
            self.records, observe(SHOP, known, listing, (), self.now, evidence=evidence, asked=ASKED)
        )

    def on_outage(self) -> None:
        """A look that fails."""
        self.records = merged(self.records, observe_failure(self.records.values()))

    def on_work(self, name: str) -> None:
        """The next step, to its end; what became of it if it were cut off is tried on the way."""
        for number, write in enumerate(self.step(name)):
            if number:
                self.fork().recover()
            self.put(name, write)

    def on_crash(self, name: str, after: int) -> None:
        """The next step, of which only some writes come about."""
        for write in self.step(name)[:after]:
            self.put(name, write)

    def on_tests(self, pass_: bool) -> None:
        """The tests of what is ready in staging end."""
        commit = self.records[STAGING].applied.commit if STAGING in self.records else None
        known = self.releases.get((STAGING, commit or ""))
        if commit is not None and known is not None and self.records[STAGING].status is Status.READY:
            self.releases[STAGING, commit] = replace(known, tested_at=self.now if pass_ else None)
            if pass_:
                self.tested.add(commit)

    def on_approve(self) -> None:
        """A person lets through what she is shown."""
        found = self.records.get(PRODUCTION)
        offered = found.tagged.offered if found is not None and found.tagged is not None else None
        if found is not None and offered is not None and found.hold.guard is Guard.TAG:
            self.let_through.add((offered.name, offered.commit))
            self.put(PRODUCTION, Write(partial(wishes.let_through, guard=Guard.TAG)))

    def on_promote(self) -> None:
        """A person has what staging has come to production: the hold is on record, the daemon goes on with it."""
        commit = self.records[STAGING].applied.commit if STAGING in self.records else None
        production = self.records.get(PRODUCTION)
        if commit is not None and production is not None and not production.is_missing:
            self.promoted.add(commit)
            pin = Pin(commit, production.commit, STAGING)
            self.put(PRODUCTION, Write(lambda e: wishes.held_at(e, pin)))

    def on_resume(self) -> None:
        """A hold ends."""
        if PRODUCTION in self.records and self.records[PRODUCTION].pin is not None:
            self.put(PRODUCTION, Write(wishes.resumed))

    def on_time(self) -> None:
        """Much time passes."""
        self.now += timedelta(days=9)

    # --- how ---------------------------------------------------------------------------------

    def decide(self, name: str) -> Decision:
        """What is decided, judged."""
        environment = self.records[name]
        before = None
        if name == PRODUCTION and environment.target != environment.applied.commit:
            staging = [e for e in self.records.values() if e.id.name == STAGING]
            release = self.releases.get((STAGING, environment.target))
            if (PRODUCTION, environment.target) not in self.releases:
                before = awaited(environment, environment.target, [Stage(STAGING, staging, [release])])
        decision = decide(environment, POLICIES[name], Neighbours(before=before), self.now, asked=True)
        assert not isinstance(decision, Destroy | Stop | Close), "a named environment stays"
        if isinstance(decision, Apply):
            self.judge(environment)
        return decision

    def judge(self, environment: Environment) -> None:
        """Whether what is to be applied may be."""
        commit, applied = environment.target, environment.applied.commit
        is_whole = environment.status is Status.READY and applied == commit
        assert not is_whole, "never twice"
        if environment.id.name == STAGING or commit == applied:
            return
        assert commit in self.tested or commit in self.had, "never production before staging"
        if environment.pinned_commit is not None:
            assert commit in self.promoted
            return
        tag = (environment.branch, commit)
        assert tag in self.let_through or commit == self.first_seen[environment.branch], "a moved tag waits"
        assert environment.branch in ORDER, "no pre-release"

    def step(self, name: str) -> Sequence[Write]:
        """What is decided for an environment, as writes; that it is ready is noted before its record says so."""
        if name not in self.records:
            return ()
        return writes(self.records[name], self.decide(name), POLICIES[name], self.now)

    def put(self, name: str, write: Write) -> None:
        """One durable write."""
        if write.cloud is not None:
            self.cloud[name] = write.cloud
            if write.cloud != HALF:
                self.note(name, write.cloud)
        elif write.change is not None:
            self.records = {**self.records, name: write.change(self.records[name])}

    def note(self, name: str, commit: str) -> None:
        """A commit is ready somewhere."""
        identity = EnvironmentId("acme", "shop", name)
        known = self.releases.get((name, commit))
        tested = self.now if name == PRODUCTION else None
        self.releases[name, commit] = known or Release(
            environment=identity, commit=commit, ready_at=self.now, tested_at=tested
        )
        if name == PRODUCTION:
            self.had.append(commit)

    def recover(self) -> None:
        """From here, without faults and with people who test and approve, all becomes as the remote wants it."""
        newest = next((self.tags[tag] for tag in reversed(ORDER) if tag in self.tags), None)
        self.main = newest or self.main
        for _ in range(4):
            self.now += 10 * MINUTE
            self.on_look(is_sound=True)
            self.on_resume()
            for name in (STAGING, PRODUCTION):
                for _ in range(2):
                    for write in self.step(name):
                        self.put(name, write)
                    self.on_tests(pass_=True)
                    self.on_approve()
        assert self.cloud[STAGING] == self.main
        production = self.records.get(PRODUCTION)
        if production is not None and newest is not None and not production.is_missing:
            is_newest = self.tags.get(production.branch) == production.commit
            assert is_newest, "the newest tag, or a newer one that was a person's"
            assert self.cloud.get(PRODUCTION) == production.commit or production.commit not in self.tested


@settings(FIXED, max_examples=examples(60))
@given(events=st.lists(EVENTS, min_size=15, max_size=40))
def test_any_history_keeps_production_behind_staging(events: list[Event]) -> None:
    """After every write of it, and from wherever it is cut off."""
    world = World()
    for event in [("look", True), ("work", STAGING), ("tests", True), ("release", "v1"), ("look", True)]:
        world.happen(event)
    for event in events:
        world.happen(event)
    world.recover()
