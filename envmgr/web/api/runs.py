"""Runs, and their logs."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from envmgr.commands import reading
from envmgr.commands.hosts import logs
from envmgr.domain.errors import NotThere
from envmgr.domain.values.environment import RunStatus
from envmgr.views import documents
from envmgr.web.door import door_of
from envmgr.web.identity import Asked, reader
from envmgr.web.live.logs import Block, Form, Log
from envmgr.web.live.stream import event
from envmgr.web.log_file import LogFile
from envmgr.web.quick import PREFIX, QuickRoute

from .events import Last
from .paging import After, SoughtOf, answer, cursor, page, read_number
from .requests import Number
from .schema import gives, problems

router = APIRouter(prefix=PREFIX, tags=["runs"], route_class=QuickRoute)
_TEXT = "text/plain; charset=utf-8"
_LINES: Mapping[str, Any] = {
    "text/plain": {"schema": {"type": "string"}, "example": "Terraform will perform …\n"},
    "text/event-stream": {
        "schema": {"type": "string"},
        "example": 'id: 24\ndata: {"run":17,"line":"Terraform will perform …"}\n\n',
    },
}
_LOG: Mapping[int | str, Any] = {
    200: {
        "description": "The log; with `follow` as server-sent events, whose ids are places in it.",
        "content": _LINES,
    },
    206: {
        "description": "The range of it that `Range` names.",
        "content": {"text/plain": _LINES["text/plain"]},
    },
    **dict(problems(400, 401, 403, 404, 416, 422, 429, 503)),
}


@router.get("/runs", responses=gives("RunPage", "A page of runs, newest first."))
def listed(
    request: Request, runtime: Asked, wanted: SoughtOf, status: RunStatus | None = None, after: After = None
) -> Response:
    """Lists runs, newest first."""
    found = reading.runs(runtime, replace(wanted, status=status), read_number(after))
    limit = wanted.limit - 1
    following = cursor(found[limit - 1].id) if len(found) > limit else None
    return answer(request, page([documents.run(each) for each in found[:limit]], following))


@router.get("/runs/{id}", responses=gives("Run", "The run."))
def one(request: Request, runtime: Asked, id: Number) -> Response:  # noqa: A002  the contract's name
    """Shows one run."""
    return answer(request, documents.run(reading.run(runtime, id)))


@router.get("/runs/{id}/log", response_class=Response, responses=dict(_LOG))
def log(
    request: Request,
    runtime: Asked,
    id: Number,  # noqa: A002  the contract's name
    follow: Annotated[bool, Query(description="Goes on until the run ends, as server-sent events.")] = False,
    last: Last = None,
) -> Response:
    """Gives a run's log as plain text, in whole or by `Range`, or follows it."""
    run = reading.run(runtime, id)
    if follow:
        door = door_of(request)
        lines = door.follow(run, int(last or 0), _FORM)
        return door.streams.answer(reader(request, runtime.person), lines)
    path, why = logs.readable(runtime, run)
    if path is None:
        if run.status is RunStatus.RUNNING:
            return Response(b"", media_type=_TEXT)
        raise NotThere(why)
    return LogFile(path)


def _told(block: Block) -> bytes:
    """An event for each line, whose id is where the next one begins."""
    sent, place = list[bytes](), block.begin.at
    for line in block.lines:
        place += len(line)
        data = {"run": block.run, "line": line.removesuffix(b"\n").decode(errors="replace")}
        sent.append(event(place, json.dumps(data).encode()))
    return b"".join(sent)


def _end(log: Log, place: int, status: RunStatus | None) -> bytes:
    return event(place, json.dumps({"run": log.run, "status": status and status.value}).encode(), "end")


_FORM = Form(_told, _end)
