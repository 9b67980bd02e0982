"""The audit: branches, records, states and tagged resources compared; what nobody wants, or nobody takes care of.

Pure, as `decide` is. What the daemon is doing already (grace periods, runs, destroys, suspensions) is no finding;
what could not be read is one, and nothing is concluded from it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from envmgr.domain.documents.state import resource_type
from envmgr.domain.rules.neighbours import leaving
from envmgr.domain.rules.origins.previews import is_preview
from envmgr.domain.values.environment import Environment, Guard
from envmgr.domain.values.names import EnvironmentId, RepositoryId, counted, matches_any, ref_component
from envmgr.domain.values.policy import Policy

from .inventory import CLOUDS, Content, Inventory, Unseen, Watched, clouds_of, places_of
from .remedies import WHOSE, by_hand, many, some

KEPT = timedelta(days=30)
"""How long archived states are kept."""
_SLACK = timedelta(hours=2)  # the daemon prunes once an hour
_STATE_ONLY = (
    "terraform",
    "random",
    "null",
    "time",
    "tls",
)  # providers whose resources are nowhere but in the state


class Kind(StrEnum):
    """What a finding is."""

    STATE_WITHOUT_BRANCH = "state-without-branch"
    STATE_WITHOUT_RESOURCES = "state-without-resources"
    RESOURCES_WITHOUT_STATE = "resources-without-state"
    RECORD_WITHOUT_EITHER = "record-without-either"
    ARCHIVE_EXPIRED = "archive-expired"
    REPOSITORY_NOT_CONFIGURED = "repository-not-configured"
    UNKNOWN = "unknown"


class Fix(StrEnum):
    """What `--fix` may do; none of it destroys anything by itself."""

    ADOPT = "adopt"
    ARCHIVE = "archive"
    CLOSE = "close"
    PRUNE = "prune"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is not as it should be: what, and what would mend it.

    `subject` is what it is about where that is no environment: a repository, a place, a resource. `fix` is None
    where a person must do it.
    """

    kind: Kind
    organization: str
    subject: str
    what: str
    remedy: str
    environment: EnvironmentId | None = None
    repository: RepositoryId | None = None
    fix: Fix | None = None

    @property
    def key(self) -> str:
        """The same for two findings of the same, however it is worded."""
        return f"{self.organization} {self.kind} {self.subject}"


def findings(inventory: Inventory) -> tuple[Finding, ...]:
    """All findings: what is unknown first, then the environments by name."""
    found = [*_unknown(inventory), *_unattributed(inventory), *_archives(inventory)]
    for identity in inventory.environments():
        found += [finding for finding in _of(inventory, identity) if finding is not None]
    return tuple(found)


def _of(inventory: Inventory, identity: EnvironmentId) -> Iterator[Finding | None]:
    watched = inventory.repositories.get(identity.repository_id)
    if watched is None:
        yield _not_configured(inventory, identity) or _record_alone(inventory, identity, Policy())
        return
    yield _stray_resources(inventory, identity)
    yield _unlisted(inventory, identity)
    yield _lost_state(inventory, identity, watched)
    yield _stray_state(inventory, identity, watched)
    yield _left_alone(inventory, identity, watched)
    yield _vanished(inventory, identity)
    if inventory.has_branch(identity) is False:
        yield _record_alone(inventory, identity, watched.policy)


# --- resources and states ------------------------------------------------------------------------


def _stray_resources(inventory: Inventory, identity: EnvironmentId) -> Finding | None:
    resources = inventory.resources(identity)
    if not inventory.is_unaccounted(identity):
        return None
    state = "its state lists none" if inventory.has_state(identity) else "it has no state"
    what = f"{many(resources)} with its tags found, but {state}: {some(r.identifier for r in resources)}."
    return _finding(
        Kind.RESOURCES_WITHOUT_STATE,
        identity,
        what,
        f"Nobody destroys them: bring its state back, if it had one; else {WHOSE}.",
    )


def _unlisted(inventory: Inventory, identity: EnvironmentId) -> Finding | None:
    """Resources that carry its tags and are none of those that its state lists."""
    resources = inventory.unlisted(identity)
    if not resources or inventory.is_unaccounted(identity):
        return None
    what = f"{many(resources)} with its tags found that its state does not list: {some(r.identifier for r in resources)}."
    homes = sorted({home for each in resources if (home := inventory.home(each)) is not None})
    if homes:
        names = " and ".join(map(str, homes))
        remedy = f"The state of {names} lists them, so somebody altered their tags: `envmgr apply {homes[0]}` corrects them."
    else:
        remedy = f"A Terraform that was cut off may have made them, or somebody tagged them: {WHOSE}."
    return _finding(Kind.RESOURCES_WITHOUT_STATE, identity, what, remedy)


def _lost_state(inventory: Inventory, identity: EnvironmentId, watched: Watched) -> Finding | None:
    """A state that is missing, and no resource to show for it."""
    record = inventory.tended(identity)
    if record is None or not record.applied.resources or record.suspended or inventory.resources(identity):
        return None
    is_gone = inventory.has_branch(identity) is False
    if inventory.has_state(identity) is not False or (
        is_gone and _is_surely_gone(record, watched.policy, inventory)
    ):
        return None
    what = (
        f"Its record lists {some(record.applied.resources)}, but its state {identity.state_key} is missing."
    )
    remedy = "Bring the state back: an earlier version of the object, or a copy below archive/."
    return _finding(Kind.RESOURCES_WITHOUT_STATE, identity, what, remedy)


def _stray_state(inventory: Inventory, identity: EnvironmentId, watched: Watched) -> Finding | None:
    """A state that no branch wants and no record tells of."""
    content = inventory.contents.get(identity)
    if not inventory.is_stray(identity) or not isinstance(content, Content):
        return None
    record = inventory.records.get(identity)
    if record is not None and not _is_surely_gone(record, watched.policy, inventory):
        return None
    if not content.resources:
        return _empty_state(inventory, identity)
    what = f"Its state lists {some(content.resources)}, but it has no branch, and no record here says how it was applied."
    remedy = (
        f"Its record cannot be restored: {content.obstacle.rstrip('.')}. {by_hand(identity)}"
        if content.obstacle
        else f"{_BY_FIX} restores its record from what is kept beside its state; it is then destroyed once the usual guards allow it."
    )
    fix = None if content.obstacle else Fix.ADOPT
    return _finding(Kind.STATE_WITHOUT_BRANCH, identity, what, remedy, fix)


def _empty_state(inventory: Inventory, identity: EnvironmentId) -> Finding | None:
    if inventory.resources(identity):
        return None  # told of as resources without a state
    what = "Its state lists no resources, and it has no branch."
    if inventory.is_blind:
        remedy = "Not all places where it may have resources could be searched: put that right first."
        return _finding(Kind.STATE_WITHOUT_RESOURCES, identity, what, remedy)
    return _finding(Kind.STATE_WITHOUT_RESOURCES, identity, what, f"{_BY_FIX} archives it.", Fix.ARCHIVE)


def _left_alone(inventory: Inventory, identity: EnvironmentId, watched: Watched) -> Finding | None:
    """An environment that no branch gives and that the daemon never destroys."""
    record, policy = inventory.tended(identity), watched.policy
    if record is None or record.suspended or not inventory.has_state(identity):
        return None
    branch = ref_component(record.branch)
    if watched.by_name(identity.name) is not None or is_preview(record):
        return None
    if record.origin.is_named:
        what = "By `environments` of its repository it is a named one no more, so nobody manages it."
    elif not matches_any(record.branch, policy.branches):
        what = f"By `branches` of its repository, its branch {branch} no longer gets an environment, so nobody manages it."
    elif _is_surely_gone(record, policy, inventory) and matches_any(record.branch, policy.protected):
        what = f"Its branch {branch} is gone, but it is protected, so it stays."
    else:
        return None
    return _finding(Kind.STATE_WITHOUT_BRANCH, identity, what, f"`envmgr destroy {identity}` ends it.")


def _vanished(inventory: Inventory, identity: EnvironmentId) -> Finding | None:
    """Resources that the state lists, of which nothing is to be seen."""
    record = inventory.tended(identity)
    if record is None or record.suspended or inventory.has_branch(identity) is False:
        return None
    places = [place for place in sorted(places_of(record)) if inventory.resources_in(place, identity) == []]
    if not places or not inventory.has_state(identity):
        return None
    what = f"Its state lists resources in {' and '.join(places)}, but nothing there carries its tags."
    remedy = f"`envmgr drift {identity}` shows what is missing, `envmgr apply {identity}` makes it again."
    return _finding(Kind.STATE_WITHOUT_RESOURCES, identity, what, remedy)


def _not_configured(inventory: Inventory, identity: EnvironmentId) -> Finding | None:
    resources = inventory.resources(identity)
    has_state = inventory.has_state(identity)
    if not resources and not has_state:
        return None
    parts = [f"a state, {identity.state_key}"] if has_state else []
    parts += [f"{many(resources)} ({some(r.identifier for r in resources)})"] if resources else []
    what = f"Repository {identity.repository_id} is not configured, but the environment has {' and '.join(parts)}."
    if inventory.tended(identity) is not None:
        remedy = f"Configure the repository again, or `envmgr destroy {identity}` ends it."
    else:
        otherwise = f"; else {WHOSE}." if resources else f". {by_hand(identity)}"
        remedy = f"Configure the repository again{otherwise}"
    return _finding(Kind.REPOSITORY_NOT_CONFIGURED, identity, what, remedy)


# --- records -------------------------------------------------------------------------------------


def _record_alone(inventory: Inventory, identity: EnvironmentId, policy: Policy) -> Finding | None:
    """A record of what is nowhere any more: its state is missing, and no resource carries its tags."""
    record = inventory.records.get(identity)
    if record is None or inventory.has_state(identity) is not False or inventory.resources(identity):
        return None
    is_watched = identity.repository_id in inventory.repositories
    if is_watched and (
        not record.applied.resources or record.suspended or not _is_surely_gone(record, policy, inventory)
    ):
        return None  # the daemon closes it by itself, or a person left it alone
    what = f"There is no branch, no state and no resource for this record (status {record.status})."
    obstacle = _obstacle(inventory, record, policy)
    remedy = obstacle or f"{_BY_FIX} closes it."
    return _finding(Kind.RECORD_WITHOUT_EITHER, identity, what, remedy, None if obstacle else Fix.CLOSE)


def _obstacle(inventory: Inventory, record: Environment, policy: Policy) -> str:
    """Why a record may not be closed; empty where it may."""
    unsure = [address for address in record.applied.resources if not _can_be_looked_for(address)]
    if inventory.is_blind or not places_of(record) <= set(inventory.places):
        return "Not all places where it may have resources could be searched: put that right first."
    if unsure:
        return f"{some(unsure)} cannot be searched for: bring its state back (an earlier version, a copy below archive/)."
    if matches_any(record.branch, policy.protected) and not is_preview(record):
        return f"Branch {ref_component(record.branch)} is protected: bring its state back, or take the protection away."
    if _is_held(inventory, record, policy):
        return (
            f"More than destroy.max_at_once ({policy.max_at_once}) of {record.id.repository_id} are like this: "
            f"find out why; `envmgr approve` lets through what a guard holds."
        )
    return ""


def _is_held(inventory: Inventory, record: Environment, policy: Policy) -> bool:
    """Whether the guard against mass deletion holds it, as it would hold a destroy."""
    others = [e for e in inventory.records.values() if e.id.repository_id == record.id.repository_id]
    if record.id.repository_id not in inventory.repositories:
        return len({e.id.environment for e in others}) > policy.max_at_once
    return record.hold.approved is not Guard.MASS_DESTROY and (
        record.hold.guard is Guard.MASS_DESTROY or leaving(others) > policy.max_at_once
    )


def _can_be_looked_for(address: str) -> bool:
    provider = resource_type(address).partition("_")[0]
    return provider in (*CLOUDS, *_STATE_ONLY)


def _is_surely_gone(record: Environment, policy: Policy, inventory: Inventory) -> bool:
    """Whether the daemon's own looks have confirmed it, and the grace period is over."""
    if record.absence is None or record.absence.count < policy.confirmations:
        return False
    if inventory.has_branch(record.id):
        return False
    return inventory.now >= record.absence.since + policy.grace_period


# --- the rest ------------------------------------------------------------------------------------


def _unknown(inventory: Inventory) -> Iterator[Finding]:
    """What could not be read."""
    name = inventory.organization
    for repository, watched in sorted(inventory.repositories.items()):
        if isinstance(watched.listing, Unseen):
            what = (
                f"Its branches could not be listed, so nothing was judged by them: {watched.listing.reason}"
            )
            yield _not_seen(name, str(repository), what, "Check its remote.", repository=repository)
    sides = {"states": inventory.states, "archives": inventory.archives, **inventory.places}
    for side, found in sides.items():
        if isinstance(found, Unseen):
            what = f"What is in {side} could not be looked up: {found.reason}"
            yield _not_seen(name, f"{name} {side}", what, "`envmgr doctor` says what is missing.")
    for cloud, names in sorted(hidden(inventory).items()):
        what = f"Resources of {some(map(str, names))} live in {cloud}, which cannot be searched."
        yield _not_seen(name, f"{name} {cloud}", what, "Give environment_variables credentials for it.")
    for identity, content in sorted(inventory.contents.items()):
        if isinstance(content, Unseen):
            what = f"What its state holds could not be read: {content.reason}"
            yield _not_seen(name, str(identity), what, f"Check {identity.state_key}.", environment=identity)


def _not_seen(
    organization: str,
    subject: str,
    what: str,
    remedy: str,
    *,
    environment: EnvironmentId | None = None,
    repository: RepositoryId | None = None,
) -> Finding:
    return Finding(
        kind=Kind.UNKNOWN,
        organization=organization,
        subject=subject,
        what=what,
        remedy=remedy,
        environment=environment,
        repository=repository,
    )


def hidden(inventory: Inventory) -> dict[str, list[EnvironmentId]]:
    """The clouds that are not configured, with the environments that have resources there."""
    addresses = {identity: record.applied.resources for identity, record in inventory.records.items()}
    for identity, content in inventory.contents.items():
        if isinstance(content, Content):
            addresses[identity] = content.resources
    found: dict[str, list[EnvironmentId]] = {}
    for identity, listed in sorted(addresses.items()):
        for cloud in clouds_of(listed) - set(inventory.places):
            found.setdefault(cloud, []).append(identity)
    return found


def _unattributed(inventory: Inventory) -> Iterator[Finding]:
    for resource in inventory.unattributed():
        yield Finding(
            kind=Kind.RESOURCES_WITHOUT_STATE,
            organization=inventory.organization,
            subject=resource.identifier,
            what=f"{ref_component(resource.identifier)} carries envmgr's tags, but they name no environment.",
            remedy=f"Correct its tags; {WHOSE}.",
        )


def _archives(inventory: Inventory) -> Iterator[Finding]:
    archives = () if isinstance(inventory.archives, Unseen) else inventory.archives
    old = [at for _, at in archives if at < inventory.now - KEPT - _SLACK]
    if old:
        number = counted(len(old), "archived state is", "archived states are")
        yield Finding(
            kind=Kind.ARCHIVE_EXPIRED,
            organization=inventory.organization,
            subject=f"archive/{inventory.organization}/",
            what=f"{number} older than {KEPT.days} days, the oldest of {min(old):%Y-%m-%d}.",
            remedy=f"{_BY_FIX} deletes them; a daemon does so every hour.",
            fix=Fix.PRUNE,
        )


# --- sentences -----------------------------------------------------------------------------------

_BY_FIX = "`envmgr audit --fix`"


def _finding(kind: Kind, identity: EnvironmentId, what: str, remedy: str, fix: Fix | None = None) -> Finding:
    return Finding(
        kind=kind,
        organization=identity.organization,
        subject=str(identity),
        environment=identity,
        what=what,
        remedy=remedy,
        fix=fix,
    )
