"""Looking for drift in the background: one check at a time in an organization, and never in the way of work."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import structlog

from envmgr.commands.runtime import Runtime
from envmgr.domain.errors import EnvironmentBusy, EnvmgrError, Interrupted
from envmgr.domain.values.environment import Environment
from envmgr.domain.values.hosts.duty import Task
from envmgr.domain.values.names import EnvironmentId
from envmgr.engine.change.drift import check, wants_check
from envmgr.engine.context.organization import Repository
from envmgr.engine.context.snapshot import Snapshot
from envmgr.engine.work.in_time import all_over
from envmgr.engine.work.job import work_on
from envmgr.engine.work.mode import CheckingDrift
from envmgr.host.system import sentences

from .more_urgent import MoreUrgent

log = structlog.get_logger()

_PAUSE = 5.0  # seconds after a check that came to nothing


class DriftWatch:
    """Picks what is due longest; what does not get its turn is picked another time, nothing is queued."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        # So many organizations at once: each has one check at a time.
        self._pool = ThreadPoolExecutor(8, thread_name_prefix="drift")
        self._at_work: dict[str, Future[None]] = {}
        self._closing = threading.Event()

    def reconfigure(self, runtime: Runtime) -> None:
        """Works by another configuration from now on; what is under way ends by the old one."""
        self._runtime = runtime

    def tick(self) -> None:
        """Starts a round in every organization that has none under way."""
        for organization in self._runtime.services.organizations:
            if not self._runtime.services.fleet.takes(Task.DRIFT, organization):
                continue
            under_way = self._at_work.get(organization)
            if (under_way is None or under_way.done()) and not self._closing.is_set():
                self._at_work[organization] = self._pool.submit(self._round, organization)

    def close(self) -> None:
        """Begins nothing more; what runs is asked to end, as nothing is lost by it."""
        self._closing.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def wait(self, timeout: float) -> bool:
        """Waits for what runs; False where the time (seconds) ran out."""
        return all_over(list(self._at_work.values()), timeout)

    def _round(self, organization: str) -> None:
        """Check after check, for as long as one is due and nothing else is to be done."""
        try:
            while (identity := self._next(organization)) is not None:
                if not self._check(identity):
                    self._closing.wait(_PAUSE)
        except EnvmgrError as error:
            log.warning(str(error), action="drift-failed", organization=organization)
        except Exception:
            log.exception("Unexpected error", action="unexpected", organization=organization)

    def _next(self, organization: str) -> EnvironmentId | None:
        runtime = self._runtime
        is_busy = any(identity.organization == organization for identity in runtime.workers.busy)
        # A check takes a worker's memory and the same limits of the cloud: it waits for a quiet moment.
        if self._closing.is_set() or is_busy:
            return None
        return next((environment.id for environment in due(runtime, organization)), None)

    def _check(self, identity: EnvironmentId) -> bool:
        """Whether it came to something."""
        runtime = self._runtime
        try:
            with sentences():
                inspect(runtime, identity, self._closing.is_set)
        except (EnvironmentBusy, Interrupted) as error:
            log.info(str(error), action="drift-skipped", environment=str(identity))
        except EnvmgrError as error:
            log.warning(str(error), action="drift-failed", environment=str(identity))
        except Exception:
            log.exception("Unexpected error", action="unexpected", environment=str(identity))
        else:
            return True
        finally:
            # A push that found the environment busy with this check need not wait until its pause is over.
            runtime.workers.let_go(identity)
        return False


def due(runtime: Runtime, organization: str) -> list[Environment]:
    """The environments of an organization whose check is due, those that were looked at longest ago first."""
    services = runtime.services
    repositories = [
        p for p in services.repositories.values() if p.organization.name == organization and _looks(p)
    ]
    found = [environment for repository in repositories for environment in _due_in(runtime, repository)]
    return sorted(found, key=lambda e: e.drift.tried_at if e.drift else e.life.created_at)


def inspect(runtime: Runtime, identity: EnvironmentId, ending: Callable[[], bool] = lambda: False) -> None:
    """One check by the daemon; gives way to a push of the same environment, and to envmgr's end."""
    services = runtime.services
    found = services.store.environment(identity)
    if found is None:  # its record is gone by now
        return
    mode = CheckingDrift(urgent=MoreUrgent(services.store, found, ending))
    with work_on(services, identity, mode) as job:
        if wants_check(job.environment, job.repository, job.policy, services):
            check(job)


def _looks(repository: Repository) -> bool:
    return repository.drift.action != "off"


def _due_in(runtime: Runtime, repository: Repository) -> list[Environment]:
    services, now = runtime.services, runtime.services.clock()
    environments = services.store.environments(repository=repository.id)
    snapshot = Snapshot(repository, environments, now)
    return [e for e in environments if wants_check(e, repository, snapshot.policy(e), services)]
