"""Those who are told of what happens: each by a thread of its own while there is something, so that none holds up another."""

import threading
import time
from dataclasses import dataclass

import structlog

from envmgr.commands.notices.delivery import Delivery
from envmgr.commands.runtime import Runtime
from envmgr.domain.errors import EnvmgrError
from envmgr.host.system import sentences

log = structlog.get_logger()

_QUIET = 15.0
"""Seconds after which somebody is looked after also where nothing has happened: what had failed may be ready again."""


@dataclass(slots=True)
class _Work:
    delivery: Delivery
    seen: int = -1
    at: float = 0.0
    goes_on: bool = True
    is_busy: bool = False
    has_failed: bool = False


class NoticeWatch:
    """Tells what is new to each target. The threads are daemon threads: what was not told is told by the next process."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._works: dict[str, _Work] = {}
        self._closing = threading.Event()
        self.reconfigure(runtime)

    def reconfigure(self, runtime: Runtime) -> None:
        """Tells whom another configuration names from now on; who is being told just now is told to the end."""
        self._runtime = runtime
        before, self._works = self._works, {}
        for target in runtime.targets:
            work = before.get(target.key)
            if work is None or work.delivery.target != target:
                busy = work is not None and work.is_busy
                work = _Work(Delivery(target), at=time.monotonic() if busy else 0.0)
            self._works[target.key] = work

    def tick(self) -> None:
        """Begins what there is to do; raises what the store raises."""
        if not self._works or self._closing.is_set():
            return
        last, now = self._runtime.services.store.pages.last_event(), time.monotonic()
        for work in list(self._works.values()):
            if work.is_busy or not (work.goes_on or work.seen != last or work.at < now - _QUIET):
                continue
            work.seen, work.at, work.is_busy = last, now, True
            threading.Thread(target=self._tell, args=(work,), name="notices", daemon=True).start()

    def close(self) -> None:
        """Begins nothing more."""
        self._closing.set()

    def _tell(self, work: _Work) -> None:
        try:
            with sentences():
                work.goes_on = work.delivery.tell(self._runtime)
            work.has_failed = False
        except EnvmgrError as error:
            if not work.has_failed:
                log.error(str(error), action="store-failed")
            work.has_failed = True
        except Exception:
            log.exception("Unexpected error", action="unexpected")
        finally:
            work.is_busy = False
