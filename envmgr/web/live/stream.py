"""Server-sent events: how one is written, how many may be open, and how long a stream goes on."""

import time
from collections import Counter
from collections.abc import AsyncIterator, Callable

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse

BEAT = 15.0
"""How often a stream says that it is alive where it has nothing to say (seconds)."""
LOOK = 10.0
"""How often it is looked at again whether a reader may still read on, where there is something to read (seconds)."""
LIFE = 600.0
"""How long a stream goes on before its reader has to come again, and to be allowed again (seconds)."""
MOST = 1000
"""How many streams may be open at once; who asks for one more is told to come back."""
OF_ONE = MOST // 2
"""How many of them one caller may have, so that nobody keeps all others out."""
ALIVE = b": alive\n\n"
BEGIN = b"retry: 1000\n\n"

Stream = AsyncIterator[bytes]


class Streams:
    """The streams that are open, by whose they are. Works on one event loop."""

    def __init__(self) -> None:
        """None is."""
        self._open: Counter[str] = Counter()

    def answer(
        self, caller: str, stream: Stream, is_so: Callable[[], bool] = lambda: True
    ) -> StreamingResponse:
        """The answer that is one more, for as long as `is_so`. Raises 429 or 503 where there are too many already."""
        if self._open[caller] >= OF_ONE:
            raise HTTPException(429, f"You follow {OF_ONE} streams already: end one first.", _LATER)
        if self._open.total() >= MOST:
            raise HTTPException(503, "Too many people follow something at present: try again later.", _LATER)
        told = self._counted(caller, while_so(stream, is_so))
        # No proxy may gather it up.
        return StreamingResponse(told, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})

    async def _counted(self, caller: str, stream: Stream) -> Stream:
        self._open[caller] += 1
        try:
            async for each in stream:
                yield each
        finally:
            self._open[caller] -= 1
            if not self._open[caller]:
                del self._open[caller]


_LATER = {"Retry-After": "10"}


async def while_so(stream: Stream, is_so: Callable[[], bool]) -> Stream:
    """What a stream tells for as long as its reader may know it; that it is alive anybody may know."""
    looked = time.monotonic()
    async for each in stream:
        if each not in (ALIVE, b"") and time.monotonic() - looked >= LOOK:
            if not await run_in_threadpool(is_so):
                return
            looked = time.monotonic()
        if each:
            yield each


def event(number: int, data: bytes, name: str = "") -> bytes:
    """One event; each line of its data is marked as such."""
    named = f"event: {name}\n".encode() if name else b""
    lines = b"".join(b"data: %s\n" % line for line in data.splitlines() or (b"",))
    return b"%sid: %d\n%s\n" % (named, number, lines)
