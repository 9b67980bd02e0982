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

_PAUSE = 1.0
_RECENT = timedelta(seconds=10)


class News:
    """Counts up whenever anything was written. Works on one event loop."""

    def __init__(self, look: Callable[[], "Mark | None"]) -> None:
        """By a look at the records."""
        self._look = look
        self._looked = 0.0
        self._mark: Mark | None = None
        self._number = 0
        self._lock = asyncio.Lock()

    async def stream(self) -> Stream:
        """Says that something happened, whenever it did; what that was, each view asks for itself."""
        begin = said = time.monotonic()
        known = await self._count()
        yield BEGIN
        while time.monotonic() < begin + LIFE:
            await asyncio.sleep(_PAUSE)
            found = await self._count()
            if found != known or time.monotonic() - said > BEAT:
                said = time.monotonic()
                yield event(found, b"", "changed") if found != known else ALIVE
            known = found

    async def _count(self) -> int:
        async with self._lock:
            if time.monotonic() - self._looked >= _PAUSE:
                mark = await run_in_threadpool(self._look)
                if mark is not None:
                    self._number += mark.is_news_after(self._mark)
                    self._mark = mark
                self._looked = time.monotonic()
            return self._number


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
