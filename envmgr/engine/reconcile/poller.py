"""Looking at the remotes: from a listing to what the records say of branches."""

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from envmgr.domain.documents.owner import NotOurs
from envmgr.domain.errors import EnvmgrError
from envmgr.domain.rules.evidence import Evidence, Judgement
from envmgr.domain.rules.observation import Listing, Observed, observe, observe_failure
from envmgr.domain.values.digest import digest
from envmgr.domain.values.environment import Environment, Event, RepositoryState
from envmgr.domain.values.hosts.terms import LOOK
from envmgr.domain.values.names import EnvironmentId, RepositoryId, ref_component
from envmgr.domain.values.origins.named import Asked
from envmgr.engine.context import by_hand, freezes, ownership
from envmgr.engine.context.organization import Organization, Repository
from envmgr.engine.context.services import Services
from envmgr.engine.context.written import Written
from envmgr.engine.recovery import lost_records
from envmgr.engine.source.images import follows_images, look_at_images
from envmgr.host.system import sentences

from .evidence import Weighed, history_of, weigh
from .listing import asked_of, dated, headed, listed
from .telling import what_happened

log = structlog.get_logger()

LULL = timedelta(seconds=1)
"""How long the answer to who wrote to the records counts: a pass over many repositories asks once."""
OVERLAP = timedelta(seconds=10)
"""How much later than its time a write may show: its transaction had to wait, or its host's clock is behind."""


@dataclass(frozen=True, slots=True)
class Polled:
    """The outcome of one look: whether records changed, and the sentence if it failed."""

    repository: RepositoryId
    changed: bool
    error: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """What is there at the remote, and what is asked of that, with the pull requests that are known; `digest` is the same for the same."""

    listing: Listing
    asked: Asked
    digest: str


class Poller:
    """Looks at repositories, each on its own: a slow or dead one delays no other.

    A listing that says the same as the last one is not compared with the records again, unless a branch
    is missing or anybody (a worker, another process) has written to them since.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._quiet: dict[RepositoryId, str] = {}
        self._written = Written(services.clock(), OVERLAP)
        self._asked_at = services.clock()
        self._woken: Counter[RepositoryId] = Counter()
        self._states: dict[RepositoryId, RepositoryState] = {}
        self._counts: Counter[tuple[RepositoryId, bool]] = Counter()
        self._without_images: set[RepositoryId] = set()
        self._frozen_at: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def poll_all(self, repositories: Iterable[Repository], workers: int) -> list[Polled]:
        """Looks at all given repositories at once, `workers` at a time."""
        with ThreadPoolExecutor(workers, thread_name_prefix="poll") as pool:
            return list(pool.map(self.poll, repositories))

    def poll(self, repository: Repository) -> Polled:
        """Looks at one repository; raises only what the store raises, and what this host stands in the way with."""
        polled = self._poll(repository)
        # A registry is no less a remote, and neither keeps envmgr from hearing of the other.
        if self._look_at_images(repository):
            polled = replace(polled, changed=True)
        with self._lock:
            self._counts[repository.id, not polled.error] += 1
        return polled

    def _catch_up_with_freezes(self, organization: Organization) -> None:
        """What was frozen is of the organization: it need not be asked for with each of its repositories."""
        now, before = self._services.clock(), self._frozen_at.get(organization.name)
        if before is None or not before <= now < before + LOOK:
            self._frozen_at[organization.name] = now
            freezes.catch_up(self._services, organization)

    def _look_at_images(self, repository: Repository) -> bool:
        """Whether there is anything new; where none are followed, once: by then what an older configuration followed is forgotten."""
        if repository.id in self._without_images:
            return False
        is_news = look_at_images(self._services, repository)
        if not follows_images(repository):
            self._without_images.add(repository.id)
        return is_news

    @sentences()
    def _poll(self, repository: Repository) -> Polled:
        state = self._state(repository.id)
        # The owner first: an organization that another data folder works on must not get records here that
        # this one would later act on.
        try:
            ownership.require(self._services, repository.organization, marking=False)
        except NotOurs as another:
            return self._failed(repository, state, str(another))
        except EnvmgrError as error:  # nothing is done by it before the states can be reached
            log.debug(str(error), action="owner-unknown", organization=repository.organization.name)
        lost_records.try_to(
            self._services, repository.organization
        )  # before a branch that is gone could be missed
        # What people set and what could not be written beside the state comes before the listing, too: it
        # must be safe before anything is decided by branches.
        by_hand.catch_up(self._services, repository.id)
        self._catch_up_with_freezes(repository.organization)
        try:
            with sentences():
                asked = asked_of(self._services, repository)
                listing = listed(self._services, repository, state.default_branch, asked)
        except EnvmgrError as error:
            return self._failed(repository, state, str(error))
        said = listing.digest()
        if asked.pulls:
            said = digest([said, *(str(pull.mark) for pull in asked.pulls)])
        # After the remote has answered: whoever wrote to the records while it was being asked is heard, too.
        self._wake_what_was_written()
        if self._quiet.get(repository.id) == said:
            self._note_success(repository.id, state)
            return Polled(repository.id, changed=False)
        try:
            with sentences():
                listing = headed(self._services, repository, dated(self._services, repository, listing))
        except EnvmgrError as error:
            return self._failed(repository, state, str(error))
        return self._seen(repository, state, Shown(listing, asked, said))

    @property
    def counts(self) -> Mapping[tuple[RepositoryId, bool], int]:
        """How often each repository was looked at, by whether that came to a listing."""
        with self._lock:
            return dict(self._counts)

    @property
    def standings(self) -> Mapping[RepositoryId, RepositoryState]:
        """What is known of each repository that was looked at, the time of the last look included."""
        with self._lock:
            return dict(self._states)

    def failures(self, repository: RepositoryId) -> int:
        """How many looks in a row have failed."""
        return self._state(repository).failures

    def has_seen(self, repository: RepositoryId) -> bool:
        """Whether a look has ever come to a listing."""
        return self._state(repository).succeeded_at is not None

    def _wake_what_was_written(self) -> None:
        """Makes repositories loud whose records anybody wrote to, and all where the clock was set back."""
        with self._lock:
            now, before = self._services.clock(), self._asked_at
            if before < now < before + LULL:
                return
            if now < before:
                self._quiet.clear()
            with self._written.news(self._services.store, now) as written:
                for repository in written:
                    self._quiet.pop(repository, None)
                    self._woken[repository] += 1  # also where its records are being compared just now
            # Only now: had the store not answered, the next look would have to ask again.
            self._asked_at = now

    def _wakings(self, repository: RepositoryId) -> int:
        with self._lock:
            return self._woken[repository]

    def _hush(self, repository: RepositoryId, digest: str, wakings: int) -> None:
        """Has a listing that says the same from now on not compared again, unless anything was written since the count."""
        with self._lock:
            if self._woken[repository] == wakings:
                self._quiet[repository] = digest

    def _seen(self, repository: Repository, state: RepositoryState, found: Shown) -> Polled:
        services, now, listing = self._services, self._services.clock(), found.listing
        weighed = self._weigh(repository, state, found)
        judgement = weighed.judgement
        shown = listing.bare() if judgement.is_foreign else listing
        before: dict[EnvironmentId, Environment] = {}

        def revision(known: Sequence[Environment]) -> Observed:
            # The store asks twice where something changes: only the second answer is what was written.
            before.clear()
            before.update((environment.id, environment) for environment in known)
            return observe(
                repository.id,
                known,
                shown,
                repository.branches,
                now,
                evidence=judgement.evidence,
                asked=found.asked,
            )

        wakings = self._wakings(repository.id)  # before the records are read
        observed = services.store.revise(repository.id, revision, self._events)
        after = {**before, **{e.id: e for e in (*observed.new, *observed.changed)}}
        for changed in observed.changed:
            # A branch that came back ends what was approved of its absence.
            by_hand.keep(services, changed.id, looks=False)
        self._quiet.pop(repository.id, None)
        is_same = state.default_branch in (None, listing.default_branch)
        # The same answer may be passed over next time only if it could change nothing: no branch is missing
        # that is still counted, no other history waits for a person, the default branch keeps its name.
        is_told = is_same and judgement.history.offered is None and not weighed.error
        if is_told and not any(e.is_open and e.is_missing for e in after.values()):
            self._hush(repository.id, found.digest, wakings)
        if state.failures:
            log.info("Answers again.", action="remote-back", repository=str(repository.id))
        self._save(
            repository.id,
            replace(
                state,
                default_branch=listing.default_branch,
                listing_digest=found.digest,
                polled_at=now,
                succeeded_at=now,
                failures=0,
                error=weighed.error,
                known_commit=judgement.history.commit,
                known_address=judgement.history.address,
                offered_commit=judgement.history.offered,
            ),
        )
        return Polled(repository.id, bool(observed.new or observed.changed), weighed.error)

    def _weigh(self, repository: Repository, state: RepositoryState, found: Shown) -> Weighed:
        """What a listing is worth, said where it is less than usual.

        One in which the default branch has another name counts nothing as gone, this once.
        """
        services, listing = self._services, found.listing
        weighed = weigh(services, repository, state, listing, found.asked)
        if weighed.error and weighed.error != state.error:
            services.record(repository.id.place, "remote-failed", f"{repository.id}: {weighed.error}")
        if weighed.judgement.evidence is Evidence.NEW_OTHER:
            services.record(
                repository.id.place, "other-history", f"{repository.id}: {_other(state, listing)}"
            )
        if state.default_branch in (None, listing.default_branch):
            return weighed
        message = f"The default branch changed from {state.default_branch} to {listing.default_branch}."
        services.record(repository.id.place, "default-branch", f"{repository.id}: {message}")
        if not weighed.judgement.evidence.counts:
            return weighed
        return replace(weighed, judgement=Judgement(Evidence.UNSURE, history_of(state)))

    def _failed(self, repository: Repository, state: RepositoryState, error: str) -> Polled:
        services, now = self._services, self._services.clock()
        # The next answer has to be compared, even if it is the old one: a quiet look would leave this failure
        # on record.
        self._quiet.pop(repository.id, None)
        try:
            # Confirmations count in a row: after a look that failed they start again.
            observed = services.store.revise(repository.id, observe_failure)
            if error != state.error:
                services.record(repository.id.place, "remote-failed", f"{repository.id}: {error}")
            self._save(repository.id, replace(state, polled_at=now, failures=state.failures + 1, error=error))
        except EnvmgrError as store_error:
            # There is nowhere to write it down: the look carries the sentence.
            return Polled(repository.id, changed=False, error=str(store_error))
        return Polled(repository.id, changed=bool(observed.changed), error=error)

    def _state(self, repository: RepositoryId) -> RepositoryState:
        with self._lock:
            if repository not in self._states:
                self._states[repository] = self._services.store.repository(repository)
            return self._states[repository]

    def _note_success(self, repository: RepositoryId, state: RepositoryState) -> None:
        """When a remote was last looked at is written only once that is news: with the look that fails."""
        now = self._services.clock()
        with self._lock:
            self._states[repository] = replace(state, polled_at=now, succeeded_at=now)

    def _save(self, repository: RepositoryId, state: RepositoryState) -> None:
        self._services.store.save_repository(repository, state)
        with self._lock:
            self._states[repository] = state

    def _events(self, known: Iterable[Environment], observed: Observed) -> Iterator[Event]:
        """What happened to branches, as events."""
        before = {environment.id: environment for environment in known}
        for now in (*observed.new, *observed.changed):
            told = what_happened(before.get(now.id), now)
            if told is not None:
                yield self._services.event(now.id, *told, commit=now.commit, actor="git")


def _other(state: RepositoryState, listing: Listing) -> str:
    default, commit = ref_component(listing.default_branch), listing.branches[listing.default_branch]
    if commit == state.known_commit:
        return f"Its default branch {default} is at {commit[:10]} as before, but at a different address. What is missing there waits for a person: restore it, or approve."
    known = f"what was known ({state.known_commit[:10]})" if state.known_commit else "what was applied"
    return f"Its default branch {default} is at {commit[:10]}: that is a different history from {known}, or at a different address. What is missing there waits for a person: restore it, or approve."
