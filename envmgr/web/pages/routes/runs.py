"""One run with its log, which is followed while it is written."""

import asyncio
from collections.abc import AsyncIterator, Iterator
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
from envmgr.web.pages import log, plan
from envmgr.web.pages.drawing import part
from envmgr.web.sign_in.visitor import Visiting

from .answer import PageRoute, drawn
from .chosen import Identity, Number, Words
from .streams import event, streamed

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
    lines = list(_lines(_file(runtime, found), 0))
    first = _first(len(lines), around)
    shown = lines[first - 1 : first - 1 + log.SHOWN]
    return drawn(
        request,
        visitor,
        "run.html",
        run=found,
        is_live=found.status is RunStatus.RUNNING and around is None,
        plan=plan.changes("\n".join(line.text for line in lines)),
        wanted=q,
        found=log.matching(lines, q)[: log.SHOWN] if q else [],
        lines=shown,
        sections=log.sections(shown, whole=around is not None) if shown else [],
        first=first,
        last=first - 1 + len(shown),
        total=len(lines),
    )


def _first(total: int, around: int | None) -> int:
    """The first line of those that are shown: the last ones, or some around a line."""
    wanted = total if around is None else around + log.SHOWN // 2
    return max(1, min(wanted, total) - log.SHOWN + 1)


def _file(runtime: Runtime, found: Run) -> Path | None:
    path = runtime.services.layout.root / found.log
    return path if found.log and path.is_file() else None


def _lines(path: Path | None, after: int) -> Iterator[log.Line]:
    """The whole lines of a log after some; one that is still being written is none yet. Each is cut where it is too long."""
    if path is None:
        return
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            if number > after and raw.endswith(b"\n"):
                yield log.line_of(number, raw[:_LONGEST].decode(errors="replace").rstrip("\n"))


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
    return streamed(request, _follow(door, found, begin))


async def _follow(door: Door, found: Run, after: int) -> AsyncIterator[str]:
    """The lines after some, and `end` once the run is over and all are told."""
    while True:
        is_over = await run_in_threadpool(_is_over, door, found.id)
        path = _file(door.runtime, found)
        while lines := await run_in_threadpool(lambda: list(islice(_lines(path, after), _AT_ONCE))):  # noqa: B023
            after = lines[-1].number
            html = "".join(part("line", each, found) for each in lines)
            yield event("line", html, after)
        if is_over:
            yield event("end", "", after)
            return
        yield ""
        await asyncio.sleep(_PAUSE)


def _is_over(door: Door, number: int) -> bool:
    found = door.runtime.services.store.run(number)
    return found is None or found.status is not RunStatus.RUNNING
