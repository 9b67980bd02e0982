"""The engine's threads done without: what is handed out is done where it is waited for, in that order."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, cast

from envmgr.daemon.health_watch import HealthWatch
from envmgr.domain.errors import NoPlace
from envmgr.engine.context.leases import Leases
from envmgr.engine.context.log_keeper import LogKeeper
from envmgr.engine.context.services import Services
from envmgr.engine.reconcile.reconciler import Reconciler
from envmgr.engine.reconcile.workers import Workers


class StraightWorkers(Workers):
    """See `Workers`: the same in one thread."""

    def __init__(self, services: Services, reconciler: Reconciler) -> None:
        super().__init__(services, reconciler)
        self._to_do: deque[Callable[[], None]] = deque()

    def wait(self, timeout: float | None = None) -> bool:
        """Does all that was handed out."""
        while self._to_do:
            self._to_do.popleft()()
        return True

    def _none_free(self, full: NoPlace) -> None:
        """No time passes here: it is left alone, as what somebody else holds."""
        raise full

    def _run(self, name: str, size: int, do: Callable[[], None]) -> None:
        self._to_do.append(do)


class StraightLeases(Leases):
    """See `Leases`: whoever moves the clock renews them."""

    def _start_renewer(self) -> None:
        """There is none."""


class StraightLogs(LogKeeper):
    """See `LogKeeper`: whoever wants to see a run's log from elsewhere has it look."""

    def _start(self) -> None:
        """There is no thread."""


class _Straight(Executor):
    """Does at once what it is given."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """What it came to, which is known already."""
        done = Future[Any]()
        done.set_result(fn(*args, **kwargs))
        return done


class StraightHealth(HealthWatch):
    """See `HealthWatch`: whoever is due is asked in turn."""

    def _pool(self, organization: str) -> ThreadPoolExecutor:
        return cast("ThreadPoolExecutor", _Straight())


class StraightRecorder:
    """In the place of `LockRecorder`, which looks after a fifth of a second: nothing here lasts so long."""

    def __init__(self, *_: object) -> None:
        """Nothing is looked for."""

    def __enter__(self) -> None:
        """No thread."""

    def __exit__(self, *_: object) -> None:
        """Nor its end."""
