"""Server-sent events of the page: that something happened, and lines of logs. How many may be open is bounded."""

import asyncio
import time
from collections.abc import AsyncIterator, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request

from envmgr.domain.errors import EnvmgrError
from envmgr.domain.values.asking.request import RequestStatus
from envmgr.domain.values.names import RepositoryId
from envmgr.web.door import Door, door_of
from envmgr.web.sign_in.visitor import Visiting

from .answer import PageRoute

router = APIRouter(route_class=PageRoute, include_in_schema=False)

MOST = 1000
"""How many streams may be open at once; who asks for one more is told to come back."""
LIFE = 600.0
"""How long one lives, in seconds: browsers open it anew, and whether they may is looked at again."""
_PAUSE = 1.0
_SILENCE = 15.0
_RECENT = timedelta(seconds=10)


def event(name: str, data: str, number: int) -> str:
    """One event as it is sent; each line of its data is marked as such."""
    lines = "".join(f"data: {line}\n" for line in data.splitlines() or [""])
    return f"event: {name}\nid: {number}\n{lines}\n"


def streamed(request: Request, events: AsyncIterator[str] | AsyncIterator[bytes]) -> StreamingResponse:
    """A stream of events; an empty one is nothing, but keeps the connection in use from time to time."""
    streams = streams_of(request)
    if streams.open >= MOST:
        raise HTTPException(503, "Too many people follow something at present: try again later.")
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(streams.counted(events), media_type="text/event-stream", headers=headers)


@dataclass(slots=True)
class Streams:
    """The open streams of a server, and what all of those that wait for news share: one look a second for all."""

    open: int = 0
    _looked: float = 0.0
    _mark: "_Mark | None" = None
    _number: int = 0
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def counted(self, events: AsyncIterator[str] | AsyncIterator[bytes]) -> AsyncIterator[str | bytes]:
        """The events, for as long as a stream may live."""
        self.open += 1
        begin = said = time.monotonic()
        try:
            async for each in events:
                now = time.monotonic()
                if each or now - said > _SILENCE:
                    said = now
                    yield each or ": still here\n\n"
                if now - begin > LIFE:
                    return
        finally:
            self.open -= 1

    async def number(self, door: Door) -> int:
        """Counts up whenever anything was written."""
        async with self._lock:
            if time.monotonic() - self._looked >= _PAUSE:
                mark = await run_in_threadpool(_mark, door)
                if mark is not None:
                    self._number += mark.is_news_after(self._mark)
                    self._mark = mark
                self._looked = time.monotonic()
            return self._number


@dataclass(frozen=True, slots=True)
class _Mark:
    """How the records stand: the last event, marks of what was written of late, and the requests that are not over."""

    event: int
    written: Mapping[RepositoryId, frozenset[Hashable]]
    asked: Sequence[tuple[int, RequestStatus]]

    def is_news_after(self, before: "_Mark | None") -> bool:
        """Whether anything was written since; what is only no longer of late is no news."""
        if before is None or (self.event, self.asked) != (before.event, before.asked):
            return True
        return any(marks - before.written.get(name, frozenset()) for name, marks in self.written.items())


def _mark(door: Door) -> _Mark | None:
    """How the records stand; None where they do not answer."""
    store = door.runtime.services.store
    try:
        asked = [(request.id, request.status) for request in store.requests.pending()]
        return _Mark(store.pages.last_event(), store.touched(door.now - _RECENT), asked)
    except EnvmgrError:
        return None


def streams_of(request: Request) -> Streams:
    """The streams of the server that a request came to."""
    found = getattr(request.app.state, "streams", None)
    if found is None:
        found = request.app.state.streams = Streams()
    assert isinstance(found, Streams)  # noqa: S101  nothing else is put there
    return found


@router.get("/live")
async def live(request: Request, _: Visiting) -> StreamingResponse:
    """Says that something happened; what that was, each view asks for itself, by who may see it."""
    return streamed(request, _changes(door_of(request), streams_of(request)))


async def _changes(door: Door, streams: Streams) -> AsyncIterator[str]:
    known = await streams.number(door)
    yield ": listening\n\n"
    while True:
        await asyncio.sleep(_PAUSE)
        found = await streams.number(door)
        yield event("changed", "", found) if found != known else ""
        known = found
