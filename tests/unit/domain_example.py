"""One environment, its rules and its crowd, for the tests of the functional core."""

from datetime import UTC, datetime, timedelta

from hypothesis import settings

from envmgr.domain.rules.observation import Listing, Observed
from envmgr.domain.values.environment import Claim, Environment, Source, SourceKind, Status
from envmgr.domain.values.names import EnvironmentId, RepositoryId
from envmgr.domain.values.policy import Neighbours, Policy
from envmgr.domain.values.tags import tags_for
from tests.support.records import altered, recorded

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
SHOP = RepositoryId("acme", "shop")
ALICE = EnvironmentId("acme", "shop", "alice")
OLD, NEW = "a" * 40, "b" * 40
POLICY = Policy(inputs="inputs", protected=("env-prod",))
ALONE = Neighbours(leaving=1)
PATTERNS = ("env-*",)

# The same examples in every run, so that a failure is never one machine's alone.
FIXED = settings(derandomize=True, deadline=None, database=None)


def claim(commit: str = OLD) -> Claim:
    """What destroying needs, as an apply of the commit leaves it."""
    return Claim(
        commit=commit,
        source=Source(SourceKind.DIRECTORY, "terraform", "c" * 40, "terraform"),
        variables={"environment": "alice"},
        tags=tags_for(ALICE, "env-alice"),
        terraform_version="1.11.4",
        backend=("local", {"path": "/srv/state"}),
        fingerprint="f" * 64,
    )


def pending(branch: str = "env-alice", name: str = "alice", **changes: object) -> Environment:
    """An environment whose branch was just seen."""
    fresh = recorded(
        id=EnvironmentId("acme", "shop", name),
        branch=branch,
        commit=OLD,
        pushed_at=NOW,
        created_at=NOW,
        updated_at=NOW,
    )
    return altered(fresh, **changes)


def ready(**changes: object) -> Environment:
    """An environment that has what its branch wants."""
    done = pending(status=Status.READY, claim=claim(), applied_commit=OLD, applied_inputs=POLICY.inputs)
    return altered(done, **changes)


def gone(absences: int = 2, since: datetime = NOW - HOUR, **changes: object) -> Environment:
    """One whose branch went away some time ago."""
    return altered(ready(absences=absences, absent_since=since), **changes)


def listing(*branches: str, commit: str = OLD, **commits: str) -> Listing:
    """A complete listing that shows these branches and the default branch."""
    shown = dict.fromkeys(branches, commit) | {f"env-{name}": at for name, at in commits.items()}
    return Listing("main", {"main": "d" * 40, **shown})


def merged(known: dict[str, Environment], observed: Observed) -> dict[str, Environment]:
    """The records, by name, after what was observed is stored."""
    return known | {e.id.name: e for e in (*observed.new, *observed.changed)}
