"""How long it takes until others have taken up what a host that is down had begun: looked up in the database."""

import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import psycopg

_EVERY = 0.5
# Who holds a lease is the first member of a JSON array.
_HELD = "SELECT name, owner FROM leases WHERE owner IS NOT NULL"
_STRANDED = """
SELECT job.id FROM procrastinate_jobs job LEFT JOIN procrastinate_workers worker ON worker.id = job.worker_id
WHERE job.status = 'doing' AND (worker.id IS NULL OR worker.last_heartbeat < now() - interval '30 s')
"""
_DOUBLED = """
SELECT job.id FROM procrastinate_jobs job JOIN procrastinate_jobs other USING (queueing_lock)
WHERE job.status = 'todo' AND other.status = 'doing'
"""


@dataclass(slots=True)
class Watch:
    """To be used in `with`. `seconds` are the take-overs: from a host's death to another's lease on the environment.

    Where work is queued by the database, `stranded` are the jobs in `doing` whose worker is dead or silent, and
    `doubled` those that wait while another of the same environment is in `doing`.
    """

    url: str
    is_queued: bool = False
    stranded: set[int] = field(default_factory=set)
    doubled: set[int] = field(default_factory=set)
    seconds: list[float] = field(default_factory=list)
    missed: int = 0
    _held: dict[str, str] = field(default_factory=dict)
    _awaited: dict[str, tuple[str, float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _end: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Look, from now on."""
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Look no more."""
        self._end.set()
        if self._thread is not None:
            self._thread.join()

    def died(self, host: str) -> int:
        """A host is down for so long that others must take over; gives how many environments it held."""
        with self._lock:
            mine = [name for name, owner in self._held.items() if owner == host]
            self._awaited |= {name: (host, time.monotonic()) for name in mine}
            return len(mine)

    def returns(self, host: str) -> None:
        """It comes back: what nobody had taken over by then was missed."""
        with self._lock:
            left = [name for name, (owner, _) in self._awaited.items() if owner == host]
            self.missed += len(left)
            for name in left:
                del self._awaited[name]

    def _look(self) -> None:
        while not self._end.wait(_EVERY):
            with suppress(psycopg.Error), psycopg.connect(self.url, autocommit=True) as connection:
                while not self._end.wait(_EVERY):
                    self._take(dict(connection.execute(_HELD).fetchall()))
                    if self.is_queued:
                        self.stranded.update(number for (number,) in connection.execute(_STRANDED))
                        self.doubled.update(number for (number,) in connection.execute(_DOUBLED))

    def _take(self, rows: dict[str, str]) -> None:
        with self._lock:
            self._held = {name: owner.split('"')[1] for name, owner in rows.items()}
            for name, (host, since) in list(self._awaited.items()):
                if self._held.get(name, host) != host:
                    self.seconds.append(time.monotonic() - since)
                    del self._awaited[name]
