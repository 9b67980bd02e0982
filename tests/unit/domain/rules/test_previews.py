"""Whatever a forge and a remote say in turn: only what may be run is ever to be had, and only what is closed by its number goes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from envmgr.domain.rules.evidence import Evidence
from envmgr.domain.rules.observation import Listing, observe
from envmgr.domain.rules.origins import telling
from envmgr.domain.rules.origins.previews import is_preview
from envmgr.domain.values.environment import Environment, Status
from envmgr.domain.values.forge import (
    ApprovedHead,
    KnownPullRequest,
    Permission,
    PreviewRules,
    PullRequestState,
)
from envmgr.domain.values.names import EnvironmentId, RepositoryId
from envmgr.domain.values.origins.named import Asked
from envmgr.domain.values.origins.previews import AskedPreviews
from tests.support.memory_forge import pull_request

SHOP = RepositoryId("acme", "shop")
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
COMMITS = ["a" * 40, "b" * 40, "c" * 40]
NUMBERS = [7, 8, 9]
LIMIT = 2
PREVIEWS = AskedPreviews(
    rules=PreviewRules(forks=True, limit=LIMIT), heads="refs/pull/{number}/head", is_caged=True
)

commits = st.sampled_from(COMMITS)
numbers = st.sampled_from(NUMBERS)
steps = st.one_of(
    st.tuples(st.just("listed"), st.sets(numbers)),
    st.tuples(st.just("asked"), numbers, st.sampled_from(list(PullRequestState))),
    st.tuples(st.just("lost"), numbers),
    st.tuples(st.just("approved"), numbers, commits),
    st.tuples(
        st.just("looked"), st.dictionaries(numbers, commits), st.sampled_from(list(Evidence)), st.booleans()
    ),
)


class Told:
    """What is known as a history goes on; 8 and 9 come from forks."""

    def __init__(self) -> None:
        self.pulls: dict[int, KnownPullRequest] = {}
        self.records: dict[EnvironmentId, Environment] = {}
        self.now = NOW

    def does(self, step: tuple[object, ...]) -> None:
        """One step."""
        self.now += timedelta(minutes=1)
        getattr(self, f"_{step[0]}")(*step[1:])

    def _listed(self, found: set[int]) -> None:
        for number in found:
            told = pull_request(number, f"topic-{number}", is_from_fork=number > 7)
            known = telling.seen_open(SHOP, self.pulls.get(number), told, self.now)
            self.pulls[number] = telling.with_permission(known, Permission.WRITE)

    def _asked(self, number: int, state: PullRequestState) -> None:
        told = pull_request(number, f"topic-{number}", is_from_fork=number > 7, state=state)
        self.pulls[number] = telling.asked_for(SHOP, self.pulls.get(number), told, self.now)

    def _lost(self, number: int) -> None:
        if number in self.pulls:
            self.pulls[number] = telling.not_found(self.pulls[number], self.now)

    def _approved(self, number: int, commit: str) -> None:
        if number in self.pulls:
            approved = ApprovedHead(commit, "github:carol", self.now)
            self.pulls[number] = replace(self.pulls[number], approved=approved)

    def _looked(self, heads: dict[int, str], evidence: Evidence, has_pattern: bool) -> None:
        refs = {f"refs/pull/{n}/head" if n > 7 else f"refs/heads/topic-{n}": c for n, c in heads.items()}
        branches = {"main": "d" * 40, **({"env-pr-7": "e" * 40} if has_pattern else {})}
        asked = Asked(previews=PREVIEWS, pulls=tuple(self.pulls.values()))
        before = dict(self.records)
        observed = observe(
            SHOP,
            before.values(),
            Listing("main", branches, refs=refs),
            ("env-*",),
            self.now,
            evidence=evidence,
            asked=asked,
        )
        for record in (*observed.new, *observed.changed):
            self.records[record.id] = record
            self._judge(before.get(record.id), record)

    def _judge(self, before: Environment | None, after: Environment) -> None:
        if not is_preview(after) or after.refused:
            return
        pull = self.pulls[after.origin.number or 0]
        is_new = before is None or not before.is_open
        if is_new or before is None or after.commit != before.commit:
            assert pull.is_open
            assert not pull.is_lost
            assert pull.number == 7 or (pull.approved is not None and pull.approved.commit == after.commit), (
                "a commit of a fork that nobody approved"
            )
        if after.absences:
            assert not pull.is_open
            assert after.absences <= pull.closed

    def judge(self) -> None:
        """What holds at any time."""
        live = [e for e in self.records.values() if e.is_open and is_preview(e)]
        assert len(live) <= LIMIT
        assert len({e.origin.number for e in live}) == len(live)
        names = [e.id.name for e in self.records.values() if e.is_open]
        assert len(set(names)) == len(names)

    def ends_what_may_end(self) -> None:
        """What has been closed often enough is destroyed."""
        for identity, record in self.records.items():
            if record.is_open and record.absences >= 2:
                self.records[identity] = replace(record, status=Status.DESTROYED)


@given(st.lists(steps, max_size=30))
def test_any_history(history: list[tuple[object, ...]]) -> None:
    """Of listings, answers, losses, approvals and looks at the remote, in any order."""
    told = Told()
    for step in history:
        told.does(step)
        told.judge()
        told.ends_what_may_end()
