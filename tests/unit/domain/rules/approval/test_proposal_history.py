"""Any history of pushes, tags, promotions, proposals, people's words, deaths and time: what is applied was approved, just so."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from envmgr.domain.rules.approval import words
from envmgr.domain.rules.attempt import attempt_key
from envmgr.domain.rules.transitions import proposals
from envmgr.domain.values.asking.person import Role
from envmgr.domain.values.decision import Apply
from envmgr.domain.values.environment import Environment
from envmgr.domain.values.pipeline.proposal import Approval, Proposal, Rejection, Terms
from tests.support.examples import examples
from tests.support.steps import Write, writes
from tests.unit.domain.rules import test_promotion_history as promotions
from tests.unit.domain.rules.test_promotion_history import POLICIES, PRODUCTION, STAGING
from tests.unit.domain_example import FIXED

AUTHOR = "Ann <ann@example.com>"
PEOPLE = ("ann", "carol", "dave", "erin")
TERMS = Terms(needed=2, role=Role.APPROVER, expires=timedelta(days=7))
EVENTS = st.one_of(
    *[promotions.EVENTS] * 3,
    *[st.tuples(st.just("work"), st.just(PRODUCTION))] * 4,
    *[st.tuples(st.just("yes"), st.sampled_from(PEOPLE))] * 2,
    *[st.tuples(st.just("agreed"), st.sampled_from(["time", "by_hand", "no", "yes"]))] * 3,
    st.tuples(st.just("no"), st.sampled_from(PEOPLE)),
    *[st.tuples(st.just("by_hand"))] * 2,
)
Said = tuple[str, str, str, datetime]


@dataclass
class World(promotions.World):
    """The same world, in which production's plans take two people's approval; a witness remembers who said what of which plan."""

    changes: int = 0
    is_generous: bool = False
    yes: list[Said] = field(default_factory=list)
    no: list[Said] = field(default_factory=list)

    def step(self, name: str) -> Sequence[Write]:
        """An apply of production is one of an approved plan, or a proposal."""
        decision = self.decide(name) if name in self.records else None
        if name != PRODUCTION or not isinstance(decision, Apply):
            return super().step(name)
        environment = self.records[name]
        commit, digest = environment.target, self.digest(environment)
        if not words.lets_through(environment.proposal, commit, digest, TERMS, self.now):
            return [Write(partial(proposals.to_be_approved, fresh=self.proposal(environment)))]
        self.judge_approval(commit, digest)
        return writes(environment, decision, POLICIES[name], self.now)

    def judge_approval(self, commit: str, digest: str) -> None:
        """Whether two people who may have said yes to just this, in time, and nobody no since."""
        refused = [at for *plan, _, at in self.no if plan == [commit, digest]]
        since = max([*refused, self.now - TERMS.expires])
        agreed = {who for *plan, who, at in self.yes if plan == [commit, digest] and at >= since}
        assert len(agreed - {"ann"}) >= TERMS.needed, "nothing is applied but what was approved"

    def digest(self, environment: Environment) -> str:
        """What its plan would do: with what is there, and what somebody changed there."""
        return f"{environment.target} on {self.cloud.get(PRODUCTION)} {self.changes}"

    def proposal(self, environment: Environment) -> Proposal:
        """Its plan, to be approved."""
        return Proposal(
            on=attempt_key(environment, POLICIES[PRODUCTION]),
            commit=environment.target,
            digest=self.digest(environment),
            author=AUTHOR,
            terms=TERMS,
            requested_at=self.now,
            expires_at=self.now + TERMS.expires,
        )

    def asked(self) -> Proposal | None:
        """What people are shown."""
        found = self.records.get(PRODUCTION)
        proposal = found.proposal if found is not None else None
        return proposal if found is not None and proposal and proposal.commit == found.target else None

    # --- what happens ------------------------------------------------------------------------

    def on_yes(self, who: str) -> None:
        """Somebody says yes to what she is shown, where her word counts."""
        proposal = self.asked()
        if proposal is None or words.why_not(proposal, who, Role.APPROVER, self.now):
            return
        said = Approval(by=f"person {who}", who=who, role=Role.APPROVER, at=self.now)
        self.yes.append((proposal.commit, proposal.digest, who, self.now))
        self.put(PRODUCTION, Write(lambda e: proposals.approved(e, words.approved(proposal, said))))

    def on_no(self, who: str) -> None:
        """Somebody says no."""
        proposal = self.asked()
        if proposal is not None and proposal.rejection is None:
            self.no.append((proposal.commit, proposal.digest, who, self.now))
            turned = words.rejected(proposal, Rejection(who, "", self.now))
            self.put(PRODUCTION, Write(lambda e: proposals.rejected(e, turned)))

    def on_agreed(self, then: str) -> None:
        """Enough people say yes; before that is taken up, something else happens."""
        for who in PEOPLE:
            self.on_yes(who)
        getattr(self, f"on_{then}")(*(["erin"] if then in ("yes", "no") else []))
        self.on_work(PRODUCTION)

    def on_by_hand(self) -> None:
        """Somebody changes the cloud: the next plan is another."""
        self.changes += 1

    def on_approve(self) -> None:
        """Of a tag; and where all are willing, of the plan as well, which is proposed anew where it was rejected."""
        super().on_approve()
        proposal = self.asked()
        if not self.is_generous or proposal is None:
            return
        if proposal.rejection is not None:
            again = self.proposal(self.records[PRODUCTION])
            self.put(PRODUCTION, Write(partial(proposals.to_be_approved, fresh=again, anew=True)))
        for who in PEOPLE:
            self.on_yes(who)

    def recover(self) -> None:
        """As before, with willing people."""
        self.is_generous = True
        super().recover()


@settings(FIXED, max_examples=examples(60))
@given(events=st.lists(EVENTS, min_size=15, max_size=40))
def test_any_history_applies_what_was_approved(events: list[promotions.Event]) -> None:
    """After every write of it, and from wherever it is cut off."""
    world = World()
    begins = [("look", True), ("work", STAGING), ("tests", True), ("release", "v1"), ("look", True)]
    for event in [*begins, ("work", PRODUCTION)]:
        world.happen(event)
    assert world.asked() is not None
    for event in events:
        world.happen(event)
    world.recover()
