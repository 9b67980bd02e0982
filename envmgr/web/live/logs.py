"""The log of a run as it is written: read once for however many follow it."""

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from os import SEEK_END
from pathlib import Path

from starlette.concurrency import run_in_threadpool

from envmgr.domain.values.environment import Run, RunStatus

from .stream import ALIVE, BEAT, BEGIN, LIFE, Stream, event

_PAUSE = 0.3
_CHUNK = 64 << 10
_LONGEST = 1 << 20
"""A line longer than this is told in pieces."""
_REMEMBERED = 16

Look = Callable[[], Run | None]


@dataclass(frozen=True, slots=True)
class Log:
    """A run and where its log is; None where it has none."""

    run: int
    path: Path | None


@dataclass(frozen=True, slots=True)
class _Block:
    """Some lines of a log, as they are sent."""

    begin: int
    end: int
    sent: bytes


@dataclass(slots=True)
class _Tail:
    """The end of a log that is being written, for all who follow it."""

    log: Log
    look: Look
    loop: asyncio.AbstractEventLoop
    position: int
    blocks: deque[_Block] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    is_over: bool = False
    followers: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    async def watch(self) -> None:
        """For as long as somebody follows and the run goes on."""
        looked = 0.0
        while self.followers and not self.is_over:
            is_ended = False
            if time.monotonic() - looked >= 1:
                looked = time.monotonic()
                run = await run_in_threadpool(self.look)
                is_ended = run is None or run.status is not RunStatus.RUNNING
            # After its end was seen, nothing more is written: what is read then is all.
            await run_in_threadpool(self._read, is_ended)
            if not is_ended:
                await asyncio.sleep(_PAUSE)
            else:
                self.is_over = True
                self._tell()

    def _read(self, is_ended: bool) -> None:
        before = self.position
        for block in blocks(self.log, self.position, is_ended=is_ended):
            self.blocks.append(block)
            self.position = block.end
        if self.position != before:
            self.loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()


def blocks(log: Log, begin: int, *, is_ended: bool) -> Iterator[_Block]:
    """The lines from a place on, as far as they are whole; of what has ended the last one, too."""
    if log.path is None or not log.path.is_file():
        return
    with log.path.open("rb") as file:
        file.seek(begin)
        rest = b""
        while chunk := file.read(_CHUNK):
            whole, newline, rest = (rest + chunk).rpartition(b"\n")
            if newline or len(rest) > _LONGEST:
                text = whole + newline if newline else rest
                rest = rest if newline else b""
                yield _block(log.run, begin, text)
                begin += len(text)
        if rest and is_ended:
            yield _block(log.run, begin, rest)


def _block(run: int, begin: int, text: bytes) -> _Block:
    sent, place = list[bytes](), begin
    for line in text.splitlines(keepends=True) if b"\r" not in text else _lines(text):
        place += len(line)
        data = {"run": run, "line": line.removesuffix(b"\n").decode(errors="replace")}
        sent.append(event(place, json.dumps(data).encode()))
    return _Block(begin, place, b"".join(sent))


def _lines(text: bytes) -> list[bytes]:
    """By line feeds alone, as all who read logs here do."""
    *whole, rest = text.split(b"\n")
    return [line + b"\n" for line in whole] + ([rest] if rest else [])


class Logs:
    """The logs that are being followed. Works on one event loop."""

    def __init__(self) -> None:
        """Nobody follows any."""
        self._tails: dict[int, _Tail] = {}

    async def join(self, log: Log, look: Look) -> _Tail:
        """The tail of a log, watched from its last line on where nobody watches it yet."""
        position = 0 if log.run in self._tails else await run_in_threadpool(_last_line, log)
        tail = self._tails.setdefault(log.run, _Tail(log, look, asyncio.get_running_loop(), position))
        tail.followers += 1
        if tail.task is None:
            tail.task = asyncio.get_running_loop().create_task(tail.watch())
        return tail

    def leave(self, tail: _Tail) -> None:
        """The last one who leaves ends the watching."""
        tail.followers -= 1
        if tail.followers == 0:
            self._tails.pop(tail.log.run, None)


async def stream(logs: Logs, log: Log, begin: int, look: Look) -> Stream:
    """A log from a place on until its run ends, or for a while; the last event is `end`, with how the run stands."""
    yield BEGIN
    position, over = begin, time.monotonic() + LIFE
    tail = await logs.join(log, look)
    try:
        while time.monotonic() < over:
            changed, is_over = tail.changed, tail.is_over
            async for block in _after(tail, position):
                position = block.end
                yield block.sent
            if is_over:
                run = await run_in_threadpool(look)
                status = run.status.value if run is not None else None
                yield event(position, json.dumps({"run": log.run, "status": status}).encode(), "end")
                return
            try:
                await asyncio.wait_for(changed.wait(), BEAT)
            except TimeoutError:
                yield ALIVE
    finally:
        logs.leave(tail)


async def _after(tail: _Tail, position: int) -> AsyncIterator[_Block]:
    """What there is after a place: of the newest lines what is in memory for all, of older ones what the file has."""
    while position < tail.position:
        found = next((block for block in reversed(tail.blocks) if block.begin == position), None)
        if found is None:
            found = await run_in_threadpool(_first, tail.log, position, tail.is_over)
        if found is None:
            return
        position = found.end
        yield found


def _first(log: Log, position: int, is_ended: bool) -> _Block | None:
    return next(blocks(log, position, is_ended=is_ended), None)


def _last_line(log: Log) -> int:
    """Where the last line of a log begins: what is before that, each reader reads for herself."""
    if log.path is None or not log.path.is_file():
        return 0
    with log.path.open("rb") as file:
        size = file.seek(0, SEEK_END)
        begin = file.seek(max(0, size - _CHUNK))
        return begin + file.read(size - begin).rfind(b"\n") + 1
