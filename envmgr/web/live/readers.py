"""Who reads on: looked at again and again, once for all who show the same."""

import asyncio
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool

from envmgr.domain.values.asking.person import Person

LOOK = 10.0
"""How often it is looked at again whether somebody may still read on, where there is something to read (seconds)."""


@dataclass(frozen=True, slots=True, eq=False)
class Reader:
    """Who reads, as she was recognised. `look` says who she is by now: without it, it is told to anybody.

    Those of the same `key` show the same, so that one look tells of all of them; of None each is looked at alone.
    """

    person: Person
    look: Callable[[], Person | None] | None = None
    key: Hashable | None = None


@dataclass(slots=True)
class _Known:
    """Who somebody was when it was looked at last."""

    person: Person | None
    at: float
    readers: int = 0
    looking: asyncio.Task[None] | None = None


class Readers:
    """Those who read something just now. Works on one event loop."""

    def __init__(self) -> None:
        """Nobody does."""
        self._known: dict[Hashable, _Known] = {}

    def begin(self, reader: Reader) -> None:
        """One more, who was recognised just now: that tells of all others who show the same, too."""
        known = self._known.setdefault(_key(reader), _Known(None, 0.0))
        known.person, known.at = reader.person, time.monotonic()
        known.readers += 1

    def end(self, reader: Reader) -> None:
        """One less."""
        known = self._known[_key(reader)]
        known.readers -= 1
        if not known.readers:
            del self._known[_key(reader)]

    async def may_go_on(self, reader: Reader) -> bool:
        """Whether she is who she was, with the same roles."""
        known = self._known[_key(reader)]
        if reader.look is not None and time.monotonic() - known.at >= LOOK:
            known.looking = known.looking or asyncio.create_task(_look(known, reader.look))
            await asyncio.shield(known.looking)  # whoever leaves takes it from nobody
        # Also with other roles: what she may see of it would have to be chosen anew.
        return known.person == reader.person


def _key(reader: Reader) -> Hashable:
    return reader if reader.key is None else reader.key


async def _look(known: _Known, look: Callable[[], Person | None]) -> None:
    before, found = known.at, None
    try:
        found = await run_in_threadpool(look)
    finally:
        known.looking = None
        if known.at == before:  # else she has come once more meanwhile, which is newer
            known.person, known.at = found, time.monotonic()
