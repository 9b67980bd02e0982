"""What is due in a repository, and when to look again although nothing happened."""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from envmgr.domain.rules.attempt import is_put_off
from envmgr.domain.rules.decide import decide
from envmgr.domain.rules.hosts.urgency import priority
from envmgr.domain.rules.neighbours import leaving
from envmgr.domain.rules.waking import wake_times
from envmgr.domain.values.decision import Await
from envmgr.domain.values.environment import Environment, RunStatus
from envmgr.domain.values.hosts.priority import Priority
from envmgr.domain.values.names import EnvironmentId
from envmgr.engine.context.organization import Repository
from envmgr.engine.context.promotion import before
from envmgr.engine.context.services import Services
from envmgr.engine.context.snapshot import Snapshot

from .reconciler import is_due


@dataclass(frozen=True, slots=True)
class Due:
    """An environment that something is to be done with; `waits`: only until it is healthy."""

    environment: Environment
    priority: Priority
    waits: bool = False

    @property
    def id(self) -> EnvironmentId:
        """Its environment's."""
        return self.environment.id


def what_is_due(
    services: Services,
    repository: Repository,
    now: datetime,
    asked: frozenset[EnvironmentId],
    abandoned: frozenset[EnvironmentId],
) -> tuple[list[Due], datetime | None]:
    """The environments of a repository that something is to be done with, the oldest push first, and when to look again.

    `asked` are those that somebody asked for by name, `abandoned` those with a run that nobody attends.
    """
    environments = services.store.environments(repository=repository.id)
    snapshot = Snapshot(repository, environments, now, partial(before, services))
    together, there = leaving(environments), _active(services, repository, environments)
    due: list[Due] = []
    times: list[datetime] = []
    for environment in environments:
        policy = snapshot.policy(environment)
        # Applications of one environment count once: where another of them is up already, this one takes no
        # further place.
        number = 0 if environment.id.environment in there else len(there)
        neighbours = snapshot.neighbours(environment, leaving=together, active=number)
        decision = decide(environment, policy, neighbours, now, asked=environment.id in asked)
        if is_due(environment, decision) or (
            environment.id in abandoned and not is_put_off(environment, now)
        ):
            urgency = priority(environment, decision, asked=environment.id in asked)
            due.append(Due(environment, urgency, waits=isinstance(decision, Await)))
        wakes = (getattr(decision, "until", None), *wake_times(environment, policy))
        times += [t for t in wakes if t is not None and t > now]
    # The oldest push first, so that a stream of new ones starves nobody.
    return sorted(due, key=partial(_turn, services)), min(times, default=None)


def _turn(services: Services, due: Due) -> tuple[datetime, int]:
    """What was pushed at once each host begins elsewhere: else all of them try the same one, and all but one in vain."""
    life, host = due.environment.life, services.owner.machine
    its_own = zlib.crc32(f"{host} {due.id}".encode()) if services.fleet.has_company else 0
    return life.pushed_at or life.created_at, its_own


def abandoned_ones(services: Services) -> frozenset[EnvironmentId]:
    """The environments with a run that nobody attends: it is ended, whatever else there is to do.

    Its process died, or the environment is not held any more: on another host, or by one that could not say so.
    """
    running = services.store.runs(status=RunStatus.RUNNING)
    if not running:
        return frozenset()
    held = services.store.leases(services.clock())  # after the runs: none begins without a lease
    return frozenset(
        r.environment for r in running if r.environment not in held or services.processes.is_dead(r.owner)
    )


def held_elsewhere(services: Services, now: datetime) -> frozenset[EnvironmentId]:
    """The environments that other processes work on, where hosts share the records: who tried them would find them busy."""
    if not services.fleet.is_shared:
        return frozenset()
    return frozenset(
        identity
        for identity, lease in services.store.leases(now).items()
        # A dead process's lease holds nobody up: whoever comes next takes it over.
        if lease.owner != services.owner and not services.processes.is_dead(lease.owner)
    )


def _active(
    services: Services, repository: Repository, environments: Iterable[Environment]
) -> frozenset[EnvironmentId]:
    if all(e.claim is not None for e in environments):
        return frozenset()  # only asked of new ones
    found = services.store.figures.active(repository.id.organization)
    return frozenset(each.environment for each in found)
