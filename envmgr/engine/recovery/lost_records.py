"""Records that were lost with the data folder, brought back from what is beside the states.

Done before an organization's first look at a remote and before its first claim, where no record of it has
a claim: then either it is new and has no states, or its records are lost. What cannot be proven sound
gets no record that could be destroyed; it is said, and left as it is.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial

import structlog

from envmgr.domain.audit.lost import NotRestorable, Obstacle, not_configured, other_branch
from envmgr.domain.audit.standing import Look, Outcome, Standing
from envmgr.domain.documents.manifest import Manifest
from envmgr.domain.documents.state import State
from envmgr.domain.errors import EnvmgrError, NeedsPerson, PlaceMissing
from envmgr.domain.values.environment import (
    NOTHING_APPLIED,
    Absence,
    Applied,
    Environment,
    Event,
    Life,
    Origin,
    SourceKind,
)
from envmgr.domain.values.environment.origin import ref_of
from envmgr.domain.values.names import EnvironmentId, counted, ref_component
from envmgr.domain.values.tags import MANAGED_BY, tags_for
from envmgr.domain.values.tags import identity as tag_identity
from envmgr.engine.context import by_hand, freezes
from envmgr.engine.context.organization import Organization, Repository
from envmgr.engine.context.services import Services
from envmgr.engine.source import kept
from envmgr.engine.source.desired import with_fingerprint
from envmgr.host.leftovers import temporary
from envmgr.host.system import sentences

log = structlog.get_logger()

_PAUSE = timedelta(minutes=1)
_REBUILT = (
    "Rebuilt from what is beside its state, since envmgr's own record was lost; the next pass checks it."
)


def try_to(services: Services, organization: Organization) -> None:
    """As `ensure`, where a failure is only logged: looking at remotes goes on, applying will try again."""
    rebuilding = organization.rebuilding
    with rebuilding.lock:
        # Each poll comes through here: a store that is away is asked by one of them a minute.
        if rebuilding.again is not None and services.clock() < rebuilding.again:
            return
        try:
            with sentences():
                _once(services, organization)
        except EnvmgrError as error:
            rebuilding.again = services.clock() + _PAUSE
            # A place that is missing is no news: of a new organization the first apply makes it.
            is_news = type(error) is not rebuilding.failure
            if is_news and not isinstance(error, PlaceMissing):
                log.warning(str(error), action="not-rebuilt", organization=organization.name)
            rebuilding.failure = type(error)


def ensure(services: Services, organization: Organization) -> None:
    """Sees to it, once, that no record of an organization is missing which its states could give.

    Raises Transient or NeedsPerson where that cannot be known: then nothing may be applied for the first time.
    """
    with organization.rebuilding.lock:
        _once(services, organization)


def _once(services: Services, organization: Organization) -> None:
    if not organization.rebuilding.is_done and organization.is_new():
        # Only where no record has a claim: a record that is there knows more than what is beside the state.
        organization.rebuilding.unrecovered = _rebuild(services, organization)
    organization.rebuilding.is_done = True


def _rebuild(services: Services, organization: Organization) -> Sequence[str]:
    """Brings back all records that can be, at once; gives the sentences on those that cannot."""
    state = organization.state()
    keys = frozenset(state.objects(f"{organization.name}/"))
    if freezes.key_of(organization.name) in keys:  # first of all: nothing that comes back may act before it
        freezes.restore(services, organization)
    lost, unrecovered = [], list[Standing]()
    owners = {key: found for key in sorted(keys) if (found := EnvironmentId.of_key(key))}
    for identity in sorted(set(owners.values())):
        looks = {Obstacle.UNSOUND: partial(_record, services, organization, identity, keys)}
        if identity.by_hand_key in keys:
            looks[Obstacle.SET_BY_HAND] = partial(by_hand.alone, services, organization, identity)
        record, met = _first(looks)
        lost += [record] if record is not None else []
        unrecovered += [_unrecovered(services, identity, *each) for each in met.items()]
    _say(services, organization, unrecovered)
    know_again(services, organization, lost)  # before a look could take another history for the known one
    # All in one write: half of an organization would pass for all of it, and the rest would never be looked
    # for.
    applied = {each.id: each.claim.commit for each in lost if each.claim is not None}
    for identity in services.store.restore(lost):
        services.record(identity, "rebuilt", _REBUILT)
        if commit := applied.get(identity):
            organization.rebuilding.restored[identity] = commit
    # What people set may be kept without a state; it is no sign that anything was ever applied.
    stated = sorted({found for key, found in owners.items() if key != found.by_hand_key})
    sentences_on = [each.told for each in unrecovered]
    return [*sentences_on, *_stateless(organization, stated)] if stated else sentences_on


def _first(
    looks: Mapping[Obstacle, Callable[[], Environment | None]],
) -> tuple[Environment | None, Mapping[Obstacle, str]]:
    """The first record that is found, and what kept the looks before it, or all of them, from finding one.

    Each look is named by what it is an obstacle to find nothing sound there; that two looks meet the same counts once.
    """
    met: dict[Obstacle, str] = {}
    for unsound, look in looks.items():
        try:
            record = look()
        except NeedsPerson as error:
            met.setdefault(error.obstacle if isinstance(error, NotRestorable) else unsound, str(error))
        else:
            if record is not None:
                return record, met
    return None, met


def know_again(services: Services, organization: Organization, lost: Sequence[Environment]) -> None:
    """Brings back by which commits the repositories' histories were known, each from its youngest environment."""
    # The youngest knows the newest history.
    for each in sorted(lost, key=lambda e: e.life.created_at, reverse=True):
        repository = each.id.repository_id
        polled = services.store.repository(repository)
        if polled.known_commit is None and each.claim is not None:
            with kept.read(services, organization.state(), each.id) as found:
                known = found.manifest.known_commit if found is not None else None
            services.store.save_repository(repository, replace(polled, known_commit=known))


def _record(
    services: Services, organization: Organization, identity: EnvironmentId, keys: frozenset[str]
) -> Environment | None:
    """The lost record of an environment; None where there is nothing to bring back."""
    store = organization.state()
    state = store.read(identity.state_key) if identity.state_key in keys else None
    known = services.store.environment(identity)
    if known is not None and not known.is_open and not (state and state.resources):
        store.delete(identity.kept_key)  # its end was recorded, only this was left
        return None
    if identity.kept_key not in keys and not (state and state.resources):
        return None
    return lost_record(services, organization, identity, state)


def lost_record(
    services: Services, organization: Organization, identity: EnvironmentId, state: State | None
) -> Environment:
    """The record of an environment by what is kept beside its state; NeedsPerson, saying why, where nothing sound is.

    It is only made, not written.
    """
    known = services.store.environment(identity)
    with kept.read(services, organization.state(), identity) as found:
        if found is None:
            raise NotRestorable("nothing beside its state says how it was applied", Obstacle.NOTHING_KEPT)
        configured = services.repositories.get(identity.repository_id)
        if configured is None:
            raise not_configured()
        repository, manifest = configured.of(identity), found.manifest
        _check_branch(repository, manifest, known)
        _check_code(services, repository, found)
    return by_hand.completed(services, organization, _restored(services, repository, manifest, state))


def _check_branch(repository: Repository, manifest: Manifest, known: Environment | None) -> None:
    identity, branch = manifest.environment, ref_component(manifest.branch)
    if not repository.may_have(identity, manifest.branch, manifest.origin):
        raise other_branch(branch)
    if known is not None and (not known.is_open or known.branch != manifest.branch):
        said = f"its record says that it is {known.status}, of branch {ref_component(known.branch)}"
        raise NotRestorable(said, Obstacle.OTHER_RECORD)


def _check_code(services: Services, repository: Repository, found: kept.Kept) -> None:
    """Makes sure that what was applied can be had again; raises NeedsPerson where it cannot."""
    manifest = found.manifest
    source, commit = manifest.claim.source, manifest.claim.commit
    if found.code is not None:
        with temporary(services.layout.root, ".rebuild-") as folder:
            kept.unpack(services, found, source, folder / "source")
        return
    # Too large for an earlier release to keep it beside the state: the branch may still have it.
    with suppress(EnvmgrError):
        if source.kind is SourceKind.DIRECTORY:
            services.git.fetch(
                repository.remote(), {ref_of(_origin(repository, manifest), manifest.branch): commit}
            )
            services.git.keep(manifest.environment, commit, commit)
            return
    lost = f"the code of {commit[:10]} was too large to be kept and cannot be fetched from its branch"
    raise NotRestorable(lost, Obstacle.CODE_LOST)


def _restored(
    services: Services, repository: Repository, manifest: Manifest, state: State | None
) -> Environment:
    """The record, as one whose last apply nobody can vouch for; its time to live counts from now, or is longer.

    Its branch counts as not seen, by no confirmation yet: nothing is done before a listing shows whether it is there.
    """
    now, backend = services.clock(), repository.organization.backend
    claim = replace(manifest.claim, backend=backend, lineage=state.lineage if state else "")
    made = Environment(
        id=manifest.environment,
        branch=manifest.branch,
        origin=_origin(repository, manifest),
        commit=manifest.claim.commit,
        message=_REBUILT,
        absence=Absence(since=now),
        claim=with_fingerprint(claim),
        applied=Applied(resources=state.resources, identifiers=state.identifiers)
        if state
        else NOTHING_APPLIED,
        life=Life(created_at=manifest.created_at, pushed_at=now),
        updated_at=now,
    )
    ends = (manifest.expires_at, repository.ttl_of(made).end(now, None, None)[0])
    expires_at = max((end for end in ends if end and end > now), default=None)
    return replace(made, life=replace(made.life, expires_at=expires_at))


def _origin(repository: Repository, manifest: Manifest) -> Origin:
    """A pull request where that was kept; else what the configuration says of its name."""
    return repository.origin if manifest.origin.follows_pattern else manifest.origin


def _stateless(organization: Organization, stated: Sequence[EnvironmentId]) -> Sequence[str]:
    """A sentence on what carries the organization's tags in the cloud and is of no environment with a state."""
    ours = {"organization": organization.name, "managed-by": MANAGED_BY}
    try:
        clouds = organization.clouds(())
        known = {
            resource
            for cloud in clouds
            for each in stated
            for resource in cloud.remaining(tag_identity(tags_for(each, "")))
        }
        found = sorted({resource for cloud in clouds for resource in cloud.remaining(ours)} - known)
    except EnvmgrError as error:
        return [f"What else {organization.name} has in the cloud could not be looked up: {error}"]
    if not found:
        return []
    message = (
        f"{counted(len(found), 'resource')} with the tags of {organization.name} found, but no state lists them: {', '.join(found[:5])}. "
        "They are left as they are: delete by hand what nobody needs."
    )
    log.warning(message, action="not-rebuilt", organization=organization.name)
    return [message]


def _unrecovered(services: Services, identity: EnvironmentId, obstacle: Obstacle, why: str) -> Standing:
    now = services.clock()
    told = (
        f"{identity} was not rebuilt: {why.rstrip('.')}. Its state is left as it is: while its branch is there, the "
        "next apply goes on with that state; without a branch, destroy it by hand."
    )
    return Standing(
        look=Look.REBUILD,
        organization=identity.organization,
        kind=obstacle,
        subject=str(identity),
        told=told,
        since=now,
        seen_at=now,
        environment=identity,
    )


def _say(services: Services, organization: Organization, unrecovered: Sequence[Standing]) -> None:
    """Says what could not be brought back; as an event only where that did not stand already, whatever came since."""

    def tell(seen: Outcome) -> Iterator[Event]:
        for each in seen.new:
            yield services.event(each.environment, "not-rebuilt", each.told)

    now = services.clock()
    services.store.take_findings(Look.REBUILD, organization.name, now, unrecovered, lambda _: True, tell)
    for each in unrecovered:
        log.warning(each.told, action="not-rebuilt", environment=each.subject)
