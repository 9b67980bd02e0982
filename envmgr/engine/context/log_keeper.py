"""Puts logs of runs under way beside the states: in pieces while a run goes on, as a whole at its end."""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import structlog

from envmgr.domain.errors import EnvmgrError
from envmgr.host.system import sentences, write_private
from envmgr.ports import StateStore

log = structlog.get_logger()

PAUSE = timedelta(seconds=5)
"""How often what a run has written since is put beside the states: one request for each run that wrote something."""
WHOLE = "whole"
"""The name of the whole log; that of a piece is where it begins, in bytes."""
LEFT = ".unkept"
"""What follows a log's name where it could not be put beside the states."""


@dataclass(slots=True)
class Written:
    """A log that is written here, and below which keys of which store it is to be; `sent` bytes of it are, in `pieces`."""

    run: int
    path: Path
    open_state: Callable[[], StateStore]
    place: str
    sent: int = 0
    pieces: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def put_piece(self) -> None:
        """Puts what was written since the last piece. Raises what the store raises."""
        content = _from(self.path, self.sent)
        if content:
            name = f"{self.sent:012d}"
            self.open_state().put(self.place + name, content)
            self.pieces.append(name)
            self.sent += len(content)

    def put_whole(self) -> None:
        """Puts all of it, and takes its pieces away; where that cannot be, a mark stays for later, and nothing is raised."""
        mark = self.path.with_name(f"{self.path.name}{LEFT}")
        try:
            state, content = self.open_state(), _from(self.path, 0)
            if content:
                state.put(self.place + WHOLE, content)
            # The whole first: whoever reads meanwhile finds one or the other. Without a list of pieces, as
            # after a restart, the store is asked for them, but only where a mark says that some may be left.
            for name in self.pieces or (pieces(names(state, self.place)) if mark.exists() else ()):
                state.delete(self.place + name)
            with sentences("A mark cannot be taken away", mark):
                mark.unlink(missing_ok=True)
        except EnvmgrError as error:
            log.warning(str(error), action="log-not-kept", run=self.run)
            with suppress(EnvmgrError):
                write_private(mark, "")


class LogKeeper:
    """Does so for the runs of this process, by one thread for as long as there are any."""

    def __init__(self) -> None:
        """No run is under way."""
        self._written: dict[int, Written] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, written: Written) -> None:
        """From now on what a run writes is put there."""
        with self._lock:
            self._written[written.run] = written
            if self._thread is None:
                self._start()

    def end(self, run: int) -> None:
        """Puts the whole log of a run there, where it was begun, and nothing after that."""
        with self._lock:
            written = self._written.pop(run, None)
            if not self._written:
                self._wake.set()
        if written is not None:
            with written.lock:
                written.put_whole()

    def look(self) -> None:
        """Puts there what was written since the last time; what fails is tried again the next time."""
        with self._lock:
            found = list(self._written.values())
        for written in found:
            try:
                with written.lock, suppress(EnvmgrError):
                    if written.run in self._written:
                        written.put_piece()
            except Exception:  # of this one log: the thread goes on, or nobody would put the others there
                log.exception("Unexpected error", action="unexpected", run=written.run)

    def _start(self) -> None:
        self._wake.clear()
        self._thread = threading.Thread(target=self._go_on, name="logs", daemon=True)
        self._thread.start()

    def _go_on(self) -> None:
        while True:
            self._wake.wait(PAUSE.total_seconds())
            with self._lock:
                self._wake.clear()
                if not self._written:
                    self._thread = None
                    return
            self.look()


def names(state: StateStore, place: str) -> Sequence[str]:
    """What there is of logs below a place. Raises what the store raises."""
    return sorted(key.removeprefix(place) for key in state.objects(place))


def pieces(found: Sequence[str]) -> Sequence[str]:
    """Those of some names that are pieces, in their order."""
    return sorted(name for name in found if name.isdigit())


def _from(path: Path, begin: int) -> bytes:
    with sentences("A log cannot be read", path):
        try:
            with path.open("rb") as file:
                file.seek(begin)
                return file.read()
        except FileNotFoundError:
            return b""
