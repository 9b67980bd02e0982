"""What was asked for over the network is taken up and done, a few at once in an organization."""

import threading
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor

import structlog

from envmgr.commands.fulfilment import fulfil
from envmgr.commands.runtime import Runtime
from envmgr.domain.errors import EnvmgrError
from envmgr.domain.values.asking.person import Action
from envmgr.domain.values.asking.request import Request, RequestStatus
from envmgr.domain.values.names import EnvironmentId
from envmgr.engine.work.in_time import all_over

log = structlog.get_logger()

_AT_ONCE = 16
_PAUSE = 5.0  # seconds until what found its environment busy is tried again
_ELSEWHERE = 1.5
"""Seconds after which the next tick looks for what other processes wrote down."""


class RequestWatch:
    """Does requests in the order they came, one at a time for an environment; those of a dead process begin again."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="request")
        self._at_work: dict[int, tuple[Request, Future[None]]] = {}
        self._later: dict[int, float] = {}
        self._asked_at = -_ELSEWHERE
        self._closing = threading.Event()

    def soon(self) -> None:
        """Has the next tick look: something was asked for in this process."""
        self._asked_at = -_ELSEWHERE

    def reconfigure(self, runtime: Runtime) -> None:
        """Works by another configuration from now on; what is under way ends by the old one."""
        self._runtime = runtime

    def tick(self) -> None:
        """Takes up what waits, where requests can come at all."""
        if not self._may_come() or self._closing.is_set():
            return
        if not self._is_awaited():
            return
        self._at_work = {n: work for n, work in self._at_work.items() if not work[1].done()}
        busy = {environment.environment for environment in self._runtime.workers.busy}
        changing = [r for r, _ in self._at_work.values() if r.action is not Action.CANCEL]
        busy |= {request.environment.environment for request in changing}
        for request in self._runtime.services.store.requests.pending():
            if request.id in self._at_work or not self._waits(request):
                continue
            if (
                request.action is Action.CANCEL
            ):  # of what runs just now: it waits for nothing, and keeps nothing waiting
                self._at_work[request.id] = request, self._pool.submit(self._do, request)
                continue
            identity = request.environment.environment
            if identity not in busy and self._has_room(identity) and self._is_time(request):
                self._at_work[request.id] = request, self._pool.submit(self._do, request)
            busy.add(identity)  # what came later waits its turn

    def _may_come(self) -> bool:
        """Whether anybody can ask at all: over the network, or by comments."""
        runtime = self._runtime
        return runtime.server is not None or any(r.forge for r in runtime.services.repositories.values())

    def _is_awaited(self) -> bool:
        """Whether to look at all: at each tick as long as anything is under way, as it may keep something waiting."""
        now = time.monotonic()
        is_idle = not self._at_work and not self._later
        if is_idle and now < self._asked_at + _ELSEWHERE:
            return False
        self._asked_at = now
        return True

    def close(self) -> None:
        """Begins nothing more; what runs goes on."""
        self._closing.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def wait(self, timeout: float) -> bool:
        """Waits for what runs; False where the time (seconds) ran out."""
        return all_over([future for _, future in self._at_work.values()], timeout)

    def _waits(self, request: Request) -> bool:
        """Whether it is to be done; what a dead process had begun waits from now on."""
        if request.status is RequestStatus.WAITING:
            return True
        services, owner = self._runtime.services, request.owner
        is_left = owner is not None and (owner == services.owner or services.processes.is_dead(owner))
        return is_left and owner is not None and services.store.requests.put_back(request.id, owner)

    def _has_room(self, identity: EnvironmentId) -> bool:
        """One organization's requests keep no other's waiting, and are no more at once than its work."""
        changing = (r for r, _ in self._at_work.values() if r.action is not Action.CANCEL)
        at_work = Counter(request.environment.organization for request in changing)
        organization = self._runtime.services.organizations.get(identity.organization)
        return at_work[identity.organization] < (organization.concurrency if organization is not None else 1)

    def _is_time(self, request: Request) -> bool:
        return self._later.get(request.id, 0.0) <= time.monotonic()

    def _do(self, request: Request) -> None:
        try:
            is_over = fulfil(self._runtime, request)
        except EnvmgrError as error:
            log.error(str(error), action="request-not-done", request=request.id)
            is_over = False
        except Exception:
            log.exception("Unexpected error", action="unexpected", request=request.id)
            is_over = True
        if is_over:
            self._later.pop(request.id, None)
        else:
            self._later[request.id] = time.monotonic() + _PAUSE
