"""Has environments say so where their repository is in the configuration no more."""

from dataclasses import replace

from envmgr.domain.audit import unmanaged
from envmgr.domain.errors import EnvironmentBusy
from envmgr.domain.rules.transitions import Change
from envmgr.domain.rules.transitions.work import waiting
from envmgr.domain.values.environment import Waits
from envmgr.domain.values.names import EnvironmentId, RepositoryId
from envmgr.engine.context.services import Services

missing = unmanaged.missing


def tell(services: Services, repository: RepositoryId | None = None) -> set[RepositoryId]:
    """Marks them as waiting for a person, those of one repository or all; gives the repositories in which one was held.

    What is worked on is left to its end, after which somebody has to ask again.
    """
    held = set[RepositoryId]()
    for found in services.store.environments(repository=repository):
        if found.id.repository_id in services.repositories or not unmanaged.is_silent(
            found, services.organizations
        ):
            continue
        try:
            _tell(services, found.id)
        except EnvironmentBusy:
            held.add(found.id.repository_id)
    return held


def _tell(services: Services, identity: EnvironmentId) -> None:
    with services.leases.hold(identity, "notes that it is unmanaged") as lease:
        # Asked again under the lease: it may have been destroyed, or its repository configured again, in between.
        now = services.store.environment(identity)
        if now is None or not unmanaged.is_silent(now, services.organizations):
            return
        said, waits = (
            unmanaged.sentence(now, services.organizations),
            unmanaged.waits(now, services.organizations),
        )
        event = services.event(identity, "unmanaged", said)
        services.store.update(identity, lease, services.clock(), _waiting(said, waits), event)


def forget_looks(services: Services) -> None:
    """What kept repositories from being looked at is said no more where they are in the configuration no more."""
    for name, polled in services.store.unreachable().items():
        if name not in services.repositories and name.organization in services.organizations:
            services.store.save_repository(name, replace(polled, error="", failures=0))


def _waiting(said: str, waits: Waits) -> Change:
    return lambda e: waiting(e, said, waits)
