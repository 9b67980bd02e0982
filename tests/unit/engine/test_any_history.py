"""Any history of pushes, deletions, failures, deaths, wishes, drift and time: what must hold, holds at each step of it.

By what was seen and said, not by what envmgr has recorded, a history knows whether Terraform may do what it is about to.
"""

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp

import pytest
import structlog
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from envmgr.commands import operations, rollback, steering
from envmgr.commands.pipeline import approvals
from envmgr.domain.errors import EnvmgrError
from envmgr.domain.rules.approval.words import lets_through
from envmgr.domain.values.deployment import DeployRules
from envmgr.domain.values.drift import DriftRules
from envmgr.domain.values.environment import Environment, Guard, Status, Suspension
from envmgr.domain.values.health import HealthCheck
from envmgr.domain.values.pipeline.proposal import Gates, Terms
from envmgr.domain.values.schedule import Schedule
from envmgr.domain.values.step import Step
from envmgr.engine.context.organization import TimeToLive
from tests.support.examples import histories
from tests.support.in_memory.daemon import Daemon
from tests.support.in_memory.rules import BROKEN, MODULE, POLICY, SHOP, Rules
from tests.support.in_memory.terraform import Point
from tests.support.in_memory.world import World

NAMES = ("alice", "bob", "carol")
NAME = st.sampled_from(NAMES)
MODULES = {"small": MODULE, "large": MODULE.replace("small", "large"), "broken": BROKEN}
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WELL, ILL = (200, ""), (503, "")
DRIFT = DriftRules(action="correct", interval=HOUR)
UP, DOWN = 8, 20
KINDS = {
    "drifting": Rules(drift=DRIFT),
    "deployed": Rules(
        deploy=DeployRules(
            steps=(Step(name="start", run="! test -f bad"),),
            on_destroy=(Step(name="stop", run="true"),),
            health=HealthCheck(url="{outputs.url}", timeout=timedelta(seconds=5)),
            on_unhealthy="previous",
        )
    ),
    "of applications": Rules(applications={"base": (), "page": ("base",)}, drift=DRIFT),
    "approved": Rules(gates=Gates(approval=Terms(needed=1, allows_author=True, expires=DAY))),
    "timed": Rules(
        ttl=TimeToLive(default=3 * DAY, max=9 * DAY),
        schedule=Schedule(up=f"0 {UP} * * *", down=f"0 {DOWN} * * *"),
    ),
}


class Histories(RuleBasedStateMachine):
    """A remote, people, a cloud and time, against daemons of envmgr."""

    def __init__(self) -> None:
        super().__init__()
        structlog.configure(processors=[_silent])
        self.folder = Path(mkdtemp(prefix="history-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
        self.gone: dict[str, list[datetime]] = {name: [] for name in NAMES}
        self.confirmed: set[str] = set()
        self.settled: dict[str, str] = {}
        self.checked: dict[str, datetime] = {}
        self.left_alone: set[str] = set()
        self.lost = 0

    @initialize(kind=st.sampled_from(sorted(KINDS)))
    def begins(self, kind: str) -> None:
        """By some rules."""
        self.kind, self.wants = kind, KINDS[kind]
        self.world = World(self.folder, self.wants)
        self.world.objects = self.objects
        self.world.git.listed = self.listed
        self.world.probe.answers = {f"http://{name}": WELL for name in NAMES}
        self.second = Daemon(self.world, self.world.host, self.world.terraform)

    def teardown(self) -> None:
        """In the end, with nothing in the way, everything comes to what its branch says."""
        if hasattr(self, "world"):
            self.ends()
        shutil.rmtree(self.folder, ignore_errors=True)

    def ends(self) -> None:
        """All that is in the way is taken away, and a day's work done; an audit then has nothing to say."""
        world = self.world
        self.settled.clear()
        world.shop.is_away = world.place.is_full = world.cloud.is_away = False
        world.probe.answers = {f"http://{name}": WELL for name in NAMES}
        world.now = (world.now + DAY).replace(hour=UP, minute=0)
        for name in NAMES:
            if self.branch(name):
                self.push(name, "small", is_bad=False)
        world.restart()
        self.looks(timedelta())
        self.each(steering.resume)
        for _ in range(9):
            self.looks(timedelta(minutes=65))
            self.checks()
            self.each(steering.approve)
        world.check()
        for record in world.store.environments(destroyed=True):
            branch = self.branch(record.id.name)
            wanted = Status.READY if branch else Status.DESTROYED
            assert record.status is wanted, (record.label, record.status, record.message)
            there = world.in_cloud(record.id.name, record.id.application)
            assert len(there) == (wanted is Status.READY), (record.label, there)
            assert branch is None or record.applied.commit == branch
            assert branch is None or not self.wants.deploy.digest or record.deployment
        assert [finding.what for finding in world.daemon.findings()] == []
        assert not [run for run in world.store.runs() if run.finished_at is None]
        for daemon in (world.daemon, world.person, self.second):
            daemon.restart()

    # --- what is known of the world ----------------------------------------------------------------

    def branch(self, name: str) -> str | None:
        """What its branch points at."""
        return self.world.shop.head(f"env-{name}")

    def records(self) -> list[Environment]:
        """All there are."""
        return list(self.world.store.environments(destroyed=True))

    def listed(self, branches: frozenset[str] | None) -> None:
        """Notes what a look at the remote showed; None where it failed."""
        for name in NAMES:
            if branches is not None and f"env-{name}" not in branches:
                self.gone[name].append(self.world.now)
            else:
                self.gone[name] = []

    def objects(self, record: Environment, point: Point) -> str:
        """Why a promise forbids what Terraform is about to do to an environment."""
        if not point.destroys and not self.is_approved(record):
            return "changed, though nobody approved just that"
        if point.destroys:
            whys = [self.why_not_gone(record), self.why_not_ended(record)]
            return "" if "" in whys else f"destroyed, but {' and '.join(whys)}"
        acting = self.world.acting[-1] if self.world.acting else None
        if acting is not None and acting.checks == record.label:
            return self.why_not_corrected(record, point)
        is_settled = self.settled.get(record.label) == (record.claim and record.claim.commit)
        return (
            "changed, though it was as its branch wants it, and nobody looked for drift" if is_settled else ""
        )

    def is_approved(self, record: Environment) -> bool:
        """Whether people have approved what is about to be applied, where they are to be asked."""
        if self.wants.gates.approval is None:
            return True
        proposal, claim = record.proposal, record.claim
        return (
            proposal is not None
            and claim is not None
            and lets_through(
                proposal, claim.commit, proposal.digest, self.wants.gates.approval, self.world.now
            )
        )

    def why_not_gone(self, record: Environment) -> str:
        """Why it is not surely gone, by what looks at the remote showed."""
        seen = self.gone[record.id.name]
        if len(seen) < POLICY.confirmations:
            return f"its branch was found missing {len(seen)} times"
        if self.world.now - seen[0] < POLICY.grace_period:
            return "its grace period is not over"
        leaving = {e.id.name for e in self.records() if e.is_open and e.absence is not None}
        is_let_through = record.hold.approved is Guard.MASS_DESTROY or len(leaving) <= POLICY.max_at_once
        is_known = is_let_through or self.world.daemon.life.meets_at is not None
        return "" if is_known else "it went away together with too many"

    def why_not_ended(self, record: Environment) -> str:
        """Why neither a person nor its rules want its end."""
        is_over = record.life.expires_at is not None and record.life.expires_at <= self.world.now
        is_down = self.wants.schedule is not None and not UP <= self.world.now.hour < DOWN
        by_hand = record.id.name in self.confirmed and record.suspended_by is Suspension.DESTROY
        return "" if is_over or is_down or by_hand else "nothing else wants its end"

    def why_not_corrected(self, record: Environment, point: Point) -> str:
        """Why its drift has to wait for a person."""
        last = self.checked.get(record.label)
        if point.deletes:
            return "its drift was corrected by deleting something"
        if self.world.store.repository(SHOP).error:
            return "its drift was corrected though its remote is away"
        gap = last is not None and self.world.now - last > 3 * DRIFT.interval
        return "its drift was corrected after a long gap" if gap else ""

    def remember(self) -> None:
        """Notes who is as its branch wants it: only a check for drift may have it changed from here on."""
        self.settled = {
            e.label: e.applied.commit
            for e in self.records()
            if e.status is Status.READY
            and e.applied.fingerprint is not None
            and e.applied.commit is not None
            and e.applied.commit == e.target == self.branch(e.id.name)
            and all(run.finished_at for run in self.world.store.runs(e.id))
        }

    def keeps_a_state(self) -> bool:
        """Whether a state could be written nowhere but into the data folder."""
        return any((self.folder / self.world.host.name).rglob("errored.tfstate"))

    # --- what happens ------------------------------------------------------------------------------

    def looks(self, pause: timedelta, daemon: Daemon | None = None) -> None:
        """Time passes, and envmgr looks and works."""
        (daemon or self.world.daemon).turn(seconds=pause.total_seconds())
        self.confirmed -= {e.id.name for e in self.records() if e.claim is None}

    def each(self, wish: Callable[..., object]) -> None:
        """A person says it of every environment."""
        for record in self.records():
            self.says(wish, record)

    def says(self, wish: Callable[..., object], record: Environment, *more: object) -> bool:
        """Says something of an environment; whether it was taken."""
        self.settled.pop(record.label, None)
        person = self.world.person
        try:
            now = self.world.environment(record.id.name, record.id.application)
            person.does(lambda: wish(person.application, now, *more))
        except EnvmgrError:
            return False
        finally:
            if wish is not steering.approve:
                self.left_alone.discard(record.label)
        if wish is steering.suspend:
            self.left_alone.add(record.label)
        return True

    @rule(name=NAME, module=st.sampled_from(sorted(MODULES)), is_bad=st.booleans())
    def push(self, name: str, module: str, is_bad: bool) -> None:
        """Also as a branch that comes back; code that is bad cannot be deployed."""
        self.world.push(
            name, MODULES[module], **({"bad": ""} if is_bad and self.wants.deploy.digest else {"bad": None})
        )

    @rule(name=NAME)
    def delete(self, name: str) -> None:
        """One branch."""
        if self.branch(name):
            self.world.delete(name)

    @rule(minutes=st.sampled_from([0, 1, 6, 6, 90, 700]), times=st.integers(1, 3))
    def turn(self, minutes: int, times: int) -> None:
        """The usual."""
        for _ in range(times):
            self.remember()
            self.looks(timedelta(minutes=minutes))

    @rule(minutes=st.sampled_from([0, 6, 70]))
    def work(self, minutes: int) -> None:
        """What is due by the clock alone, without a look at the remote."""
        self.remember()
        self.world.forward(minutes=minutes)
        self.world.daemon.work()

    @rule(number=st.integers(1, 160), after=st.booleans(), takes_all=st.booleans())
    def death(self, number: int, after: bool, takes_all: bool) -> None:
        """The process dies at some call, with Terraform or without."""
        self.settled.clear()
        self.world.restart(dies_at=number, after=after)
        self.looks(timedelta(minutes=1))
        # Killed while its state can be written nowhere, Terraform itself loses what it has made: nobody promises more.
        self.world.restart(kills_terraform=takes_all and not self.world.place.is_full)

    @rule(
        number=st.integers(1, 160),
        what=st.sampled_from(["second", "push", "delete", "suspend", "destroy", "time"]),
    )
    def meanwhile(self, number: int, what: str) -> None:
        """Something happens while the daemon is at some call; another daemon's pass, too."""
        self.settled.clear()
        life = self.world.daemon.life
        life.meets_at, life.meets = life.calls + number, lambda: self.happens(what)
        self.looks(timedelta(minutes=6))
        self.world.daemon.life.meets_at = None

    def happens(self, what: str) -> None:
        """One thing, to the environments in turn."""
        name = NAMES[len(self.world.store.runs()) % len(NAMES)]
        match what:
            case "second":
                self.second.turn()
            case "push":
                self.world.push(name)
            case "delete":
                self.delete(name)
            case "time":
                self.world.forward(minutes=6)
            case _:
                self.wish(what, name)

    @rule(what=st.sampled_from(["shop", "cloud", "place"]), is_bad=st.booleans())
    def outage(self, what: str, is_bad: bool) -> None:
        """Something does not answer, or does again."""
        match what:
            case "place":
                self.world.place.is_full = is_bad
            case "cloud":
                self.world.cloud.is_away = is_bad
            case _:
                self.world.shop.is_away = is_bad

    @rule(
        what=st.sampled_from(["suspend", "resume", "approve", "reject", "extend", "destroy", "rollback"]),
        name=NAME,
    )
    def wish(self, what: str, name: str) -> None:
        """A person says something of an environment."""
        for record in self.world.records(name):
            match what:
                case "extend":
                    self.says(lambda a, e: steering.extend(a, [e], 2 * DAY), record)
                case "destroy":
                    self.confirmed.add(name)
                    self.says(operations.destroy, record, lambda *_: True)
                case "rollback":
                    self.says(rollback.roll_back, record, "previous", lambda *_: True)
                case "reject":
                    self.says(approvals.reject, record)
                case _:
                    self.says(getattr(steering, what), record)

    @precondition(lambda self: self.wants.drift.action != "off")
    @rule(name=NAME, how=st.sampled_from(["altered", "untagged", "deleted"]))
    def by_hand(self, name: str, how: str) -> None:
        """Somebody changes the cloud behind Terraform's back."""
        for arn in self.world.in_cloud(name)[:1]:
            match how:
                case "altered":
                    self.world.cloud.inputs[arn] = "by hand"
                case "untagged":
                    tags = self.world.cloud.resources[arn]
                    self.world.cloud.resources[arn] = {k: v for k, v in tags.items() if k != "branch"}
                case _:
                    del self.world.cloud.resources[arn]

    @precondition(lambda self: self.wants.drift.action != "off")
    @rule(minutes=st.sampled_from([0, 70, 70, 300]))
    def drift(self, minutes: int) -> None:
        """What is due is looked at for drift."""
        self.remember()
        self.world.forward(minutes=minutes)
        self.checks()

    def checks(self) -> None:
        """Checks what is due, and notes when who was."""
        self.world.daemon.look_for_drift()
        found = {e.label: e.drift.checked_at for e in self.records() if e.drift is not None}
        self.checked |= {label: at for label, at in found.items() if at is not None}

    @precondition(lambda self: self.wants.deploy.health is not None)
    @rule(name=NAME, answer=st.sampled_from([WELL, ILL]), times=st.integers(0, 3))
    def health(self, name: str, answer: tuple[int, str], times: int) -> None:
        """Somebody's page falls ill, or gets well; they are asked."""
        self.world.probe.answers[f"http://{name}"] = answer
        for _ in range(times):
            self.world.forward(seconds=40)
            self.world.daemon.ask_health()

    @precondition(lambda self: self.lost == 0 and not self.keeps_a_state())
    @rule()
    def records_are_lost(self) -> None:
        """Once, with the data folder; what is beside the states brings them back.

        Not while a state that could be written nowhere else lies in it: then what was made is lost, and nobody promises more.
        """
        self.lost += 1
        self.settled.clear()
        self.checked.clear()
        self.world.shop.is_away = False
        self.world.lose_records()
        self.second.restart()
        self.looks(timedelta())

    @invariant()
    def promises(self) -> None:
        """Nothing is lost, and nothing was done that must not be; what is not sure is not shown as ready."""
        if not hasattr(self, "world"):
            return
        self.world.check()
        for record in self.records():
            if record.label in self.left_alone and record.is_open:
                assert record.suspended_by is Suspension.PERSON, record.label
            if record.status in (Status.READY, Status.DEGRADED):
                assert record.claim is not None, record.label
                assert record.applied.commit is not None, record.label
                assert not record.ending, record.label
                assert record.hold.guard is not Guard.DRIFT, record.label


def _silent(*_: object) -> dict[str, object]:
    raise structlog.DropEvent


@pytest.mark.timeout(1200)
def test_what_must_hold_holds_in_any_history() -> None:
    run_state_machine_as_test(
        Histories, settings=settings(max_examples=histories(60), stateful_step_count=30, deadline=None)
    )
