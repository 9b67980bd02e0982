"""Asking environments in the background whether they are still well."""

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from envmgr.commands.runtime import Runtime
from envmgr.domain.errors import EnvironmentBusy, EnvmgrError, Interrupted, NeedsPerson
from envmgr.domain.values.environment import Environment
from envmgr.domain.values.health import Health, judged
from envmgr.engine.change.health import ask, ask_address, is_news, is_same, is_watched, record
from envmgr.engine.context.services import Services
from envmgr.engine.context.written import OVERLAP, Written
from envmgr.engine.work.in_time import all_over
from envmgr.engine.work.job import Job, work_on
from envmgr.engine.work.mode import CheckingHealth
from envmgr.host.system import sentences

from .more_urgent import MoreUrgent

if TYPE_CHECKING:
    from envmgr.domain.values.names import EnvironmentId, RepositoryId

log = structlog.get_logger()

_THREADS = 16
"""How many environments of an organization are asked at once; each has its own, so that slow ones delay no other's."""


@dataclass(slots=True)
class _Look:
    """When an environment was asked last, how long to wait until it is again, and how often in a row it was not well, as it was `asked` last."""

    at: datetime
    pause: timedelta
    misses: int = 0
    asked: Health | None = None
    under_way: Future[None] | None = None

    @property
    def is_free(self) -> bool:
        """Whether it is not being asked just now."""
        return self.under_way is None or self.under_way.done()

    def is_due(self, now: datetime) -> bool:
        """Also where the clock was set back."""
        return self.is_free and not self.at <= now < self.at + self.pause

    def judged(self, environment: Environment, answer: str, now: datetime) -> Health:
        """What an answer makes of an environment's health; misses of what ran before do not count."""
        before, self.asked = self.asked, _health(environment)
        earlier = self.misses if before == self.asked else 0
        self.misses = earlier + 1 if answer else 0
        return judged(self.asked, answer, now, self.misses)


class HealthWatch:
    """Asks each environment that is up every `health.interval`, give or take a tenth.

    What is asked and when is in memory: the database is read where something was written, and written where
    something changed.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._services: Services | None = None
        self._written: Written | None = None
        self._watched: dict[RepositoryId, dict[EnvironmentId, Environment]] = {}
        self._looks: dict[EnvironmentId, _Look] = {}
        self._pools: dict[str, ThreadPoolExecutor] = {}
        self._closing = threading.Event()
        self._lock = threading.Lock()

    def reconfigure(self, runtime: Runtime) -> None:
        """Works by another configuration from now on; what is under way ends by the old one."""
        self._runtime = runtime

    def tick(self) -> None:
        """Has all asked whose time has come."""
        services = self._runtime.services
        self._read(services)
        now = services.clock()
        with self._lock:
            for environment in [e for watched in self._watched.values() for e in watched.values()]:
                self._look(environment, now)

    def close(self) -> None:
        """Asks nobody any more; a command that runs is asked to end."""
        self._closing.set()
        with self._lock:
            for pool in self._pools.values():
                pool.shutdown(wait=False, cancel_futures=True)

    def wait(self, timeout: float) -> bool:
        """Waits for who is being asked; False where the time (seconds) ran out."""
        under_way = [look.under_way for look in self._looks.values() if look.under_way is not None]
        return all_over(under_way, timeout)

    # --- who is asked, and when ------------------------------------------------------------------

    def _read(self, services: Services) -> None:
        """Notes who is to be asked, in the repositories where something was written since the last time."""
        if services is not self._services:
            self._services, self._written, self._watched = None, None, {}
        now = services.clock()
        asked = self._written or Written(now, OVERLAP)
        with asked.news(services.store, now) as news:
            is_first = self._written is None
            changed = (
                list(services.repositories) if is_first else [r for r in news if r in services.repositories]
            )
            for repository in changed:
                self._watched[repository] = {
                    e.id: e for e in services.store.environments(repository=repository) if is_watched(e)
                }
        if changed:
            self._forget()
        # Only now: where the store fails half-way, all is read again.
        self._services, self._written = services, asked

    def _forget(self) -> None:
        """Whoever is watched anew later begins with no miss."""
        watched = {identity for found in self._watched.values() for identity in found}
        self._looks = {i: look for i, look in self._looks.items() if i in watched or not look.is_free}

    def _look(self, environment: Environment, now: datetime) -> None:
        identity, interval = environment.id, _health(environment).check.interval
        look = self._looks.get(identity)
        if look is None:
            self._looks[identity] = _Look(now, interval * random.random())  # noqa: S311  not all at once
        elif look.is_due(now) and not self._closing.is_set() and self._is_ours(environment):
            look.at, look.pause = now, interval * random.uniform(0.9, 1.1)  # noqa: S311  nor later on
            look.under_way = self._pool(identity.organization).submit(self._ask, environment, look)

    def _is_ours(self, environment: Environment) -> bool:
        """Whether it is this host that asks: the one that looks at its repository."""
        return self._runtime.services.fleet.looks_after(environment.id.repository_id)

    def _pool(self, organization: str) -> ThreadPoolExecutor:
        if organization not in self._pools:
            self._pools[organization] = ThreadPoolExecutor(_THREADS, thread_name_prefix="health")
        return self._pools[organization]

    # --- asking ----------------------------------------------------------------------------------

    def _ask(self, environment: Environment, look: _Look) -> None:
        label = environment.label
        try:
            with sentences():
                if _health(environment).check.run:
                    self._by_command(environment, look)
                else:
                    self._by_address(environment, look)
        except (EnvironmentBusy, Interrupted) as error:
            log.info(str(error), action="health-skipped", environment=label)
        except EnvmgrError as error:
            log.warning(str(error), action="health-unknown", environment=label)
        except Exception:
            log.exception("Unexpected error", action="unexpected", environment=label)

    def _by_address(self, environment: Environment, look: _Look) -> None:
        """Takes the lease only where there is something to record."""
        services, check = self._runtime.services, _health(environment).check
        repository = services.repositories.get(environment.id.repository_id)
        if repository is None:  # it is not configured any more
            return
        part = repository.of(environment.id)
        answer = _or_why_not(lambda: ask_address(services, part, environment, check))
        found = look.judged(environment, answer, services.clock())
        if is_news(environment, found):
            with self._work_on(environment) as job:
                record(job, environment, found)

    def _by_command(self, environment: Environment, look: _Look) -> None:
        """Holds the lease, so that no deploy changes the checkout meanwhile."""
        with self._work_on(environment) as job:
            if is_same(job.environment, environment):
                answer = _or_why_not(lambda: ask(job, _health(environment).check))
                found = look.judged(environment, answer, job.services.clock())
                if is_news(environment, found):
                    record(job, environment, found)

    @contextmanager
    def _work_on(self, environment: Environment) -> Iterator[Job]:
        runtime = self._runtime
        services = runtime.services
        try:
            urgent = MoreUrgent(services.store, environment, self._closing.is_set)
            with work_on(services, environment.id, CheckingHealth(urgent=urgent)) as job:
                yield job
        finally:
            runtime.workers.let_go(environment.id)


def _health(environment: Environment) -> Health:
    """That of an environment which is watched: it has one."""
    if environment.health is None:
        raise NeedsPerson(f"{environment.label} has nothing that says how to ask for its health.")
    return environment.health


def _or_why_not(ask: Callable[[], str]) -> str:
    """What is wrong, also where there is nothing to ask."""
    try:
        return ask()
    except NeedsPerson as error:
        return str(error)
