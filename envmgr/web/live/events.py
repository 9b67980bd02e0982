"""Events as they happen: one look at the records serves all who follow."""

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from starlette.concurrency import run_in_threadpool

from envmgr.domain.errors import EnvmgrError
from envmgr.domain.values.environment import Event
from envmgr.views import documents

from .stream import ALIVE, BEAT, BEGIN, LIFE, Stream, event

log = structlog.get_logger()

_PAUSE = 0.5
_REMEMBERED = 2000
_AT_ONCE = 500

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
        self._changed = asyncio.Event()
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
                changed = self._changed
                for told in await self._after(until):
                    until = told.found.id
                    if passes(told.found):
                        yield told.sent
                try:
                    await asyncio.wait_for(changed.wait(), BEAT)
                except TimeoutError:
                    yield ALIVE
        finally:
            self._followers -= 1

    async def _after(self, number: int) -> Sequence[_Told]:
        """From memory where that reaches back so far, else from the records."""
        if self._told and self._told[0].found.id <= number + 1:
            return [told for told in self._told if told.found.id > number]
        if self._until is not None and number >= self._until:
            return ()
        found = await run_in_threadpool(self._read, number, _AT_ONCE)
        return [_told(each) for each in found]

    def _begin(self) -> None:
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._look())

    async def _look(self) -> None:
        """For as long as somebody follows."""
        self._told.clear()
        self._until = None
        while self._followers:
            try:
                if self._until is None:
                    self._until = await run_in_threadpool(self._last)
                    self._tell()  # what came just before is nobody's news: who follows looks once more herself
                found = await run_in_threadpool(self._read, self._until, _AT_ONCE)
            except EnvmgrError as error:
                log.warning(str(error), action="store-failed")
                found = ()
            if found:
                self._told.extend(map(_told, found))
                self._until = found[-1].id
                self._tell()
            await asyncio.sleep(_PAUSE)

    def _tell(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


def _told(found: Event) -> _Told:
    return _Told(found, event(found.id, json.dumps(documents.event(found)).encode()))
