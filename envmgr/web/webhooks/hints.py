"""Hints on their way to the records: however many come, few writes."""

import threading
from collections import Counter
from collections.abc import Callable, Collection
from time import monotonic

import structlog

from envmgr.domain.errors import EnvmgrError
from envmgr.domain.values.names import RepositoryId

log = structlog.get_logger()

_PAUSE = 0.25  # seconds between two writes: what comes meanwhile goes together
_IDLE = 5.0
_TOLD = 60.0

TAKEN, REFUSED = "taken", "refused"


class Hints:
    """Writes hints by a thread of its own, which ends when nothing comes; no more at a time than there are repositories.

    `counts` is what came, by organization, kind of forge and what became of it.
    """

    def __init__(self, write: Callable[[Collection[RepositoryId]], None]) -> None:
        """Nothing has come yet."""
        self.counts: Counter[tuple[str, str, str]] = Counter()
        self._write = write
        self._waiting: set[RepositoryId] = set()
        self._come = threading.Event()
        self._lock = threading.Lock()
        self._is_running = False
        self._told: dict[tuple[str, str], float] = {}

    def add(self, repositories: Collection[RepositoryId]) -> None:
        """Leaves hints, soon."""
        if not repositories:
            return
        with self._lock:
            self._waiting.update(repositories)
            if not self._is_running:
                self._is_running = True
                threading.Thread(target=self._work, name="hints", daemon=True).start()
        # Only now: a thread that wakes finds what is waiting.
        self._come.set()

    def count(self, organization: str, kind: str, result: str) -> None:
        """Counts one webhook; of refused ones a line is written now and then."""
        self.counts[organization, kind, result] += 1
        if result != REFUSED or self._told.get((organization, kind), float("-inf")) > monotonic() - _TOLD:
            return
        self._told[organization, kind] = monotonic()
        log.warning(
            f"A webhook of {kind} for {organization} was refused: none of its webhook secrets fits. "
            f"{self.counts[organization, kind, REFUSED]} were since the server began; more are not told of for a minute.",
            action="webhook-refused",
            organization=organization,
        )

    def _work(self) -> None:
        pause = threading.Event()
        while self._come.wait(_IDLE) or not self._is_over():
            self._come.clear()
            with self._lock:
                now, self._waiting = self._waiting, set()
            try:
                self._write(now)
            except EnvmgrError as error:  # polling sees what it was about
                log.warning(f"Hints of webhooks were lost: {error}", action="store-failed")
            except Exception:
                log.exception("Unexpected error", action="unexpected")
            # An event that nobody sets: what comes meanwhile ends no pause.
            pause.wait(_PAUSE)

    def _is_over(self) -> bool:
        """Ends the thread unless something came just now: whoever adds it then starts another one."""
        with self._lock:
            self._is_running = bool(self._waiting)
            return not self._is_running
