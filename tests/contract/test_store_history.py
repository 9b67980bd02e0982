"""Any history of looks, work, people and crashes over a real store: only what is surely gone is destroyed."""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from envmgr.adapters.store.connect import open_store
from envmgr.domain.errors import LeaseLost, PlaceMissing, Transient
from envmgr.domain.rules.decide import decide
from envmgr.domain.rules.neighbours import active, active_ones, leaving
from envmgr.domain.rules.observation import Listing
from envmgr.domain.values.decision import Decision, Destroy
from envmgr.domain.values.environment import Environment, Event, Guard, Lease, ProcessId, Status
from envmgr.domain.values.names import EnvironmentId, RepositoryId
from envmgr.domain.values.origins.named import Asked
from envmgr.domain.values.policy import Neighbours, Policy
from envmgr.engine.context.organization import Ownership, Rebuilding
from envmgr.engine.reconcile.poller import Poller
from tests.support.examples import examples
from tests.support.steps import NOTHING, Write, failure, writes
from tests.support.store import MINUTE, NOW, SECOND, having
from tests.support.witness import Look, Witness

NAMES = ("a", "b", "c", "prod")
COMMITS = ("1" * 40, "2" * 40)
PATTERNS = ("env-*",)
POLICIES = st.builds(
    Policy,
    branches=st.just(PATTERNS),
    protected=st.sampled_from([(), ("env-prod",)]),
    confirmations=st.integers(1, 3),
    grace_period=st.sampled_from([timedelta(0), 5 * MINUTE]),
    max_at_once=st.integers(0, 3),
    inputs=st.just("one"),
)
NAME, SOME = st.sampled_from(NAMES), st.sets(st.sampled_from(NAMES), min_size=1)
_numbers = itertools.count(1)


class _NoPlace:
    """The place for states before the first apply made it: nobody's mark is there."""

    def get(self, key: str) -> bytes | None:
        """Nothing can be there yet."""
        raise PlaceMissing(key)


_ORGANIZATION = SimpleNamespace(
    name="acme",
    rebuilding=Rebuilding(is_done=True),
    ownership=Ownership(),
    state=_NoPlace,
    # Nobody freezes anything here, so nothing is to be kept.
    unkept_until=datetime.max.replace(tzinfo=UTC),
)


class History(RuleBasedStateMachine):
    """One repository, in an organization of its own for each example, in a database that all share."""

    def __init__(self, location: str, folder: Path) -> None:
        super().__init__()
        self.location, self.folder = location, folder
        self.repository = RepositoryId(f"acme{next(_numbers)}", "shop")
        self.polled = SimpleNamespace(
            id=self.repository,
            branches=PATTERNS,
            watched=PATTERNS,
            watched_tags=(),
            asked=Asked(),
            images=(),
            environments={},
            remote=lambda: SimpleNamespace(url="https://git.example.com/shop.git"),
            organization=_ORGANIZATION,
        )
        self.policy, self.now = Policy(), NOW
        self.remote: dict[str, str] = {}
        self.default, self.answers = "main", True
        self.cloud: dict[str, str] = {}
        self.witness = Witness()
        self.saved: str | None = None  # the default branch as a complete look last left it in the database
        self.life = 0
        self.abandoned: list[Lease] = []
        self._open()

    def _open(self) -> None:
        """A new process; another one looks at the same remote from time to time."""
        self.life += 1
        self.store = open_store(self.location, self.folder)
        services: Any = SimpleNamespace(
            store=self.store,
            git=self,
            clock=lambda: self.now,
            record=lambda *_, **__: None,
            event=self.event,
            takes_over=False,
            organizations={},
        )
        self.pollers = [Poller(services), Poller(services)]
        self.known: list[str | None] = [None, None]  # the default branch as each of them has it in mind

    def teardown(self) -> None:
        """Give the connections back."""
        self.store.close()

    def listing(self, *_: object) -> Listing:
        """The remote's answer, as the port has it."""
        if not self.answers:
            raise Transient("away")
        return Listing(self.default, {self.default: COMMITS[0], **self.remote})

    def event(self, identity: EnvironmentId, action: str, message: str, **more: Any) -> Event:
        """What happened, as the services have it."""
        return Event(at=self.now, environment=identity, action=action, message=message, **more)

    # --- the world ---------------------------------------------------------------------------

    @initialize(policy=POLICIES)
    def begin(self, policy: Policy) -> None:
        """All branches are there and applied."""
        self.policy = policy
        self.come(set(NAMES), COMMITS[0])
        self.work(set(NAMES))

    @rule(names=SOME, commit=st.sampled_from(COMMITS))
    def come(self, names: set[str], commit: str) -> None:
        """Branches come, come back, or move, and are seen."""
        self.remote.update({f"env-{name}": commit for name in names})
        self.look(1, 0)

    @rule(names=SOME)
    def delete(self, names: set[str]) -> None:
        """Branches go away; nobody has looked yet."""
        for name in names:
            self.remote.pop(f"env-{name}", None)

    @rule(names=SOME)
    def leave(self, names: set[str]) -> None:
        """Branches go away and stay away, and all that follows is done."""
        self.delete(names)
        self.look(3, 0)
        self.time(6 * MINUTE)
        self.work(set(NAMES))

    @rule(passes=st.sampled_from([6 * MINUTE, 300 * MINUTE, -60 * MINUTE]))
    def time(self, passes: timedelta) -> None:
        """Time passes, or the clock is set back."""
        self.now += passes

    @rule(names=SOME)
    def rename(self, names: set[str]) -> None:
        """The default branch gets another name while branches are away."""
        self.default = "trunk" if self.default == "main" else "main"
        self.delete(names)
        self.look(1, 0)

    @rule(names=SOME)
    def blink(self, names: set[str]) -> None:
        """All is quiet; then branches are away for a moment, which only another process sees."""
        self.come(set(NAMES), COMMITS[0])
        before = dict(self.remote)
        self.delete(names)
        self.look(1, 1)
        self.remote = before
        self.look(1, 0)

    @rule()
    def outage(self) -> None:
        """A look that fails."""
        self.answers = False
        self.look(1, 0)
        self.answers = True

    @rule(times=st.sampled_from([1, 1, 2, 3]), who=st.sampled_from([0, 0, 1]))
    def look(self, times: int, who: int) -> None:
        """Looks in a row, by the daemon or by another process."""
        for _ in range(times):
            self.now += 30 * SECOND
            polled = self.pollers[who].poll(cast(Any, self.polled))
            assert bool(polled.error) == (not self.answers)
            self._note(who)

    def _note(self, who: int) -> None:
        if self.known[who] is None:
            self.known[who] = self.saved
        if not self.answers:
            self.witness.saw(Look(self.now, None))
            return
        trusted = self.known[who] in (None, self.default)
        self.witness.saw(Look(self.now, frozenset(self.remote), trusted, PATTERNS))
        self.known[who] = self.saved = self.default
        shown = {e.branch: e.commit for e in self.records() if e.is_open and e.branch in self.remote}
        assert shown == self.remote, "every branch that was seen has its environment"

    # --- people ------------------------------------------------------------------------------

    @rule(name=NAME)
    def approve(self, name: str) -> None:
        """What a guard holds is let through."""
        found = self.record(name)
        if found.hold.guard is Guard.MASS_DESTROY and found.is_open:
            self.store.update(found.id, None, self.now, having(approved=found.hold.guard))
            self.witness.approves(found.branch)

    @rule(name=NAME)
    def suspend(self, name: str) -> None:
        """It is to be left alone."""
        if self.record(name).is_open:
            self.store.update(
                self.identity(name), None, self.now, having(suspended="by bob", suspended_commit=None)
            )

    @rule(name=NAME)
    def resume(self, name: str) -> None:
        """It is to be managed again."""
        if self.record(name).suspended:
            fresh: dict[str, Any] = {"suspended": "", "suspended_commit": None, "expires_at": None}
            self.store.update(self.identity(name), None, self.now, having(**fresh, status=Status.PENDING))

    # --- work --------------------------------------------------------------------------------

    @rule()
    def restart(self) -> None:
        """The process ends between two pieces of work; the next one finds what it left."""
        before = self.records()
        self.store.close()
        self._open()
        assert self.records() == before

    @rule(names=SOME)
    def work(self, names: set[str]) -> None:
        """The next step of each."""
        for name in sorted(names):
            self._step(name, dies_after=99)

    @rule(name=NAME, after=st.integers(0, 5), pushed=st.booleans())
    def die(self, name: str, after: int, pushed: bool) -> None:
        """The next step, of which only some writes come about; then another process takes it up."""
        if pushed:
            self.come({name}, next(c for c in COMMITS if c != self.remote.get(f"env-{name}")))
        self._step(name, after)
        self._step(name, dies_after=99)

    @rule(name=NAME, after=st.integers(1, 5), who=st.sampled_from([0, 1]))
    def work_while_looked_at(self, name: str, after: int, who: int) -> None:
        """The next step, between two writes of which somebody looks at the remote."""
        lease = self._take(name)
        environment, decision = self.record(name), self._decide(name)
        todo = writes(environment, decision, self.policy, self.now)
        for number, write in enumerate(todo):
            if number == after:
                self.look(1, who)
            if write.cloud is not None and isinstance(decision, Destroy):
                decision = self._decide(name) if number <= after else decision
                if not isinstance(decision, Destroy):
                    break  # as the daemon does: what it planned is no longer wanted
            self._put(name, write, lease)
        self.store.release(lease)

    @rule(name=NAME, after=st.integers(1, 4))
    def fail(self, name: str, after: int) -> None:
        """The next step, which fails half-way and says so."""
        lease = self._take(name)
        todo = writes(self.record(name), self._decide(name), self.policy, self.now)
        for write in todo[: min(after, len(todo) - 1)]:
            self._put(name, write, lease)
        if len(todo) > 1:
            self._put(name, failure(self.record(name), self.policy, self.now, for_good=False), lease)
        self.store.release(lease)

    def _step(self, name: str, dies_after: int) -> None:
        lease = self._take(name)
        todo = writes(self.record(name), self._decide(name, carried_out=True), self.policy, self.now)
        for write in todo[:dies_after]:
            self._put(name, write, lease)
        if dies_after < len(todo):
            self.abandoned.append(lease)
            self.restart()
        else:
            self.store.release(lease)

    def _take(self, name: str) -> Lease:
        """The lease, which a dead process's does not keep from us; that one's writes are refused from now on."""
        owner = ProcessId("host", "boot", self.life, 1)
        taken = self.store.acquire(
            self.identity(name), owner, "work", self.now, MINUTE, lambda other: other.pid < self.life
        )
        assert isinstance(taken, Lease)
        for dead in [lease for lease in self.abandoned if lease.environment == taken.environment]:
            self.abandoned.remove(dead)
            with pytest.raises(LeaseLost):
                self.store.update(
                    dead.environment, dead, self.now, having(claim=None, status=Status.DESTROYED)
                )
        return taken

    def _decide(self, name: str, *, carried_out: bool = False) -> Decision:
        return self._decided(self.record(name), self.records(), carried_out=carried_out)

    def _decided(
        self, environment: Environment, all_: Sequence[Environment], *, carried_out: bool = False
    ) -> Decision:
        neighbours = Neighbours(
            leaving=leaving(all_), active=active(active_ones(e for e in all_ if e.id != environment.id))
        )
        decision = decide(environment, self.policy, neighbours, self.now, asked=True)
        together = self.witness.leaving(all_)
        self.witness.judge(environment, decision, self.policy, together, self.now)
        if carried_out and getattr(decision, "hold", None) is Guard.MASS_DESTROY:
            self.witness.held.add(environment.branch)
        return decision

    def _put(self, name: str, write: Write, lease: Lease) -> None:
        if write.cloud == NOTHING:
            self.cloud.pop(name, None)
        elif write.cloud is not None:
            self.cloud[name] = write.cloud
        elif write.change is not None:
            after = self.store.update(self.identity(name), lease, self.now, write.change)
            if not after.is_open:
                self.witness.forget(after.branch)
        self.what_holds_between_any_two_writes()

    # --- what must hold ----------------------------------------------------------------------

    def identity(self, name: str) -> EnvironmentId:
        """An environment of this example's."""
        return EnvironmentId(self.repository.organization, self.repository.name, name)

    def record(self, name: str) -> Environment:
        """Its record."""
        found = self.store.environment(self.identity(name))
        assert found is not None
        return found

    def records(self) -> Sequence[Environment]:
        """All of them, destroyed ones too."""
        return self.store.environments(repository=self.repository, destroyed=True)

    @invariant()
    def what_holds_between_any_two_writes(self) -> None:
        """Claimed before it is created; what is destroyed has nothing; missing is what was seen to be gone."""
        found = {e.id.name: e for e in self.records()}
        assert self.cloud.keys() <= {name for name, e in found.items() if e.claim is not None}
        for record in found.values():
            assert record.is_open or record.claim is None
            assert not record.is_open or record.is_missing == self.witness.is_away(record.branch)

    @invariant()
    def whatever_would_be_done_now_is_right(self) -> None:
        """Each decision that could be taken is judged, taken or not."""
        found = self.records()
        for record in found:
            self._decided(record, found)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("kind", "most"), [("sqlite", 10), ("postgresql", 6)])
def test_any_history_over_a_real_store(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, most: int
) -> None:
    """With the process ended and the store opened again between any two writes."""
    location = "envmgr.db" if kind == "sqlite" else request.getfixturevalue("postgres_database")

    class Here(History):
        def __init__(self) -> None:
            super().__init__(location, tmp_path)

    few = settings(derandomize=True, deadline=None, database=None, max_examples=examples(most))
    run_state_machine_as_test(Here, settings=settings(few, stateful_step_count=25))
