"""Values and steps with which tests of a store tell their stories."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from envmgr.domain.rules.evidence import Evidence
from envmgr.domain.rules.observation import Listing, Observed, observe
from envmgr.domain.rules.transitions import Change
from envmgr.domain.values.environment import Claim, Environment, Event, Lease, ProcessId, Source, SourceKind
from envmgr.domain.values.names import EnvironmentId, RepositoryId
from envmgr.ports import LeaseTaken, Store

from .records import altered

T = TypeVar("T")
R = TypeVar("R")

NOW = datetime(2026, 11, 20, 12, 30, 15, 123456, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
SHOP = RepositoryId("acme", "shop")
ALICE = EnvironmentId("acme", "shop", "alice")
OURS = ProcessId("host-a", "boot-1", 100, 5000)
THEIRS = ProcessId("host-b", "boot-2", 200, 6000)
COMMIT = "a" * 40
CLAIM = Claim(
    commit=COMMIT,
    source=Source(SourceKind.DIRECTORY, "terraform", "b" * 40, "."),
    variables={"count": 3, "ratio": 0.5, "names": ["ä", None, True], "tags": {"a": {}}},
    tags={"environment": "alice", "branch": "env-\udcff"},
    terraform_version="1.11.4",
    backend=("s3", {"bucket": "states", "use_lockfile": True}),
    fingerprint="c" * 64,
    lock_file='provider "x" {\n}\n',
)


def having(**fields: Any) -> Change:
    """The change that writes these columns into a record, whatever they are."""
    return lambda environment: altered(environment, **fields)


def seen(store: Store, branch: str, repository: RepositoryId = SHOP) -> Environment:
    """Lets a branch be seen for the first time; its environment."""
    observed = look(store, {branch: COMMIT}, repository=repository, trusted=False)
    return observed.new[0]


def look(
    store: Store,
    branches: dict[str, str],
    *,
    now: datetime = NOW,
    repository: RepositoryId = SHOP,
    trusted: bool = True,
) -> Observed:
    """Takes in a listing of a remote."""
    listing = Listing("main", branches)
    return store.revise(
        repository,
        lambda known: observe(
            repository,
            known,
            listing,
            ("env-*",),
            now,
            evidence=Evidence.SOUND if trusted else Evidence.UNSURE,
        ),
    )


def get(store: Store, identity: EnvironmentId = ALICE) -> Environment:
    """An environment that is there."""
    found = store.environment(identity)
    assert found is not None
    return found


def take(
    store: Store,
    owner: ProcessId = OURS,
    *,
    now: datetime = NOW,
    identity: EnvironmentId = ALICE,
    dead: Sequence[ProcessId] = (),
) -> Lease | LeaseTaken:
    """Asks for a lease of a minute."""
    return store.acquire(identity, owner, "apply", now, MINUTE, lambda process: process in dead)


def taken(answer: Lease | LeaseTaken) -> Lease:
    """The lease that was surely given."""
    assert isinstance(answer, Lease)
    return answer


def event(at: datetime, environment: EnvironmentId | None, message: str) -> Event:
    """An event of the daemon's."""
    return Event(at=at, environment=environment, action="polled", message=message, actor="daemon")


def in_threads(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """The work done on all items at the same time; the first failure is raised."""
    with ThreadPoolExecutor(len(items)) as pool:
        return list(pool.map(work, items))
