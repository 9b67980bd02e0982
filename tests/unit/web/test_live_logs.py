"""A log that many follow: what is written is read once, and drawn once in each form, whoever looks on."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from envmgr.domain.errors import Transient
from envmgr.domain.values.environment import ProcessId, Run, RunKind, RunStatus
from envmgr.domain.values.names import EnvironmentId
from envmgr.web.live import logs
from envmgr.web.live.logs import Block, Form, Log, Logs, Place
from envmgr.web.live.stream import ALIVE, BEGIN

pytestmark = pytest.mark.slow

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
    failures: int = 0

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
        if self.failures:
            self.failures -= 1
            raise Transient("The database does not answer.")
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
    """Eighty readers in two forms: all have the same of what was there, and of what comes."""
    story, drawings = Story(tmp_path / "1.log"), [Drawing(), Drawing()]
    there = b"first\nsecond\n"
    story.path.write_bytes(there)
    sent = story.told([drawing.form for drawing in drawings])
    come = b"".join(b"%d piece %d\n" % (number + 3, number) for number in range(PIECES))
    assert sent == [b"1 first\n2 second\n" + come + b"end\n"] * 2 * FOLLOWERS
    assert sum(place < len(there) for place in read) == len(drawings)
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


@pytest.mark.parametrize("kept", [1, 16 << 20])
def test_a_long_log_is_told_in_pieces_that_are_the_same_for_all(
    tmp_path: Path, read: list[int], monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    """However little of them is kept in memory; short lines are no larger pieces than long ones."""
    monkeypatch.setattr(logs, "_KEPT", kept)
    story, drawing = Story(tmp_path / "1.log"), Drawing()
    story.path.write_bytes(b"\n" * 1700 + (b"x" * 99 + b"\n") * 1000)
    [sent] = set(story.told([drawing.form]))
    there = b"".join(b"%d %s\n" % (n, b"x" * 99 if n > 1700 else b"") for n in range(1, 2701))
    come = b"".join(b"%d piece %d\n" % (number + 2701, number) for number in range(PIECES))
    assert sent == there + come + b"end\n"
    assert len(set(drawing.drawn)) >= 1700 // 500 + 100_000 // (32 << 10)
    if kept > 1:
        assert len(drawing.drawn) == len(set(drawing.drawn))


def test_a_log_is_told_on_while_the_records_do_not_answer(
    tmp_path: Path, read: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who follows it need not come again, and hears of its end once they do."""
    monkeypatch.setattr(logs, "_LOOKED", 0.05)
    story = Story(tmp_path / "1.log", failures=3)
    story.path.write_bytes(b"first\n")
    [sent] = set(story.told([Drawing().form]))
    assert sent.startswith(b"1 first\n2 piece 0\n")
    assert sent.endswith(b"end\n")
    assert story.failures == 0


@pytest.mark.parametrize("begin", [0, len(b"first\n")])
def test_who_follows_what_cannot_be_read_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begin: int
) -> None:
    """She comes again by herself, and does not wait for what nobody reads any more."""
    story = Story(tmp_path / "1.log", begin)
    story.path.write_bytes(b"first\n")

    def broken(*_: object, **__: object) -> Iterator[Block]:
        raise OSError("the disk is gone")

    monkeypatch.setattr(logs, "blocks", broken)
    assert set(story.told([Drawing().form])) == {b""}
