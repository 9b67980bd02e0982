"""What is known of commits on their way from one environment to the next."""

from envmgr.domain.rules.origins.promotion import Stage, awaited
from envmgr.domain.values.environment import Environment
from envmgr.domain.values.names import EnvironmentId
from envmgr.domain.values.policy import Awaited

from .organization import Repository
from .services import Services


def before(services: Services, environment: Environment, commit: str) -> Awaited | None:
    """What a commit has to wait for before it comes to an environment; None where it waits for nothing.

    A commit that was ready here before comes back unasked: that is a rollback, no promotion.
    """
    repository = services.configured(environment.id)
    follows = repository.follows if repository is not None else None
    if follows is None or not follows.after or was_ready(services, environment.id, commit):
        return None
    stages = [_stage(services, environment.id, name, commit) for name in follows.after]
    return awaited(environment, commit, stages)


def was_ready(services: Services, identity: EnvironmentId, commit: str) -> bool:
    """Whether a commit was ready in an environment, or in an application of it, at any time of its life."""
    return services.store.pipeline.releases.get(identity, commit) is not None


def origin_of(repository: Repository, environment: Environment, commit: str) -> str | None:
    """The environment that a commit comes to another from; None where it comes by itself."""
    pin = environment.pin
    if pin is not None and pin.source and pin.commit == commit == environment.pinned_commit:
        return pin.source
    after = repository.follows.after if repository.follows is not None else ()
    return after[0] if after else None


def _stage(services: Services, identity: EnvironmentId, name: str, commit: str) -> Stage:
    there = EnvironmentId(identity.organization, identity.repository, name)
    repository = services.configured(there)
    parts = [part.application for part in repository.parts] if repository is not None else []
    releases = services.store.pipeline.releases
    found = [
        releases.get(EnvironmentId(there.organization, there.repository, name, p), commit) for p in parts
    ]
    records = services.store.environments(repository=identity.repository_id, name=name)
    return Stage(name, records, found)
