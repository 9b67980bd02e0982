"""The audit of an organization: looks at every side, lets the core compare, and says what is new.

It looks only: remotes by a fresh listing each, the state store by listings and a read of what no record accounts
for, clouds by tag. Nothing it could not see counts as absent.
"""

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue
from typing import TypeVar

import structlog

from envmgr.domain.audit.compare import Finding, findings
from envmgr.domain.audit.inventory import LOCAL_MODULE, Content, Inventory, Tagged, Unseen, Watched
from envmgr.domain.audit.standing import Look, Outcome, Standing, is_over
from envmgr.domain.documents.state import State
from envmgr.domain.errors import EnvmgrError, NeedsPerson, PlaceMissing
from envmgr.domain.rules.observation import Listing
from envmgr.domain.values.asking.person import Action
from envmgr.domain.values.backend import is_same
from envmgr.domain.values.environment import Environment, Event, SourceKind
from envmgr.domain.values.hosts.duty import Task
from envmgr.domain.values.names import EnvironmentId, RepositoryId, counted
from envmgr.domain.values.tags import MANAGED_BY, own, tags_for
from envmgr.engine.context.organization import Access, Organization, Repository
from envmgr.engine.context.services import Services
from envmgr.engine.reconcile.evidence import weigh
from envmgr.engine.reconcile.listing import asked_of, listed
from envmgr.engine.recovery import lost_records
from envmgr.host.system import sentences
from envmgr.ports import Cloud, StateStore

from .access import check
from .runtime import Runtime

log = structlog.get_logger()

PERIOD = timedelta(days=1)
_DONE, _FOUND, _GONE = "audited", "audit-finding", "audit-gone"

T = TypeVar("T")


@dataclass(slots=True)
class Audit:
    """One audit under way: the organization, and the places of its resources that could be opened."""

    runtime: Runtime
    organization: Organization
    access: Access | Unseen = field(init=False)
    clouds: dict[str, Cloud] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Resolves the secrets, once; for who may audit there."""
        check(self.runtime, Action.AUDIT, self.organization.name)
        try:
            self.access = self.organization.access()
        except EnvmgrError as error:
            self.access = Unseen(str(error))

    @property
    def services(self) -> Services:
        """The outside world."""
        return self.runtime.services

    def findings(self) -> tuple[Finding, ...]:
        """All that is not as it should be; nothing is changed."""
        return findings(self.inventory())

    def inventory(self) -> Inventory:
        """Looks at everything, the remotes last: what was made meanwhile has a branch there, or a record."""
        before = self._records()
        states, archives = self._states(before.values()), self._archives()
        places = self._places(before.values())
        watched = self._watched()
        after = self._records()
        # What is being worked on, or was written to during the audit, cannot be judged by what was seen at
        # different moments.
        leased = self.services.store.leases(self.services.clock())
        seen = Inventory(
            organization=self.organization.name,
            now=self.services.clock(),
            repositories=watched,
            records=after,
            busy=frozenset({*leased, *(e for e in {*before, *after} if before.get(e) != after.get(e))}),
            states=states,
            places=places,
            archives=archives,
        )
        read = replace(seen, contents={identity: self.content(identity) for identity in seen.unread()})
        return self._without_what_is_gone(read)

    def content(self, identity: EnvironmentId) -> Content | Unseen | None:
        """What a state that nobody accounts for holds, and whether its record can be had again."""
        try:
            record = self.services.store.environment(identity)
            claim = record.claim if record is not None else None
            state = self.organization.state(claim.backend if claim is not None else None).read(
                identity.state_key
            )
            if state is None:
                return None
            obstacle = "" if claim is not None else self._obstacle(identity, state)
            return Content(state.resources, obstacle, state.identifiers)
        except EnvmgrError as error:
            return self._unseen(error)

    def _obstacle(self, identity: EnvironmentId, state: State) -> str:
        if not state.resources:
            return ""
        try:
            lost_records.lost_record(self.services, self.organization, identity, state)
        except NeedsPerson as error:
            return self._unseen(error).reason
        return ""

    def remaining(self, identity: EnvironmentId) -> list[str]:
        """All that is left of an environment in the places that were opened, looked at closely."""
        tags = own(tags_for(identity, ""))
        return [each for cloud in self.clouds.values() for each in cloud.remaining(tags)]

    def _records(self) -> Mapping[EnvironmentId, Environment]:
        return {e.id: e for e in self.services.store.environments(organization=self.organization.name)}

    def _repositories(self) -> list[Repository]:
        return [
            p for p in self.services.repositories.values() if p.organization.name == self.organization.name
        ]

    def _watched(self) -> Mapping[RepositoryId, Watched]:
        """All looks at once, by daemon threads: the process's end waits for no remote that hangs."""
        repositories, found = self._repositories(), dict[RepositoryId, Watched]()
        todo = SimpleQueue[Repository]()
        for repository in repositories:
            todo.put(repository)

        def work() -> None:
            with suppress(Empty):
                while True:
                    repository = todo.get_nowait()
                    found[repository.id] = self._look(repository)

        number = min(self.runtime.poll_workers, len(repositories))
        threads = [threading.Thread(target=work, name="audit", daemon=True) for _ in range(number)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        cut_off = Unseen("its listing did not finish.")
        return {p.id: found.get(p.id, _watched(p, cut_off)) for p in repositories}

    def _look(self, repository: Repository) -> Watched:
        state = self.services.store.repository(repository.id)
        known = state.default_branch
        try:
            asked = asked_of(self.services, repository)
            listing = listed(self.services, repository, known, asked)
            weighed = weigh(self.services, repository, state, listing, asked)
        except EnvmgrError as error:
            return _watched(repository, self._unseen(error))
        # The poller decides what another default branch means; until then the listing proves nothing.
        if known not in (None, listing.default_branch):
            why = f"its default branch changed from {known} to {listing.default_branch}, which the next poll takes up."
            return _watched(repository, Unseen(why))
        if weighed.error or weighed.judgement.evidence.waits:
            why = "its default branch has a different history, or a different address, from before."
            return _watched(repository, Unseen(weighed.error or why))
        return _watched(repository, listing)

    def _states(self, records: Iterable[Environment]) -> frozenset[EnvironmentId] | Unseen:
        """The environments with a state: in the organization's backend, or where a record says that its state is."""
        organization, elsewhere = self.organization, dict[str, list[Environment]]()
        for record in records:
            if record.claim is not None and not is_same(record.claim.backend, organization.backend):
                elsewhere.setdefault(repr(record.claim.backend), []).append(record)
        try:
            found = self._listed_states()
            for there in elsewhere.values():
                store = organization.state(there[0].claim.backend if there[0].claim else None)
                keys = set(store.keys(f"{organization.name}/"))
                found -= {e.id for e in there}
                found |= {e.id for e in there if e.id.state_key in keys}
        except EnvmgrError as error:
            return self._unseen(error)
        return frozenset(found)

    def _listed_states(self) -> set[EnvironmentId]:
        prefix = f"{self.organization.name}/"
        keys = self._of_the_place(lambda store: store.keys(prefix))
        return {found for key in keys if (found := EnvironmentId.of_key(key)) and key == found.state_key}

    def _archives(self) -> tuple[tuple[str, datetime], ...] | Unseen:
        prefix = f"{self.organization.name}/"
        try:
            return tuple(self._of_the_place(lambda store: store.archives(prefix)))
        except EnvmgrError as error:
            return self._unseen(error)

    def _of_the_place(self, ask: Callable[[StateStore], Sequence[T]]) -> Sequence[T]:
        """What the organization's state store says; nothing where an organization is so new that it has none."""
        try:
            return ask(self.organization.state())
        except PlaceMissing:
            if self.organization.is_new():
                return ()
            raise

    def _places(self, records: Iterable[Environment]) -> Mapping[str, tuple[Tagged, ...] | Unseen]:
        if isinstance(self.access, Unseen):
            return {"the clouds": self.access}
        roots = _roots(self._repositories(), records)
        opened = self.organization.open_places(self.access.environment, roots)
        return {name: self._tagged(name, opening) for name, opening in opened.items()}

    def _tagged(self, name: str, opening: Callable[[], Cloud]) -> tuple[Tagged, ...] | Unseen:
        ours = {"organization": self.organization.name, "managed-by": MANAGED_BY}
        try:
            cloud = self.clouds[name] = opening()
            return tuple(Tagged(identifier, tags) for identifier, tags in cloud.tagged(ours))
        except EnvmgrError as error:
            return self._unseen(error)

    def _without_what_is_gone(self, seen: Inventory) -> Inventory:
        """Clouds list what was deleted for a while: what no state lists is looked at closely."""
        suspected = set(seen.suspected())
        places = {
            name: self._still(name, found, suspected, seen.owner) for name, found in seen.places.items()
        }
        return replace(seen, places=places)

    def _still(
        self,
        name: str,
        found: tuple[Tagged, ...] | Unseen,
        suspected: Collection[EnvironmentId],
        owner_of: Callable[[Tagged], EnvironmentId | None],
    ) -> tuple[Tagged, ...] | Unseen:
        if isinstance(found, Unseen):
            return found
        doubtful = {owner for each in found if (owner := owner_of(each)) in suspected}
        try:
            left = {i for e in doubtful if e for i in self.clouds[name].remaining(own(tags_for(e, "")))}
        except EnvmgrError as error:
            return self._unseen(error)
        return tuple(each for each in found if owner_of(each) not in doubtful or each.identifier in left)

    def _unseen(self, error: EnvmgrError) -> Unseen:
        """Why something was not seen, without secrets."""
        text = str(error)
        return Unseen(text if isinstance(self.access, Unseen) else self.access.redact(text))


class Audits:
    """The audits of a daemon, in a thread of their own that its end does not wait for."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._at_work = threading.Lock()

    def reconfigure(self, runtime: Runtime) -> None:
        """Works by another configuration from now on; what is under way ends by the old one."""
        self._runtime = runtime

    def tick(self) -> None:
        """Begins what is due, unless the last one is still at it."""
        if self._at_work.acquire(blocking=False):
            threading.Thread(target=self._work, name="audit", daemon=True).start()

    def _work(self) -> None:
        try:
            audit_what_is_due(self._runtime)
        except Exception:
            log.exception("Unexpected error", action="unexpected")
        finally:
            self._at_work.release()


def audit_what_is_due(runtime: Runtime) -> None:
    """Audits the organizations that were not audited for a day, by whatever process, and says what is new."""
    services = runtime.services
    for organization in services.organizations.values():
        try:
            with sentences():
                if services.fleet.takes(Task.AUDIT, organization.name) and _is_due(services, organization):
                    lost_records.try_to(services, organization)
                    report(services, Audit(runtime, organization).inventory())
        except EnvmgrError as error:
            log.warning(str(error), action="not-audited", organization=organization.name)


def _is_due(services: Services, organization: Organization) -> bool:
    last, now = services.store.last_look(Look.AUDIT, organization.name), services.clock()
    return last is None or not last <= now < last + PERIOD  # also where the clock was set back


def report(services: Services, seen: Inventory) -> None:
    """Says each finding once, as an event, until it is over; and that there was an audit."""
    found, name, now = findings(seen), seen.organization, services.clock()

    def told(outcome: Outcome) -> Iterator[Event]:
        for each in outcome.new:
            yield services.event(each.environment, _FOUND, f"{name} {each.kind} {each.subject}: {each.told}")
        for each in outcome.over:
            yield services.event(
                each.environment, _GONE, f"{name} {each.kind} {each.subject}: no longer found."
            )
        number = "nothing found" if not found else counted(len(found), "finding")
        yield services.event(None, _DONE, f"{name}: {number}.")

    standing = [_standing(finding, now) for finding in found]
    services.store.take_findings(Look.AUDIT, name, now, standing, lambda known: is_over(known, seen), told)


def _standing(finding: Finding, now: datetime) -> Standing:
    return Standing(
        look=Look.AUDIT,
        organization=finding.organization,
        kind=finding.kind,
        subject=finding.subject,
        told=f"{finding.what} {finding.remedy}",
        since=now,
        seen_at=now,
        environment=finding.environment,
    )


def _watched(repository: Repository, listing: Listing | Unseen) -> Watched:
    asked = repository.asked
    return Watched(listing, repository.policy, asked.applications, asked.named)


def _roots(repositories: Iterable[Repository], records: Iterable[Environment]) -> dict[str, bool]:
    """Where local environments are, by the module's variable; True where one was made, so that it must be there."""
    local = (SourceKind.MODULE, LOCAL_MODULE)
    roots = {_root(part.variables): False for p in repositories for part in p.parts if part.source == local}
    for record in records:
        claim = record.claim
        if claim is not None and (claim.source.kind, claim.source.path) == local:
            root = _root(claim.variables)
            roots[root] = roots.get(root, False) or bool(record.applied.resources)
    return roots


def _root(variables: Mapping[str, object]) -> str:
    return str(variables.get("root") or "")
