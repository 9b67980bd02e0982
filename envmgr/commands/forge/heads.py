"""Heads of forks: which wait for somebody's yes, and saying it, by whatever door; each yes is for one commit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from envmgr.commands.access import check, may
from envmgr.commands.runtime import Runtime
from envmgr.domain.errors import NeedsPerson, NotThere
from envmgr.domain.rules.origins.heads import waiting_head
from envmgr.domain.rules.origins.previews import objection as against
from envmgr.domain.values.asking.person import Action
from envmgr.domain.values.forge import ApprovedHead, KnownPullRequest
from envmgr.domain.values.names import EnvironmentId, RepositoryId
from envmgr.domain.values.origins.previews import Why
from envmgr.engine.context.organization import Repository


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a fork's pull request: the environment that it would be run for, and the `commit` a yes is for."""

    environment: EnvironmentId
    pull: KnownPullRequest
    commit: str


def waiting_heads(runtime: Runtime) -> Sequence[Head]:
    """Those that wait for a yes and may be seen, by environment."""
    services = runtime.services
    seen = (
        repository
        for name, repository in sorted(services.repositories.items())
        if may(runtime, Action.SEE, name.organization, name.name)
    )
    return sorted((each for one in seen for each in _waiting(runtime, one)), key=lambda h: h.environment)


def head_of(runtime: Runtime, environment: EnvironmentId) -> Head | None:
    """What waits for a yes under the name of an environment, whether there is one yet or not."""
    repository = runtime.services.repositories.get(environment.repository_id)
    if repository is None or not may(runtime, Action.SEE, environment.organization, environment.repository):
        return None
    return next((h for h in _waiting(runtime, repository) if h.environment == environment.environment), None)


def approve(runtime: Runtime, identity: RepositoryId, number: int, commit: str) -> Head:
    """Lets one commit of a fork be run, by who may; as `approve_head`, of a repository by its name."""
    place = str(identity)
    check(runtime, Action.SEE, identity.organization, identity.name, f"repository {place}")
    repository = runtime.services.repositories.get(identity)
    if repository is None:
        raise NotThere(f"There is no repository {place} in the configuration, or you may not see it.")
    known = approve_head(runtime, repository, number, commit)
    return Head(_environment(repository, known), known, commit)


def approve_head(runtime: Runtime, repository: Repository, number: int, commit: str) -> KnownPullRequest:
    """Lets one commit of a fork be run, as the head of a pull request. Raises Forbidden, NotThere or NeedsPerson."""
    identity, services = repository.id, runtime.services
    check(runtime, Action.APPROVE, identity.organization, identity.name)
    asked = repository.asked.previews
    by, is_new = str(runtime.person.asker), False

    def approved(known: KnownPullRequest | None) -> KnownPullRequest:
        nonlocal is_new
        if known is None or asked is None:
            raise NotThere(f"{identity} has no environments for pull requests, or no pull request {number}.")
        found = against(known, asked)
        if not known.told.is_from_fork:
            raise NeedsPerson(f"Pull request {number} comes from no fork: it needs no such approval.")
        if found is not None and found.why is not Why.UNAPPROVED:
            raise NeedsPerson(f"{found}: nothing was approved.")
        head = known.told.commit
        if head is not None and head != commit:
            raise NeedsPerson(f"Its head is {head} now: nothing was approved. Look at that, and approve it.")
        is_new = known.approved is None or known.approved.commit != commit
        return replace(known, approved=ApprovedHead(commit, by, services.clock())) if is_new else known

    after = services.store.pull_requests.change(identity, number, approved)
    if after is None:  # it is never: what is approved is there
        raise NotThere(f"{identity} has no pull request {number}.")
    if is_new:
        said = f"Approved {commit[:10]} as the head of pull request {number}, which comes from a fork."
        services.record(identity.place, "approved", said, commit=commit, actor=by)
        # Whoever polls here takes it up at once, in whatever process that is.
        services.store.hooks.hints.leave([identity], services.clock())
        runtime.bell.ring()
    return after


def _waiting(runtime: Runtime, repository: Repository) -> Iterator[Head]:
    asked = repository.asked.previews
    if repository.forge is None or asked is None or not asked.rules.forks:
        return
    for pull in runtime.services.store.pull_requests.all(repository.id):
        commit = waiting_head(pull, asked)
        if commit is not None:
            yield Head(_environment(repository, pull), pull, commit)


def _environment(repository: Repository, pull: KnownPullRequest) -> EnvironmentId:
    asked, identity = repository.asked.previews, repository.id
    name = asked.name(pull.number) if asked is not None else ""
    return EnvironmentId(identity.organization, identity.name, name)
