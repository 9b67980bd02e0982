"""One run with its log, which is followed while it is written."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse, HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from envmgr.commands import reading
from envmgr.commands.runtime import Runtime
from envmgr.domain.values.environment import Run, RunStatus
from envmgr.web.door import Door, door_of
from envmgr.web.pages import log
from envmgr.web.pages.drawing import part
from envmgr.web.sign_in.visitor import Visiting

from .answer import PageRoute, drawn
from .chosen import Identity, Number, Words
from .streams import Streams, event, streamed, streams_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_PAUSE = 0.5
_AT_ONCE = 500
_LONGEST = 4096


@router.get("/runs/{number}", response_class=HTMLResponse)
def run(
    request: Request, visitor: Visiting, number: Identity, q: Words = "", around: Number = None
) -> HTMLResponse:
    """A run: how it stands, and its log, or those lines of it that have a text in them."""
    runtime = door_of(request).of(visitor.person)
    found = reading.run(runtime, number)
    path = _file(runtime, found)
    shown, total = _window(path, around)
    return drawn(
        request,
        visitor,
        "run.html",
        run=found,
        is_live=found.status is RunStatus.RUNNING and around is None,
        wanted=q,
        found=list(islice(log.matching(_lines(path), q), log.SHOWN)) if q else [],
        lines=shown,
        sections=log.sections(shown, whole=around is not None) if shown else [],
        first=shown[0].number if shown else 1,
        last=shown[-1].number if shown else 0,
        total=total,
    )


def _file(runtime: Runtime, found: Run) -> Path | None:
    path = runtime.services.layout.root / found.log
    return path if found.log and path.is_file() else None


def _window(path: Path | None, around: int | None) -> tuple[list[log.Line], int]:
    """The last lines of a log, or those around one, and how many there are; no more of it is kept in memory."""
    until = None if around is None else max(around + log.SHOWN // 2, log.SHOWN)
    kept, total = deque[tuple[int, bytes]](maxlen=log.SHOWN), 0
    for total, raw in _raw(path):
        if until is None or total <= until:
            kept.append((total, raw[:_LONGEST]))
    return [_line(*each) for each in kept], total


def _raw(path: Path | None) -> Iterator[tuple[int, bytes]]:
    """The whole lines of a log with their numbers; one that is still being written is none yet."""
    if path is not None:
        with path.open("rb") as file:
            yield from ((n, raw) for n, raw in enumerate(file, start=1) if raw.endswith(b"\n"))


def _lines(path: Path | None) -> Iterator[log.Line]:
    return (_line(number, raw) for number, raw in _raw(path))


def _line(number: int, raw: bytes) -> log.Line:
    """A line as it is shown; cut where it is too long."""
    return log.line_of(number, raw[:_LONGEST].decode(errors="replace").rstrip("\n"))


@router.get("/runs/{number}/log")
def text(request: Request, visitor: Visiting, number: Identity) -> Response:
    """The log as it was written."""
    runtime = door_of(request).of(visitor.person)
    path = _file(runtime, reading.run(runtime, number))
    if path is None:
        return PlainTextResponse("")
    return FileResponse(path, media_type="text/plain; charset=utf-8", content_disposition_type="inline")


@router.get("/runs/{number}/live")
def live(request: Request, visitor: Visiting, number: Identity, after: Number = 0) -> StreamingResponse:
    """New lines as they are written, as drawn for the page, until the run has ended."""
    door = door_of(request)
    found = reading.run(door.of(visitor.person), number)
    known = request.headers.get("last-event-id", "")
    begin = int(known) if known.isdecimal() and len(known) < 18 else after or 0
    return streamed(request, _follow(door, streams_of(request), found, begin))


@dataclass(slots=True)
class _Reader:
    """A log that is read on from where it was read to: nothing is done where it has not grown."""

    path: Path
    number: int = 0
    place: int = 0

    def more(self, after: int) -> list[log.Line]:
        """The next whole lines, those with a number above `after`; not all at once."""
        found: list[log.Line] = []
        if not self.path.is_file() or self.path.stat().st_size <= self.place:
            return found
        with self.path.open("rb") as file:
            file.seek(self.place)
            for raw in file:
                if not raw.endswith(b"\n") or len(found) == _AT_ONCE:
                    break
                self.number += 1
                self.place += len(raw)
                if self.number > after:
                    found.append(_line(self.number, raw))
        return found


async def _follow(door: Door, streams: Streams, found: Run, after: int) -> AsyncIterator[str]:
    """The lines after some, and `end` once the run is over and all are told."""
    reader = _Reader(door.runtime.services.layout.root / found.log)
    while True:
        is_over = await streams.is_over(door, found.id)
        while lines := await run_in_threadpool(reader.more, after):
            yield event("line", "".join(part("line", each, found) for each in lines), reader.number)
        if is_over:
            yield event("end", "", reader.number)
            return
        yield ""
        await asyncio.sleep(_PAUSE)
