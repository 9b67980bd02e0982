"""After the records were lost, no status stays pending for ever of which git and the forge together still know."""

from pathlib import Path

import pytest

from envmgr.daemon.forge_watch import ForgeWatch
from envmgr.domain.errors import Transient
from envmgr.domain.values.forge.report import ReportState
from envmgr.engine.forge.left_open import MOST
from tests.support.command_line import envmgr, on_host
from tests.support.in_memory.rules import MODULE, SHOP, Rules
from tests.support.in_memory.world import World
from tests.support.memory_forge import MemoryForge
from tests.support.told import ToldForge


class Lost:
    """An environment whose second commit was told to be pending when the records went; the third is pushed after that."""

    def __init__(self, folder: Path, between: int = 1) -> None:
        self.forge = MemoryForge()
        self.world = World(folder, Rules(forge=self.forge))
        self.told = ToldForge(self.world, self.forge)
        self.push("small")
        self.world.turn(2)
        self.told.tell()
        self.second = self.push("two")
        self.poll()
        self.told.tell()
        assert self.last(self.second) is ReportState.PENDING
        self.world.lose_records()
        self.told.restart()
        for number in range(between):
            self.third = self.push(f"n{number}")

    def goes_on(self) -> None:
        """The daemon brings the records back, and applies the newest commit."""
        self.world.turn(3)
        self.told.tell()
        assert self.last(self.third) is ReportState.SUCCESS
        assert self.last(self.second) is ReportState.PENDING

    def push(self, size: str) -> str:
        """A commit."""
        return self.world.push("alice", MODULE.replace("small", size))

    def poll(self) -> None:
        """The daemon sees what was pushed, and has not begun with it."""
        application = self.world.daemon.application
        application.poller.poll(application.services.repositories[SHOP])

    def last(self, commit: str) -> ReportState:
        """What the forge shows of a commit."""
        return [state for state, of in self.told.statuses("alice") if of == commit][-1]

    def look(self) -> int:
        """The daemon looks at the forge and tells it; how many statuses it asked for."""
        before = self.forge.calls.count("is_pending")
        application = self.world.daemon.application
        watch = ForgeWatch(application, lambda _: None)
        try:
            watch.look(application.services.repositories[SHOP])
        finally:
            watch.close()
            self.told.tell()
        return self.forge.calls.count("is_pending") - before


def test_it_is_ended_once(tmp_path: Path) -> None:
    """Also where the newest commit was done by then; the next look asks for nothing more."""
    lost = Lost(tmp_path)
    lost.goes_on()
    assert lost.look() == 4  # two commits, each with the status of its plan
    ended = [s for s in lost.forge.statuses if s.commit == lost.second][-1]
    assert (ended.state, ended.sentence) == (
        ReportState.FAILURE,
        f"{lost.third[:10]} came before this was done.",
    )
    assert lost.last(lost.third) is ReportState.SUCCESS
    said = len(lost.forge.statuses)
    assert (lost.look(), len(lost.forge.statuses)) == (0, said)
    assert lost.world.store.outbox.waiting() == []


def test_a_pass_by_hand_brings_back_and_ends(tmp_path: Path) -> None:
    """As it is to be done first of all after a loss, before a daemon runs."""
    lost = Lost(tmp_path)
    with on_host(lost.world.person.application):
        assert envmgr("reconcile").code == 0
    assert lost.last(lost.second) is ReportState.FAILURE
    assert lost.last(lost.third) is ReportState.SUCCESS


def test_a_forge_that_is_away_is_asked_again(tmp_path: Path) -> None:
    """Nothing counts as asked about that was not."""
    lost = Lost(tmp_path)
    lost.goes_on()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lost.forge, "is_pending", _away)
        with pytest.raises(Transient):
            lost.look()
    assert lost.look() == 4
    assert lost.last(lost.second) is ReportState.FAILURE


def test_not_more_is_asked_than_is_worth_it(tmp_path: Path) -> None:
    """What lies further back stays as it is."""
    lost = Lost(tmp_path, between=MOST + 1)
    lost.goes_on()
    assert lost.look() == 2 * MOST
    assert lost.last(lost.second) is ReportState.PENDING


def _away(*_: object) -> bool:
    raise Transient("away")
