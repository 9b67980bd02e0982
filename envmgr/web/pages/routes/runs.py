"""One run with its log, which is followed while it is written."""

from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.requests import Request

from envmgr.commands import reading
from envmgr.commands.hosts import logs
from envmgr.domain.values.environment import RunStatus
from envmgr.web.door import door_of
from envmgr.web.live.logs import Block, Form, Log
from envmgr.web.live.stream import event
from envmgr.web.log_file import LogFile
from envmgr.web.pages import log
from envmgr.web.pages.drawing import part
from envmgr.web.sign_in.visitor import Visiting, reader

from .answer import PageRoute, drawn
from .chosen import Identity, Number, Words

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_LONGEST = 4096


@router.get("/runs/{number}", response_class=HTMLResponse)
def run(
    request: Request, visitor: Visiting, number: Identity, q: Words = "", around: Number = None
) -> HTMLResponse:
    """A run: how it stands, and its log, or those lines of it that have a text in them."""
    runtime = door_of(request).of(visitor.person)
    found = reading.run(runtime, number)
    path, why = logs.readable(runtime, found)
    shown, total, place = _window(path, around)
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
        place=place,
        why=why,
    )


def _window(path: Path | None, around: int | None) -> tuple[list[log.Line], int, int]:
    """The last lines of a log, or those around one; how many there are, and in how many bytes. No more is kept in memory."""
    until = None if around is None else max(around + log.SHOWN // 2, log.SHOWN)
    kept, total, place = deque[tuple[int, bytes]](maxlen=log.SHOWN), 0, 0
    for total, raw in _raw(path):
        place += len(raw)
        if until is None or total <= until:
            kept.append((total, raw[:_LONGEST]))
    return [_line(*each) for each in kept], total, place


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
    path, why = logs.readable(runtime, reading.run(runtime, number))
    if path is None:
        return PlainTextResponse(why, status_code=404)
    return LogFile(path)


@router.get("/runs/{number}/live")
def live(request: Request, visitor: Visiting, number: Identity, after: Number = 0) -> StreamingResponse:
    """New lines as they are written, as drawn for the page, until the run has ended."""
    door = door_of(request)
    found = reading.run(door.of(visitor.person), number)
    known = request.headers.get("last-event-id", "")
    begin = int(known) if known.isdecimal() and len(known) < 18 else after or 0
    lines = door.follow(found, begin, _FORM)
    return door.streams.answer(reader(request, visitor), lines)


def _drawn(block: Block) -> bytes:
    """All its whole lines as one event, whose id is where the log goes on."""
    numbered = enumerate((raw for raw in block.lines if raw.endswith(b"\n")), block.begin.lines + 1)
    html = "".join(part("line", _line(*each)) for each in numbered)
    return event(block.end.at, html.encode(), "line") if html else b""


def _end(_: Log, place: int, status: RunStatus | None) -> bytes:
    return event(place, (status or "").encode(), "end")


_FORM = Form(_drawn, _end)
