"""A database that is away: told of once, and until it answers nothing but that is asked of it, ever less often."""

import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from envmgr.domain.errors import EnvmgrError, StoreAway
from envmgr.domain.values.backoff import delay
from envmgr.host.system import sentences

if TYPE_CHECKING:
    from collections.abc import Iterator

log = structlog.get_logger()

_FIRST = timedelta(seconds=1)
_LONGEST = timedelta(seconds=10)


class Outage:
    """Whether the database is away. `probe` reads and writes there: where it raises nothing, all goes on.

    Any thread may use it.
    """

    def __init__(self, probe: Callable[[], object], clock: Callable[[], float] = time.monotonic) -> None:
        self._probe, self._clock = probe, clock
        self._since: float | None = None
        self._next = 0.0
        self._failures = 0
        self._lock = threading.Lock()

    @property
    def lasts(self) -> bool:
        """Whether it is away, as far as is known."""
        return self._since is not None

    @contextmanager
    def noticed(self, action: str, **where: str) -> "Iterator[None]":
        """What the block could not do is told of: an outage once, whoever meets it, anything else each time."""
        try:
            with sentences():
                yield
        except StoreAway as error:
            self._begin(error)
        except EnvmgrError as error:
            log.error(str(error), action=action, **where)

    def spared(self, tick: Callable[[], None], action: str) -> Callable[[], None]:
        """The tick, left out while the database is away."""

        def spared() -> None:
            if not self.lasts:
                with self.noticed(action):
                    tick()

        return spared

    def tick(self) -> None:
        """Asks whether it is back, where it is away and it is time for that."""
        if self._since is None or self._clock() < self._next:
            return
        try:
            with sentences():
                self._probe()
        except EnvmgrError:
            self._failures += 1
            pause = delay(self._failures, first=_FIRST, longest=_LONGEST)
            self._next = self._clock() + pause.total_seconds()
        else:
            lasted, self._since = self._clock() - self._since, None
            log.info(f"The database can be used again, after {lasted:.0f} s.", action="database-back")

    def _begin(self, error: StoreAway) -> None:
        with self._lock:
            if self._since is not None:
                return
            self._since, self._failures = self._clock(), 0
            self._next = self._since + _FIRST.total_seconds()
        log.error(f"{error} Until it answers nothing new begins; what runs goes on.", action="database-away")
