"""That something happened, for all who wait for it: one look a second at the records for all of them."""

import asyncio
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.concurrency import run_in_threadpool

from envmgr.domain.errors import EnvmgrError
from envmgr.domain.values.asking.request import RequestStatus
from envmgr.domain.values.names import RepositoryId
from envmgr.ports import Store

from .stream import ALIVE, BEAT, BEGIN, LIFE, Stream, event
from .waking import Waking

_PAUSE = 1.0
_RECENT = timedelta(seconds=10)


class News:
    """Counts up whenever anything was written. Works on one event loop."""

    def __init__(self, look: Callable[[], "Mark | None"]) -> None:
        """By a look at the records."""
        self._look = look
        self._looked = 0.0
        self._mark: Mark | None = None
        self._changed = Waking()
        self._lock = asyncio.Lock()
        self._followers = 0
        self._looking: asyncio.Task[None] | None = None

    async def stream(self) -> Stream:
        """Says that something happened, whenever it did; what that was, each view asks for itself."""
        over = time.monotonic() + LIFE
        known = await self._count()
        self._followers += 1
        try:
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._look_on())
            yield BEGIN
            while time.monotonic() < over:
                is_news = await self._changed.after(known, BEAT)
                known = self._changed.count
                yield event(known, b"", "changed") if is_news else ALIVE
        finally:
            self._followers -= 1

    async def _look_on(self) -> None:
        """For as long as somebody follows."""
        while self._followers:
            await self._count()
            await asyncio.sleep(_PAUSE)

    async def _count(self) -> int:
        # Those who come at once wait for one look, not each for its own.
        async with self._lock:
            if time.monotonic() - self._looked >= _PAUSE:
                mark = await run_in_threadpool(self._look)
                if mark is not None:
                    is_news, self._mark = mark.is_news_after(self._mark), mark
                    if is_news:
                        self._changed.ring()
                self._looked = time.monotonic()
            return self._changed.count


@dataclass(frozen=True, slots=True)
class Mark:
    """How the records stand: the last event, marks of what was written of late, and the requests that are not over."""

    event: int
    written: Mapping[RepositoryId, frozenset[Hashable]]
    asked: Sequence[tuple[int, RequestStatus]]

    def is_news_after(self, before: "Mark | None") -> bool:
        """Whether anything was written since; what is only no longer of late is no news."""
        if before is None or (self.event, self.asked) != (before.event, before.asked):
            return True
        return any(marks - before.written.get(name, frozenset()) for name, marks in self.written.items())


def mark(store: Store, now: datetime) -> Mark | None:
    """How the records stand; None where they do not answer."""
    try:
        asked = [(request.id, request.status) for request in store.requests.pending()]
        return Mark(store.pages.last_event(), store.touched(now - _RECENT), asked)
    except EnvmgrError:
        return None
