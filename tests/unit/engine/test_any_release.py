"""Promises of the way to production in any history: tags, approvals, time and deaths, by a whole engine on ports in memory.

Wherever Terraform is about to change anything: never production before staging, never another plan than the approved,
never twice, and no named environment ends by itself.
"""

import shutil
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import mkdtemp

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from envmgr.commands import steering
from envmgr.commands.pipeline.approvals import reject
from envmgr.domain.errors import EnvmgrError
from envmgr.domain.rules.approval.words import lets_through
from envmgr.domain.values.environment import Environment, Status
from envmgr.domain.values.origins.named import Named
from envmgr.domain.values.pipeline.proposal import Gates, Terms
from tests.support.examples import histories
from tests.support.in_memory.rules import MODULE, Rules
from tests.support.in_memory.terraform import Point
from tests.support.in_memory.world import World
from tests.unit.domain_example import FIXED

STAGING, PRODUCTION = "staging", "production"
NAMED = (Named(name=STAGING, branch="main"), Named(name=PRODUCTION, tags="v*", after=(STAGING,)))
_TERMS = Terms(needed=1, allows_author=True)
APPROVED = Rules(named=NAMED, gates=Gates(approval=_TERMS))
SIZES = ("small", "large", "huge")

EVENTS = st.one_of(
    st.tuples(st.just("push"), st.sampled_from(SIZES)),
    st.tuples(st.sampled_from(["tag", "move"]), st.integers(0, 3)),
    st.tuples(st.sampled_from(["untag", "other"]), st.none()),
    st.tuples(st.sampled_from(["approve", "approve", "reject"]), st.sampled_from([STAGING, PRODUCTION])),
    st.tuples(st.just("turn"), st.sampled_from([1, 6, 90, 9 * 24 * 60])),
    st.tuples(st.just("death"), st.tuples(st.integers(1, 120), st.booleans())),
)
Event = tuple[str, object]


class Releases:
    """A repository with staging and production, and what must never happen there."""

    def __init__(self, folder: Path) -> None:
        """Staging has a first commit, as soon as somebody approves it."""
        self.world = World(folder, APPROVED)
        self.world.objects = self.objects
        self.commits: list[str] = []
        self.versions = 0
        self.settled: dict[str, str] = {}
        self.had: set[str] = set()
        self.push("small")

    def objects(self, record: Environment, point: Point) -> str:
        """Why a promise forbids what Terraform is about to do."""
        claim, proposal = record.claim, record.proposal
        if point.destroys or claim is None:
            return "a named environment is destroyed"
        if self.settled.get(record.id.name) == claim.commit:
            return "applied twice"
        if proposal is None or not lets_through(
            proposal, claim.commit, proposal.digest, _TERMS, self.world.now
        ):
            return "nobody approved just that"
        if (
            record.id.name == PRODUCTION
            and claim.commit not in self.had
            and not self.was_in_staging(claim.commit)
        ):
            return "production before staging"
        return ""

    def was_in_staging(self, commit: str) -> bool:
        """Whether staging had it ready, by what is on record for good."""
        staging = self.world.environment(STAGING)
        release = self.world.store.pipeline.releases.get(staging.id, commit)
        return release is not None and release.has_passed

    def looks(self, minutes: int) -> None:
        """A turn of the daemon; what was settled before it needs no apply."""
        found = self.world.store.environments()
        self.settled = {
            e.id.name: e.applied.commit
            for e in found
            if e.status is Status.READY and e.applied.commit is not None and e.applied.commit == e.target
        }
        self.had |= {e.applied.commit for e in found if e.id.name == PRODUCTION and e.applied.commit}
        self.world.turn(minutes=minutes)

    def push(self, size: str) -> None:
        """A commit on `main` that changes what staging has."""
        files = APPROVED.files(MODULE.replace("small", size))
        self.commits.append(self.world.shop.commit("main", {**files, "notes": str(len(self.commits))}))

    def happen(self, event: Event) -> None:
        """Does what an event says."""
        what, value = event
        shop = self.world.shop
        newest = f"v1.{self.versions}"
        match what, value:
            case "push", str():
                self.push(value)
            case "tag", int():
                self.versions += 1
                shop.tag(f"v1.{self.versions}", self.commits[-1 - value % len(self.commits)])
            case "move", int() if newest in shop.tags:
                shop.tag(newest, self.commits[-1 - value % len(self.commits)])
            case "untag", _ if newest in shop.tags:
                shop.delete_tag(newest)
            case "other", _:
                shop.tag("notes", self.commits[-1])
            case "approve", str():
                self.says(value, steering.approve)
            case "reject", str():
                self.says(value, lambda runtime, record: reject(runtime, record, "not now"))
            case "turn", int():
                self.looks(value)
            case "death", (int() as number, bool() as after):
                self.world.restart(dies_at=number, after=after)
                self.looks(1)
                self.world.restart()

    def says(self, name: str, word: Callable[..., object]) -> None:
        """A person's word on an environment; one that does not count changes nothing."""
        for record in self.world.records(name):
            with suppress(EnvmgrError):
                self.world.person.does(partial(word, self.world.person.application, record))

    def ends(self) -> None:
        """A release of what staging has comes to production, with people who approve and nothing in the way."""
        self.world.restart()
        self.push("small")
        for _ in range(5):
            self.looks(90)
            self.says(STAGING, steering.approve)
        self.versions += 1
        self.world.shop.tag(f"v1.{self.versions}", self.commits[-1])
        for _ in range(5):
            self.looks(90)
            self.says(PRODUCTION, steering.approve)
        self.world.check()
        for name in (STAGING, PRODUCTION):
            found = self.world.environment(name)
            assert (found.status, found.applied.commit) == (Status.READY, self.commits[-1]), found.message
            assert len(self.world.in_cloud(name)) == 1


def _silent(*_: object) -> dict[str, object]:
    raise structlog.DropEvent


@pytest.mark.timeout(1200)
@settings(FIXED, max_examples=histories(25))
@given(events=st.lists(st.tuples(EVENTS, st.booleans()), min_size=10, max_size=30))
def test_any_history_of_releases_keeps_its_promises(events: list[tuple[Event, bool]]) -> None:
    """The daemon looks after an event, or only after the next ones."""
    structlog.configure(processors=[_silent])
    folder = Path(mkdtemp(prefix="release-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    try:
        releases = Releases(folder)
        for event, is_looked_at in events:
            releases.happen(event)
            if is_looked_at:
                releases.looks(1)
            releases.world.check()
        releases.ends()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
