"""Events as they happen: one look at the records serves all who follow."""

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

import structlog
from starlette.concurrency import run_in_threadpool

from envmgr.domain.errors import EnvmgrError
from envmgr.domain.values.environment import Event
from envmgr.views import documents

from .stream import ALIVE, BEAT, BEGIN, LIFE, Stream, event
from .waking import Waking

log = structlog.get_logger()

_PAUSE = 0.5
_REMEMBERED = 2000
_AT_ONCE = 500
_SENT_AT_ONCE = 50

Read = Callable[[int, int], Sequence[Event]]
"""The first events after a number, at most so many."""


@dataclass(frozen=True, slots=True)
class _Told:
    found: Event
    sent: bytes


class Events:
    """The newest events, in memory for all who follow them. Works on one event loop."""

    def __init__(self, read: Read, last: Callable[[], int]) -> None:
        """By a look at the records, and the newest number there."""
        self._read, self._last = read, last
        self._told: deque[_Told] = deque(maxlen=_REMEMBERED)
        self._until: int | None = None
        self._followers = 0
        self._changed = Waking()
        self._looking: asyncio.Task[None] | None = None

    async def stream(self, after: int | None, passes: Callable[[Event], bool]) -> Stream:
        """The events after a number (None: from now on) that somebody may see, for a while."""
        yield BEGIN
        until, over = after, time.monotonic() + LIFE
        self._followers += 1
        try:
            self._begin()
            if until is None:
                until = await run_in_threadpool(self._last)
            while time.monotonic() < over:
                seen = self._changed.count
                while time.monotonic() < over and (several := await self._after(until)):
                    until = several[-1].found.id
                    if sent := b"".join(told.sent for told in several if passes(told.found)):
                        yield sent
                if not await self._changed.after(seen, BEAT):
                    yield ALIVE
        finally:
            self._followers -= 1

    async def _after(self, number: int) -> Sequence[_Told]:
        """From memory where that reaches back so far, else from the records."""
        if self._told and self._told[0].found.id <= number + 1:
            # No more than that: who reads slowly keeps in memory what all others forget.
            return list(islice((told for told in self._told if told.found.id > number), _SENT_AT_ONCE))
        # The look has seen all there is: hundreds who follow need not ask the records the same.
        if self._until is not None and number >= self._until:
            return ()
        found = await run_in_threadpool(self._read, number, _AT_ONCE)
        return [_told(each) for each in found]

    def _begin(self) -> None:
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._look())

    async def _look(self) -> None:
        """For as long as somebody follows."""
        # Nobody looked for a while: what came meanwhile would be missing in between.
        self._told.clear()
        self._until = None
        while self._followers:
            try:
                if self._until is None:
                    self._until = await run_in_threadpool(self._last)
                    self._changed.ring()  # what came just before is nobody's news: who follows looks once more herself
                found = await run_in_threadpool(self._read, self._until, _AT_ONCE)
            except EnvmgrError as error:
                log.warning(str(error), action="store-failed")
                found = ()
            if found:
                self._told.extend(map(_told, found))
                self._until = found[-1].id
                self._changed.ring()
            await asyncio.sleep(_PAUSE)


def _told(found: Event) -> _Told:
    return _Told(found, event(found.id, json.dumps(documents.event(found)).encode()))
