"""A log that many follow: what is written is read once, and drawn once in each form, whoever looks on."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from envmgr.domain.values.environment import ProcessId, Run, RunKind, RunStatus
from envmgr.domain.values.names import EnvironmentId
from envmgr.web.live import logs
from envmgr.web.live.logs import Block, Form, Log, Logs, Place
from envmgr.web.live.stream import ALIVE, BEGIN

FOLLOWERS, PIECES = 40, 4
RUN = Run(
    id=1,
    environment=EnvironmentId("acme", "shop", "alice"),
    kind=RunKind.APPLY,
    commit="c" * 40,
    status=RunStatus.RUNNING,
    started_at=datetime(2026, 1, 1, tzinfo=UTC),
    owner=ProcessId("host", "boot", 1, 1),
    actor="daemon",
)


@dataclass(eq=False)
class Drawing:
    """A form that numbers its lines, and notes the places that it drew from."""

    drawn: list[int] = field(default_factory=list)

    @property
    def form(self) -> Form:
        """As readers ask for it."""
        return Form(self.draw, lambda *_: b"end\n")

    def draw(self, block: Block) -> bytes:
        """Its lines with their numbers."""
        self.drawn.append(block.begin.at)
        return b"".join(b"%d %s" % each for each in enumerate(block.lines, block.begin.lines + 1))


@dataclass
class Story:
    """A log that is there in part, readers who come at once, and the rest that is written while they look on."""

    path: Path
    begin: int = 0
    status: RunStatus = RunStatus.RUNNING

    def told(self, forms: list[Form]) -> list[bytes]:
        """What each reader was sent until the run ended; so many of each form."""
        return asyncio.run(self._all(forms))

    async def _all(self, forms: list[Form]) -> list[bytes]:
        found = Logs()
        readers = [self._one(found, form) for form in forms for _ in range(FOLLOWERS)]
        sent, _ = await asyncio.gather(asyncio.gather(*readers), self._write())
        return sent

    async def _one(self, found: Logs, form: Form) -> bytes:
        sent = logs.stream(found, Log(1, self.path), self.begin, self._look, form)
        return b"".join([each async for each in sent if each not in (BEGIN, ALIVE)])

    def _look(self) -> Run:
        return replace(RUN, status=self.status)

    async def _write(self) -> None:
        await asyncio.sleep(0.4)
        for piece in range(PIECES):
            with self.path.open("ab") as file:
                file.write(b"piece %d\n" % piece)
            await asyncio.sleep(0.1)
        self.status = RunStatus.SUCCEEDED


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """From which places of a log something was read."""
    whole: Callable[..., Iterator[Block]] = logs.blocks
    found = list[int]()

    def noted(log: Log, begin: Place, *, is_ended: bool) -> Iterator[Block]:
        for block in whole(log, begin, is_ended=is_ended):
            found.append(block.begin.at)
            yield block

    monkeypatch.setattr(logs, "blocks", noted)
    monkeypatch.setattr(logs, "_PAUSE", 0.02)
    return found


def test_who_follow_a_log_share_its_reading_and_its_drawing(tmp_path: Path, read: list[int]) -> None:
    """Eighty readers in two forms: what was there each reads for herself, of what comes all have the same."""
    story, drawings = Story(tmp_path / "1.log"), [Drawing(), Drawing()]
    there = b"first\nsecond\n"
    story.path.write_bytes(there)
    sent = story.told([drawing.form for drawing in drawings])
    come = b"".join(b"%d piece %d\n" % (number + 3, number) for number in range(PIECES))
    assert sent == [b"1 first\n2 second\n" + come + b"end\n"] * 2 * FOLLOWERS
    assert 1 <= sum(place >= len(there) for place in read) <= PIECES
    for drawing in drawings:
        assert 1 <= sum(place >= len(there) for place in drawing.drawn) <= PIECES


def test_who_comes_back_is_told_the_rest_with_its_numbers(tmp_path: Path, read: list[int]) -> None:
    """She knows only her place; lines are counted from the first one all the same."""
    story = Story(tmp_path / "1.log", begin=len(b"first\n"))
    story.path.write_bytes(b"first\nsecond\nhalf a ")
    [sent] = set(story.told([Drawing().form]))
    assert sent.startswith(b"2 second\n3 half a piece 0\n4 piece 1\n")
    assert read
