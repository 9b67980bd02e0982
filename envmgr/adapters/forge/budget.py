"""How often a forge may be asked: shared by all repositories of one forge and token."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import parsedate_to_datetime

from envmgr.domain.errors import RetryLater
from envmgr.ports.forge import ForgeUsage

LONGEST = 3600.0
"""No pause is longer (seconds), whatever a forge asks for: it is asked again then."""

_FIRST_PAUSE = 60.0
_ROUNDED = 1.0  # a shorter wait is waited for, a longer one is the caller's
_RESERVE = 0.05  # of the budget: what only writes may use
_AMPLE = 0.25  # of the budget: as long as more is left, reads are not slowed
_OF_A_LOOK = 30
_OF_AN_HOUR = 1_000
_EPOCH = 1_000_000_000  # a larger number is a moment, a smaller one a time from now


@dataclass(slots=True)
class Budget:
    """What is left to be asked for, as the forge last said.

    Reads are spaced out once less than a quarter is left, and the last of it is the writes'. Writes go one after
    another, each `write_pause` seconds after the one before. `calls` counts by outcome: `read unchanged write limited failed`.
    """

    where: str
    write_pause: float = 0.0
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    calls: Counter[str] = field(default_factory=Counter)
    remaining: int | None = None
    limit: int | None = None
    _resets_at: float = 0.0
    _closed_until: float = 0.0
    _refusals: int = 0
    _last_read: float = 0.0
    _last_write: float = 0.0
    _ahead: float = 0.0
    _rests_until: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _writing: threading.Lock = field(default_factory=threading.Lock)

    def count(self, outcome: str) -> None:
        """Count a call."""
        with self._lock:
            self.calls[outcome] += 1

    @property
    def usage(self) -> ForgeUsage:
        """What was asked for so far, and what is left."""
        with self._lock:
            return ForgeUsage(calls=dict(self.calls), remaining=self.remaining, limit=self.limit)

    def reading(self) -> None:
        """Waits until a read may be made; RetryLater where that is not within a second."""
        with self._lock:
            self._check_open()
            wait = self._spacing()
            # Set before it sleeps: whoever asks next waits behind this one.
            self._last_read = self.clock() + wait
        if wait > 0:
            self.sleep(wait)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Within the block nothing else is written to this forge; RetryLater where nothing may be written now."""
        with self._writing:
            with self._lock:
                self._check_open()
                wait = self._last_write + self.write_pause - self.clock()
            if wait > 0:
                # Never longer than the pause, should the clock have been set back.
                self.sleep(min(wait, self.write_pause))
            try:
                yield
            finally:
                self._last_write = self.clock()

    def learn(self, headers: Mapping[str, str]) -> None:
        """Takes in what an answer says of the budget."""
        remaining = _number(headers, "x-ratelimit-remaining", "ratelimit-remaining")
        with self._lock:
            self._refusals = 0
            if "retry-after" in headers:  # Azure DevOps asks for a pause before it refuses anything
                self._closed_until = max(
                    self._closed_until, self.clock() + (_pause(headers, self.clock()) or 0)
                )
            if remaining is None:
                self._learn_whether_near(headers)
                return
            resets = _number(headers, "x-ratelimit-reset", "ratelimit-reset")
            self.remaining = max(int(remaining), 0)
            limit = _number(headers, "x-ratelimit-limit", "ratelimit-limit")
            self.limit = int(limit) if limit else max(self.limit or 0, self.remaining)
            self._resets_at = self.clock() + _from_now(resets, headers, self.clock())

    def _learn_whether_near(self, headers: Mapping[str, str]) -> None:
        """Bitbucket Cloud tells no more than whether a fifth of what an hour has is left, or less."""
        said = headers.get("x-ratelimit-nearlimit", "").lower()
        if said == "true" and (self.remaining is None or self.clock() >= self._resets_at):
            self.limit = int(_number(headers, "x-ratelimit-limit") or _OF_AN_HOUR)
            self.remaining, self._resets_at = self.limit // 5, self.clock() + LONGEST
        elif said == "false":
            self.remaining = None

    def limited(self, headers: Mapping[str, str]) -> RetryLater:
        """Nothing more is asked for until the forge wants it; what to raise."""
        with self._lock:
            self._refusals += 1
            asked = _pause(headers, self.clock())
            growing = _FIRST_PAUSE * 2 ** min(self._refusals - 1, 6)
            wait = min(asked if asked is not None else growing, LONGEST)
            self._closed_until = max(self._closed_until, self.clock() + wait)
            self.calls["limited"] += 1
            return self._later(wait)

    def _check_open(self) -> None:
        wait = self._closed_until - self.clock()
        if wait > 0:
            raise self._later(wait)

    def _spacing(self) -> float:
        """How long to wait before the next read. RetryLater where that is too long, and until as many may be made as one look takes.

        Were each let through for itself, a look of several reads would be stopped at its second one for ever.
        """
        left = self._resets_at - self.clock()
        free = self._free()
        if free is None or left <= 0:
            self._ahead = self._rests_until = 0.0
            return 0.0
        if free <= 0:
            raise self._later(left)
        if self.clock() < self._rests_until:
            raise self._later(self._rests_until - self.clock())
        each = left / free
        if each <= _ROUNDED:
            return max(self._last_read + each - self.clock(), 0.0)
        self._ahead = max(self._ahead - max(self.clock() - self._last_read, 0.0) / each, 0.0)
        if self._ahead + 1 > _OF_A_LOOK:
            self._ahead, rest = 0.0, min(_OF_A_LOOK * each, left)
            self._rests_until = self.clock() + rest
            raise self._later(rest)
        self._ahead += 1
        return 0.0

    def _free(self) -> int | None:
        """How many reads may still be made until there is more; None where nothing is known, or much is left."""
        if self.remaining is None or self.limit is None or self.remaining > self.limit * _AMPLE:
            return None
        return self.remaining - int(self.limit * _RESERVE)

    def _later(self, wait: float) -> RetryLater:
        return RetryLater(
            f"{self.where} is asked again in {max(round(wait), 1)} s: it asks to wait, or bounds how often it may be asked.",
            timedelta(seconds=wait),
        )


def _number(headers: Mapping[str, str], *names: str) -> float | None:
    for name in names:
        text = headers.get(name, "").partition(";")[0].partition(",")[0].strip()
        if text.isascii() and text.replace(".", "", 1).isdigit() and len(text) < 20:
            return float(text)
    return None


def _from_now(value: float | None, headers: Mapping[str, str], now: float) -> float:
    """Seconds from now, bounded; a moment is compared with the forge's own clock where it tells that."""
    if value is None:
        return _FIRST_PAUSE
    if value > _EPOCH:
        value -= _date(headers.get("date", "")) or now
    return min(max(value, 0.0), LONGEST)


def _pause(headers: Mapping[str, str], now: float) -> float | None:
    """How long the forge asks to wait, where it does."""
    text = headers.get("retry-after", "")
    seconds = _number(headers, "retry-after")
    if seconds is None and (moment := _date(text)) is not None:
        seconds = moment - (_date(headers.get("date", "")) or now)
    if seconds is not None:
        return min(max(seconds, 1.0), LONGEST)
    if _number(headers, "x-ratelimit-remaining", "ratelimit-remaining") == 0:
        resets = _number(headers, "x-ratelimit-reset", "ratelimit-reset")
        return max(_from_now(resets, headers, now), 1.0) if resets is not None else None
    return None


def _date(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
