"""The log of a run as it is written: read once, and drawn once in each form, for however many follow it."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from os import SEEK_END
from pathlib import Path

from starlette.concurrency import run_in_threadpool

from envmgr.domain.values.environment import Run, RunStatus

from .stream import ALIVE, BEAT, BEGIN, LIFE, Stream

_PAUSE = 0.3
_SENT = 500
"""How many pieces a second are sent of one log: the more follow it, the longer they wait for a larger piece."""
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
class Place:
    """A place in a log: how many bytes are before it, and how many whole lines."""

    at: int
    lines: int


@dataclass(frozen=True, slots=True)
class Form:
    """How a log is sent: some of its lines, and that its run has ended (how it stands, None where it is forgotten)."""

    draw: Callable[["Block"], bytes]
    end: Callable[[Log, int, RunStatus | None], bytes]


@dataclass(frozen=True, slots=True)
class Block:
    """Some lines of a log, drawn once for all who are sent the same form."""

    run: int
    begin: Place
    text: bytes
    _drawn: dict[Form, bytes] = field(default_factory=dict, compare=False)

    @property
    def end(self) -> Place:
        """Where the next one begins."""
        return Place(self.begin.at + len(self.text), self.begin.lines + self.text.count(b"\n"))

    @property
    def lines(self) -> list[bytes]:
        """Its lines with their ends: by line feeds alone, as all who read logs here do."""
        *whole, rest = self.text.split(b"\n")
        return [line + b"\n" for line in whole] + ([rest] if rest else [])

    def drawn(self, form: Form) -> bytes:
        """As it is sent in a form."""
        if form not in self._drawn:
            self._drawn[form] = form.draw(self)
        return self._drawn[form]


@dataclass(slots=True)
class _Tail:
    """The end of a log that is being written, for all who follow it."""

    log: Log
    look: Look
    loop: asyncio.AbstractEventLoop
    position: Place
    blocks: deque[Block] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    is_over: bool = False
    followers: Counter[Form] = field(default_factory=Counter)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    async def watch(self) -> None:
        """For as long as somebody follows and the run goes on."""
        looked = 0.0
        while self.followers.total() and not self.is_over:
            is_ended = False
            if time.monotonic() - looked >= 1:
                looked = time.monotonic()
                run = await run_in_threadpool(self.look)
                is_ended = run is None or run.status is not RunStatus.RUNNING
            # After its end was seen, nothing more is written: what is read then is all.
            await run_in_threadpool(self._read, is_ended)
            if not is_ended:
                await asyncio.sleep(max(_PAUSE, self.followers.total() / _SENT))
            else:
                self.is_over = True
                self._tell()

    def _read(self, is_ended: bool) -> None:
        before = self.position
        for block in blocks(self.log, self.position, is_ended=is_ended):
            for form in [form for form, count in self.followers.copy().items() if count]:
                block.drawn(form)  # in this thread, and before all come for it at once
            self.blocks.append(block)
            self.position = block.end
        if self.position != before:
            self.loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()


def blocks(log: Log, begin: Place, *, is_ended: bool) -> Iterator[Block]:
    """The lines from a place on, as far as they are whole; of what has ended the last one, too."""
    if log.path is None or not log.path.is_file():
        return
    with log.path.open("rb") as file:
        file.seek(begin.at)
        rest = b""
        while chunk := file.read(_CHUNK):
            whole, newline, rest = (rest + chunk).rpartition(b"\n")
            if newline or len(rest) > _LONGEST:
                text = whole + newline if newline else rest
                rest = rest if newline else b""
                block = Block(log.run, begin, text)
                begin = block.end
                yield block
        if rest and is_ended:
            yield Block(log.run, begin, rest)


class Logs:
    """The logs that are being followed. Works on one event loop."""

    def __init__(self) -> None:
        """Nobody follows any."""
        self._tails: dict[int, _Tail] = {}

    async def join(self, log: Log, look: Look, form: Form) -> _Tail:
        """The tail of a log, watched from its last line on where nobody watches it yet."""
        if log.run not in self._tails:
            last = await run_in_threadpool(_last_line, log)
            self._tails.setdefault(log.run, _Tail(log, look, asyncio.get_running_loop(), last))
        tail = self._tails[log.run]
        tail.followers[form] += 1
        if tail.task is None:
            tail.task = asyncio.get_running_loop().create_task(tail.watch())
        return tail

    def leave(self, tail: _Tail, form: Form) -> None:
        """The last one who leaves ends the watching."""
        tail.followers[form] -= 1
        if not tail.followers.total():
            self._tails.pop(tail.log.run, None)


async def stream(logs: Logs, log: Log, begin: int, look: Look, form: Form) -> Stream:
    """A log from a place (in bytes) on until its run ends, or for a while; what is sent last is the form's `end`."""
    yield BEGIN
    over = time.monotonic() + LIFE
    position = await run_in_threadpool(_place, log, begin)
    tail = await logs.join(log, look, form)
    try:
        while time.monotonic() < over:
            changed, is_over = tail.changed, tail.is_over
            async for block in _after(tail, position, form):
                position = block.end
                yield block.drawn(form)
            if is_over:
                run = await run_in_threadpool(look)
                yield form.end(log, position.at, run.status if run is not None else None)
                return
            try:
                await asyncio.wait_for(changed.wait(), BEAT)
            except TimeoutError:
                yield ALIVE
    finally:
        logs.leave(tail, form)


async def _after(tail: _Tail, position: Place, form: Form) -> AsyncIterator[Block]:
    """What there is after a place: of the newest lines what is in memory for all, of older ones what the file has."""
    while position.at < tail.position.at:
        found = next((block for block in reversed(tail.blocks) if block.begin == position), None)
        if found is None:
            found = await run_in_threadpool(_first, tail.log, position, tail.is_over, form)
        if found is None:
            return
        position = found.end
        yield found


def _first(log: Log, position: Place, is_ended: bool, form: Form) -> Block | None:
    found = next(blocks(log, position, is_ended=is_ended), None)
    if found is not None:
        found.drawn(form)
    return found


def _place(log: Log, at: int) -> Place:
    """How many lines are before a place is counted: who comes back knows only where she was."""
    left, lines = at, 0
    if left and log.path is not None and log.path.is_file():
        with log.path.open("rb") as file:
            while left > 0 and (chunk := file.read(min(left, _CHUNK))):
                lines += chunk.count(b"\n")
                left -= len(chunk)
    return Place(at, lines)


def _last_line(log: Log) -> Place:
    """Where the last line of a log begins: what is before that, each reader reads for herself."""
    if log.path is None or not log.path.is_file():
        return Place(0, 0)
    with log.path.open("rb") as file:
        size = file.seek(0, SEEK_END)
        begin = file.seek(max(0, size - _CHUNK))
        return _place(log, begin + file.read(size - begin).rfind(b"\n") + 1)
