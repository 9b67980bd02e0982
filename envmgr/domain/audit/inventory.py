"""What is there of an organization, from four sides: branches, records, states, and resources with our tags.

What could not be read is `Unseen`, never empty: nothing may be concluded from it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from envmgr.domain.documents.state import resource_type
from envmgr.domain.rules.observation import Listing
from envmgr.domain.rules.origins.previews import is_preview
from envmgr.domain.values.environment import AT_WORK, Environment, SourceKind, Status
from envmgr.domain.values.names import EnvironmentId, RepositoryId, known_names, matches_any
from envmgr.domain.values.origins.named import Asked, Named
from envmgr.domain.values.policy import Policy

from .ownership import is_listed

LOCAL = "local"
"""The place of local environments; the other places are clouds, by the prefix of their resources' types."""
LOCAL_MODULE = "local-environment"
LOCAL_ROOT = "~/.local/share/envmgr/local-environments"
"""Where local environments are unless the variable `root` says otherwise, as the module has it."""
CLOUDS = ("aws", "azurerm")


@dataclass(frozen=True, slots=True)
class Unseen:
    """What could not be read, and the sentence why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Watched:
    """A repository of the configuration: what its remote lists now, its rules, its applications and named environments."""

    listing: Listing | Unseen
    policy: Policy
    applications: tuple[str, ...] = ("",)
    named: tuple[Named, ...] = ()

    def by_name(self, name: str) -> Named | None:
        """The named environment of a name; None where there is none."""
        return Asked(named=self.named).by_name(name)


@dataclass(frozen=True, slots=True)
class Content:
    """What a state lists, and why nothing but a person can take its environment in again; empty: envmgr can.

    `identifiers` are what the clouds call these resources.
    """

    resources: tuple[str, ...]
    obstacle: str = ""
    identifiers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tagged:
    """A resource with the organization's tags: what its place calls it, and the tags."""

    identifier: str
    tags: Mapping[str, str]

    @property
    def environment(self) -> EnvironmentId | None:
        """The environment, or the application of it, that its tags name, if they do."""
        names = [self.tags.get(tag, "") for tag in ("organization", "project", "environment", "application")]
        return EnvironmentId(*names) if all(names[:3]) else None


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """All that was seen of one organization at one time.

    `records` are its open environments; `busy` are those that are worked on, or changed while this was made.
    `states` are the environments with a state that holds something, `contents` what was read of some of them (None:
    nothing after all). `places` has the tagged resources of every place that was looked into.
    """

    organization: str
    now: datetime
    repositories: Mapping[RepositoryId, Watched] = field(default_factory=dict)
    records: Mapping[EnvironmentId, Environment] = field(default_factory=dict)
    busy: frozenset[EnvironmentId] = frozenset()
    states: frozenset[EnvironmentId] | Unseen = frozenset()
    contents: Mapping[EnvironmentId, Content | Unseen | None] = field(default_factory=dict)
    places: Mapping[str, tuple[Tagged, ...] | Unseen] = field(default_factory=dict)
    archives: tuple[tuple[str, datetime], ...] | Unseen = ()

    def environments(self) -> list[EnvironmentId]:
        """All that any side tells of, but for those at work."""
        stated = frozenset[EnvironmentId]() if isinstance(self.states, Unseen) else self.states
        return [e for e in sorted({*self.records, *stated, *self._resources}) if not self.is_at_work(e)]

    def has_state(self, identity: EnvironmentId) -> bool | None:
        """Whether it has a state that holds something; None where that is not known."""
        has_object = self.has_state_object(identity)
        return has_object and self.contents.get(identity, Unseen("not read")) is not None

    def has_state_object(self, identity: EnvironmentId) -> bool | None:
        """Whether an object is there for its state, whatever it holds; None where that is not known."""
        return None if isinstance(self.states, Unseen) else identity in self.states

    def has_branch(self, identity: EnvironmentId) -> bool | None:
        """Whether a branch is there for it; None where that is not known, or its repository is not configured."""
        watched = self.repositories.get(identity.repository_id)
        if watched is None or isinstance(watched.listing, Unseen):
            return None
        record = self.records.get(identity)
        if watched.by_name(identity.name) is not None:
            return True  # it goes with no branch: the configuration wants it
        if record is not None and is_preview(record):
            return None  # it goes with no branch: its forge knows of its pull request
        if record is not None and record.branch in watched.listing.branches:
            return True
        if record is not None and not matches_any(record.branch, watched.policy.branches):
            return None  # a listing need not show it
        return identity in self._wanted

    def resources(self, identity: EnvironmentId) -> tuple[Tagged, ...]:
        """The resources that carry its tags, in all places that could be looked into."""
        return tuple(each for _, each in self._resources.get(identity, ()))

    def resources_in(self, place: str, identity: EnvironmentId) -> list[Tagged] | None:
        """The resources that carry its tags in one place; None where that could not be looked into."""
        if isinstance(self.places.get(place, Unseen("")), Unseen):
            return None
        return [each for where, each in self._resources.get(identity, ()) if where == place]

    def owner(self, tagged: Tagged) -> EnvironmentId | None:
        """The environment or application that a resource belongs to.

        People may use the tag `application` for themselves, or leave it out: then it is the environment, or the
        first application of it that is there.
        """
        named = tagged.environment
        if named is None:
            return None
        known = self._known.get(named.environment, [])
        watched = self.repositories.get(named.repository_id)
        if named in known or (watched is not None and named.application in watched.applications):
            return named
        return known[0] if known else named.environment

    def unattributed(self) -> list[Tagged]:
        """Resources with the organization's tags that name no environment."""
        return [each for _, each in self._tagged() if each.environment is None]

    @property
    def is_blind(self) -> bool:
        """Whether there is a place that could not be looked into."""
        return any(isinstance(found, Unseen) for found in self.places.values())

    def tended(self, identity: EnvironmentId) -> Environment | None:
        """Its record, where that says that something was applied: then the daemon takes care of it."""
        record = self.records.get(identity)
        return record if record is not None and record.claim is not None else None

    def unread(self) -> list[EnvironmentId]:
        """States to read: those that nobody takes care of, and where the record may not know whose tagged resources are."""
        return [e for e in self.environments() if self.is_stray(e) or self._is_doubtful(e)]

    def _is_doubtful(self, identity: EnvironmentId) -> bool:
        """Whether it has a state and resources in a cloud, and its record is of no apply that went well."""
        record = self.tended(identity)
        if record is None or not self.has_state_object(identity) or not self._in_clouds(identity):
            return False
        return record.applied.identifiers is None or record.status not in (Status.READY, Status.DEGRADED)

    def _in_clouds(self, identity: EnvironmentId) -> list[Tagged]:
        return [each for place, each in self._resources.get(identity, ()) if place in CLOUDS]

    def listed(self, identity: EnvironmentId) -> tuple[str, ...] | None:
        """What the clouds call the resources that its state lists; None where that is not known."""
        content = self.contents.get(identity)
        if isinstance(content, Content):
            return content.identifiers if content.identifiers or not content.resources else None
        record = self.tended(identity)
        return None if record is None or isinstance(content, Unseen) else record.applied.identifiers

    def unlisted(self, identity: EnvironmentId) -> tuple[Tagged, ...]:
        """The resources in clouds that carry its tags, but that its state does not list, as far as that is known."""
        listed = self.listed(identity)
        if listed is None:
            return ()
        return tuple(each for each in self._in_clouds(identity) if not is_listed(each.identifier, listed))

    def home(self, tagged: Tagged) -> EnvironmentId | None:
        """The environment whose state lists a resource, whatever its tags say."""
        return next((e for e in self.records if is_listed(tagged.identifier, self.listed(e) or ())), None)

    def is_stray(self, identity: EnvironmentId) -> bool:
        """Whether it has a state that no branch gives and no record says how it came about."""
        has_state = self.has_state(identity) is True
        return has_state and self.tended(identity) is None and self.has_branch(identity) is False

    def is_unaccounted(self, identity: EnvironmentId) -> bool:
        """Whether it has resources that no state lists."""
        content = self.contents.get(identity)
        is_empty = isinstance(content, Content) and not content.resources
        return bool(self.resources(identity)) and (is_empty or self.has_state(identity) is False)

    def suspected(self) -> list[EnvironmentId]:
        """Those with resources that no state lists: whether the resources are still there decides."""
        return [e for e in self.environments() if self.is_unaccounted(e) or self.unlisted(e)]

    def is_at_work(self, identity: EnvironmentId) -> bool:
        """Whether it was worked on, or changed, while this was made: then nothing is said of it."""
        record = self.records.get(identity)
        return identity in self.busy or (record is not None and record.status in AT_WORK)

    def _tagged(self) -> Iterator[tuple[str, Tagged]]:
        for place, found in self.places.items():
            if not isinstance(found, Unseen):
                yield from ((place, each) for each in found)

    @cached_property
    def _resources(self) -> Mapping[EnvironmentId, list[tuple[str, Tagged]]]:
        """The resources of each environment, with the place of each."""
        found: dict[EnvironmentId, list[tuple[str, Tagged]]] = {}
        for place, each in self._tagged():
            owner = self.owner(each)
            if owner is not None:
                found.setdefault(owner, []).append((place, each))
        return found

    @cached_property
    def _wanted(self) -> frozenset[EnvironmentId]:
        """The environments that the listed branches give."""
        return frozenset(
            EnvironmentId(repository.organization, repository.name, name, application)
            for repository, watched in self.repositories.items()
            if not isinstance(watched.listing, Unseen)
            for branch in watched.listing.branches
            for name in known_names(branch, watched.policy.branches)
            for application in watched.applications
        )

    @cached_property
    def _known(self) -> Mapping[EnvironmentId, list[EnvironmentId]]:
        """The environments with a record or a state, each with those of its applications that have one."""
        stated = frozenset[EnvironmentId]() if isinstance(self.states, Unseen) else self.states
        known: dict[EnvironmentId, list[EnvironmentId]] = {}
        for identity in sorted({*self.records, *stated}):
            known.setdefault(identity.environment, []).append(identity)
        return known


def places_of(record: Environment) -> set[str]:
    """The places in which an environment with this record has its resources, as far as they can be looked for."""
    found = clouds_of(record.applied.resources)
    claim = record.claim
    is_local = claim and claim.source.kind is SourceKind.MODULE and claim.source.path == LOCAL_MODULE
    return {*found, LOCAL} if is_local else found


def clouds_of(addresses: tuple[str, ...]) -> set[str]:
    """The clouds (`aws`, `azurerm`) that the resources at these addresses live in."""
    return {kind for a in addresses if (kind := resource_type(a).partition("_")[0]) in CLOUDS}
