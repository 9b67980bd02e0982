"""The log of a run as it is written: each piece is read and drawn once in each form, for however many follow it."""

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from os import SEEK_END
from pathlib import Path

import structlog
from starlette.concurrency import run_in_threadpool

from envmgr.domain.errors import EnvmgrError
from envmgr.domain.values.environment import Run, RunStatus

from .stream import ALIVE, BEAT, BEGIN, LIFE, Stream
from .waking import Waking

told = structlog.get_logger()

_PAUSE = 0.3
_LOOKED = 1.0
"""How often it is looked at whether a run goes on (seconds)."""
_SENT = 500
"""How many pieces a second are sent of one log: the more follow it, the longer they wait for a larger piece."""
_CHUNK = 32 << 10
_LINES = 500
"""A piece has no more lines than that, however short they are: each costs what stands around it."""
_LONGEST = 1 << 20
"""A line longer than this is told in pieces."""
_AT_ONCE = 32
"""So many blocks are read before those who follow are told."""
_SENT_AT_ONCE = 32 << 10
"""What waits in memory for one who reads slowly is hers alone, so it is no more than that."""
_KEPT = 16 << 20
"""How many bytes of pieces are in memory for all who follow anything; what is older is read from its file once more."""

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
    """Some lines of a log."""

    run: int
    begin: Place
    text: bytes

    @property
    def end(self) -> Place:
        """Where the next one begins."""
        return Place(self.begin.at + len(self.text), self.begin.lines + self.text.count(b"\n"))

    @property
    def lines(self) -> list[bytes]:
        """Its lines with their ends: by line feeds alone, as all who read logs here do."""
        *whole, rest = self.text.split(b"\n")
        return [line + b"\n" for line in whole] + ([rest] if rest else [])


@dataclass(frozen=True, slots=True)
class _Piece:
    """A block as it is sent in a form: the same bytes for all who stand where it begins."""

    end: Place
    sent: bytes


_Key = tuple[int, Place, Form]


class _Pieces:
    """The pieces that were drawn last, for all who come to where they begin. Works on one event loop."""

    def __init__(self) -> None:
        self._found: OrderedDict[_Key, _Piece] = OrderedDict()
        self._drawing: dict[_Key, asyncio.Task[_Piece | None]] = {}
        self._size = 0

    def keep(self, key: _Key, piece: _Piece) -> None:
        """What was sent last to anybody goes last."""
        if key not in self._found:
            self._found[key] = piece
            self._size += len(piece.sent)
        while self._size > _KEPT:
            _, oldest = self._found.popitem(last=False)
            self._size -= len(oldest.sent)

    def forget(self) -> None:
        """Nobody follows anything."""
        self._found.clear()
        self._size = 0

    async def after(self, log: Log, place: Place, form: Form, *, is_ended: bool) -> _Piece | None:
        """The one that begins there: who comes while another's is being drawn waits for that. None where nothing is whole yet."""
        key = (log.run, place, form)
        if key in self._found:
            self._found.move_to_end(key)
            return self._found[key]
        drawing = self._drawing.get(key)
        if drawing is None:
            drawing = asyncio.create_task(run_in_threadpool(_first, log, place, form, is_ended))
            drawing.add_done_callback(lambda done: self._drawn(key, done))
            self._drawing[key] = drawing
        return await asyncio.shield(drawing)  # whoever leaves takes it from nobody

    def _drawn(self, key: _Key, done: "asyncio.Task[_Piece | None]") -> None:
        del self._drawing[key]
        piece = done.result() if not done.cancelled() and done.exception() is None else None
        if piece is not None:
            self.keep(key, piece)


def _first(log: Log, place: Place, form: Form, is_ended: bool) -> _Piece | None:
    found = next(blocks(log, place, is_ended=is_ended), None)
    return _Piece(found.end, form.draw(found)) if found is not None else None


@dataclass(slots=True)
class _Tail:
    """The end of a log that is being written, for all who follow it."""

    log: Log
    look: Look
    pieces: _Pieces
    position: Place
    status: RunStatus | None = None
    is_over: bool = False
    is_broken: bool = False
    followers: Counter[Form] = field(default_factory=Counter)
    changed: Waking = field(default_factory=Waking)
    task: asyncio.Task[None] | None = None
    _looked: float = 0.0

    async def watch(self) -> None:
        """For as long as somebody follows and the run goes on."""
        try:
            while self.followers.total() and not self.is_over:
                is_ended = await self._has_ended()
                # After its end was seen, nothing more is written: what is read then is all.
                while await self._tell(is_ended):
                    pass
                self.is_over = is_ended
                if not is_ended:
                    await asyncio.sleep(max(_PAUSE, self.followers.total() / _SENT))
        except OSError as error:
            self._break(error)
        self.changed.ring()

    async def _has_ended(self) -> bool:
        """Looked at once in a while; while the records do not answer, it goes on."""
        if time.monotonic() - self._looked < _LOOKED:
            return False
        self._looked = time.monotonic()
        try:
            run = await run_in_threadpool(self.look)
        except EnvmgrError as error:
            told.warning(str(error), action="store-failed")
            return False
        self.status = run.status if run is not None else None
        return self.status is not RunStatus.RUNNING

    async def _tell(self, is_ended: bool) -> bool:
        """Reads what is new, and tells of it; whether there may be more."""
        forms = [form for form, count in self.followers.items() if count]
        found = await run_in_threadpool(self._read, forms, is_ended)
        for begin, pieces in found:
            for form, piece in pieces.items():
                self.pieces.keep((self.log.run, begin, form), piece)
                self.position = piece.end
        if found:
            self.changed.ring()
        return bool(forms) and len(found) == _AT_ONCE

    def _read(self, forms: list[Form], is_ended: bool) -> list[tuple[Place, dict[Form, _Piece]]]:
        """In a thread, and before all come for it at once."""
        found = islice(blocks(self.log, self.position, is_ended=is_ended), _AT_ONCE)
        return [
            (block.begin, {form: _Piece(block.end, form.draw(block)) for form in forms}) for block in found
        ]

    async def after(self, place: Place, form: Form) -> _Piece | None:
        """What all are sent who stand there; None where it cannot be read."""
        try:
            return await self.pieces.after(self.log, place, form, is_ended=self.is_over)
        except OSError as error:
            self._break(error)
            return None

    def _break(self, error: OSError) -> None:
        if not self.is_broken:
            told.warning(f"The log of run {self.log.run} cannot be read: {error}.", action="log-not-read")
        self.is_broken = True


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
                for part in _parts(text):
                    block = Block(log.run, begin, part)
                    begin = block.end
                    yield block
        if rest and is_ended:
            yield Block(log.run, begin, rest)


def _parts(text: bytes) -> Iterator[bytes]:
    """So many lines at a time."""
    while text.count(b"\n") > _LINES:
        end = 0
        for _ in range(_LINES):
            end = text.index(b"\n", end) + 1
        yield text[:end]
        text = text[end:]
    yield text


class Logs:
    """The logs that are being followed. Works on one event loop."""

    def __init__(self) -> None:
        """Nobody follows any."""
        self._tails: dict[int, _Tail] = {}
        self._pieces = _Pieces()

    async def join(self, log: Log, look: Look, form: Form) -> _Tail:
        """The tail of a log, watched from its last line on where nobody watches it yet."""
        while (tail := self._tails.get(log.run)) is None or tail.is_broken:
            last = await run_in_threadpool(_last_line, log)
            if self._tails.get(log.run) is tail:  # else another who came at the same time was faster
                self._tails[log.run] = _Tail(log, look, self._pieces, last)
        tail.followers[form] += 1
        if tail.task is None:
            tail.task = asyncio.create_task(tail.watch())
        return tail

    def leave(self, tail: _Tail, form: Form) -> None:
        """The last one who leaves ends the watching."""
        tail.followers[form] -= 1
        if not tail.followers.total() and self._tails.get(tail.log.run) is tail:
            del self._tails[tail.log.run]
        if not self._tails:
            self._pieces.forget()


async def stream(logs: Logs, log: Log, begin: int, look: Look, form: Form) -> Stream:
    """A log from a place (in bytes) on until its run ends, or for a while; what is sent last is the form's `end`."""
    yield BEGIN
    over = time.monotonic() + LIFE
    place = await run_in_threadpool(_place, log, begin)
    tail = await logs.join(log, look, form)
    try:
        while time.monotonic() < over:
            seen, is_over = tail.changed.count, tail.is_over
            while place.at < tail.position.at and (piece := await tail.after(place, form)) is not None:
                place = piece.end
                for at in range(0, len(piece.sent), _SENT_AT_ONCE):
                    yield piece.sent[at : at + _SENT_AT_ONCE]
            if is_over:
                yield form.end(log, place.at, tail.status)
            if is_over or tail.is_broken:
                return
            if not await tail.changed.after(seen, BEAT):
                yield ALIVE
    finally:
        logs.leave(tail, form)


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
