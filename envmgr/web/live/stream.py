"""Server-sent events: how one is written, and how long a stream goes on."""

import time
from collections.abc import AsyncIterator, Callable

from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

BEAT = 15.0
"""How often a stream says that it is alive where it has nothing to say (seconds)."""
LOOK = 10.0
"""How often it is looked at again whether a reader may still read on, where there is something to read (seconds)."""
LIFE = 600.0
"""How long a stream goes on before its reader has to come again, and to be allowed again (seconds)."""
ALIVE = b": alive\n\n"
BEGIN = b"retry: 1000\n\n"

Stream = AsyncIterator[bytes]


async def while_so(stream: Stream, is_so: Callable[[], bool]) -> Stream:
    """What a stream tells for as long as its reader may know it; that it is alive anybody may know."""
    looked = time.monotonic()
    async for each in stream:
        if each != ALIVE and time.monotonic() - looked >= LOOK:
            if not await run_in_threadpool(is_so):
                return
            looked = time.monotonic()
        yield each


def as_answer(stream: Stream, is_so: Callable[[], bool]) -> StreamingResponse:
    """The answer that is such a stream; no proxy may gather it up."""
    told = while_so(stream, is_so)
    return StreamingResponse(told, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


def event(number: int, data: bytes, name: str = "") -> bytes:
    """One event; `data` has no line break."""
    named = f"event: {name}\n".encode() if name else b""
    return b"%sid: %d\ndata: %s\n\n" % (named, number, data)
