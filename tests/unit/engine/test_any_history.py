"""Any history of pushes, deletions, failures, deaths, wishes and time: what must hold, holds at each step of it."""

import shutil
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from envmgr.commands import steering
from envmgr.domain.errors import EnvmgrError
from envmgr.domain.values.environment import Environment, Status
from tests.support.in_memory.world import BROKEN, MODULE, RULES, World

NAMES = ("alice", "bob", "carol")
NAME = st.sampled_from(NAMES)
MODULES = (MODULE, MODULE.replace("small", "large"), BROKEN)


class Histories(RuleBasedStateMachine):
    """A remote, a person and time, against one process of envmgr after another."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(mkdtemp(prefix="history-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
        self.world = World(self.folder)
        self.world.may_destroy = self.why_not
        self.gone: dict[str, list[datetime]] = {}

    def teardown(self) -> None:
        """In the end, with nothing in the way, everything comes to what its branch says."""
        self.world.shop.is_away = self.world.place.is_full = self.world.cloud.is_away = False
        for name in NAMES:
            if self.branch(name):
                self.world.push(name)
        for name in self.known():
            with_wish(self, steering.resume, name)
        self.world.restart()
        for _ in range(8):
            self.looks(timedelta(hours=2))
            for name in self.known():
                with_wish(self, steering.approve, name)
        self.world.check()
        for name in self.known():
            wanted = Status.READY if self.branch(name) else Status.DESTROYED
            record = self.world.environment(name)
            assert record.status is wanted, (name, record.status, record.message)
            assert len(self.world.in_cloud(name)) == (wanted is Status.READY)
            assert wanted is Status.DESTROYED or record.applied.commit == self.branch(name)
        self.world.restart()
        shutil.rmtree(self.folder, ignore_errors=True)

    def known(self) -> list[str]:
        """The environments that there are records of."""
        return [e.id.name for e in self.world.store.environments(destroyed=True)]

    def branch(self, name: str) -> str | None:
        """What its branch points at."""
        return self.world.shop.head(f"env-{name}")

    def why_not(self, record: Environment) -> str:
        """Why a promise forbids that Terraform destroys it now; by what was seen, not by what is recorded."""
        seen = self.gone.get(record.id.name, [])
        if len(seen) < RULES.confirmations:
            return f"its branch was found missing {len(seen)} times"
        if self.world.now - seen[0] < RULES.grace_period:
            return "its grace period is not over"
        return ""

    def looks(self, pause: timedelta) -> None:
        """Time passes, and envmgr looks and works; what a look shows is noted first."""
        self.world.now += pause
        if not self.world.shop.is_away:
            for name in NAMES:
                if self.branch(name):
                    self.gone[name] = []
                else:
                    self.gone.setdefault(name, []).append(self.world.now)
        else:
            self.gone = {name: [] for name in self.gone}
        self.world.turn(1)

    @rule(name=NAME, module=st.sampled_from(MODULES))
    def push(self, name: str, module: str) -> None:
        """Also as a branch that comes back."""
        self.world.push(name, module)

    @rule(name=NAME)
    def delete(self, name: str) -> None:
        """One branch."""
        if self.branch(name):
            self.world.delete(name)

    @rule(minutes=st.sampled_from([0, 1, 6, 6, 90]), times=st.integers(1, 3))
    def turn(self, minutes: int, times: int) -> None:
        """The usual."""
        for _ in range(times):
            self.looks(timedelta(minutes=minutes))

    @rule(number=st.integers(1, 160), after=st.booleans(), takes_all=st.booleans())
    def death(self, number: int, after: bool, takes_all: bool) -> None:
        """The process dies at some call, with Terraform or without."""
        self.world.restart(dies_at=number, after=after)
        self.looks(timedelta(minutes=1))
        self.world.restart(kills_terraform=takes_all)

    @rule(what=st.sampled_from(["shop", "cloud", "place"]), is_bad=st.booleans())
    def outage(self, what: str, is_bad: bool) -> None:
        """Something does not answer, or does again."""
        if what == "place":
            self.world.place.is_full = is_bad
        elif what == "cloud":
            self.world.cloud.is_away = is_bad
        else:
            self.world.shop.is_away = is_bad

    @precondition(lambda self: self.known())
    @rule(data=st.data(), wish=st.sampled_from([steering.suspend, steering.resume, steering.approve]))
    def wish(self, data: st.DataObject, wish: object) -> None:
        """A person says something of an environment."""
        name = data.draw(st.sampled_from(self.known()))
        with_wish(self, wish, name)

    @invariant()
    def promises(self) -> None:
        """Nothing is lost, and nothing was done that must not be."""
        self.world.check()


def with_wish(machine: Histories, wish: object, name: str) -> bool:
    """Says it; whether it was taken."""
    assert callable(wish)
    try:
        wish(machine.world.application, machine.world.environment(name))
    except EnvmgrError:
        return False
    return True


@pytest.mark.timeout(300)
def test_what_must_hold_holds_in_any_history() -> None:
    run_state_machine_as_test(
        Histories, settings=settings(max_examples=25, stateful_step_count=20, deadline=None)
    )
