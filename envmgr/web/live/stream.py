"""Server-sent events: how one is written, how many may be open, and how long a stream goes on."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from .readers import Reader, Readers

BEAT = 15.0
"""How often a stream says that it is alive where it has nothing to say (seconds)."""
LIFE = 600.0
"""How long a stream goes on before its reader has to come again, and to be allowed again (seconds)."""
MOST = 1000
"""How many streams may be open at once; who asks for one more is told to come back."""
OF_ONE = MOST // 2
"""How many of them one caller may have, so that nobody keeps all others out."""
ALIVE = b": alive\n\n"
BEGIN = b"retry: 1000\n\n"

_LATER = {"Retry-After": "10"}

Stream = AsyncIterator[bytes]


class Streams:
    """The streams that are open, by whose they are. Works on one event loop."""

    def __init__(self) -> None:
        """None is."""
        self._open: Counter[str] = Counter()
        self._readers = Readers()

    def answer(self, reader: Reader, stream: Stream) -> StreamingResponse:
        """The answer that is one more, for as long as its reader may read on; where there are too many already, 429 or 503."""
        return _Answer(self, reader, stream)

    @contextmanager
    def one_more(self, reader: Reader) -> Iterator[None]:
        """Counts it for the length of a block. Raises 429 or 503 where there are too many already."""
        caller = str(reader.person.asker)
        if self._open[caller] >= OF_ONE:
            raise HTTPException(429, f"You follow {OF_ONE} streams already: end one first.", _LATER)
        if self._open.total() >= MOST:
            raise HTTPException(503, "Too many people follow something at present: try again later.", _LATER)
        self._open[caller] += 1
        self._readers.begin(reader)
        try:
            yield
        finally:
            self._readers.end(reader)
            self._open[caller] -= 1
            if not self._open[caller]:
                del self._open[caller]

    async def told(self, reader: Reader, stream: Stream) -> Stream:
        """What a stream tells for as long as its reader may know it; that it is alive anybody may know."""
        async for each in stream:
            if each not in (ALIVE, BEGIN) and not await self._readers.may_go_on(reader):
                return
            yield each


class _Answer(StreamingResponse):
    """A stream, which is counted once its answer begins: until then many may be on their way."""

    def __init__(self, streams: Streams, reader: Reader, stream: Stream) -> None:
        # No proxy may gather it up.
        headers = {"X-Accel-Buffering": "no"}
        super().__init__(streams.told(reader, stream), media_type="text/event-stream", headers=headers)
        self._streams, self._reader = streams, reader

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers."""
        with self._streams.one_more(self._reader):
            await super().__call__(scope, receive, send)


def event(number: int, data: bytes, name: str = "") -> bytes:
    """One event; each line of its data is marked as such."""
    named = f"event: {name}\n".encode() if name else b""
    lines = b"".join(b"data: %s\n" % line for line in data.splitlines() or (b"",))
    return b"%sid: %d\n%s\n" % (named, number, lines)
