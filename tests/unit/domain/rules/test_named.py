"""Named environments: they follow a branch or the newest tag, and never go as what they follow goes."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from envmgr.domain.rules.decide import decide
from envmgr.domain.rules.evidence import Evidence
from envmgr.domain.rules.neighbours import leaving
from envmgr.domain.rules.observation import Listing, observe
from envmgr.domain.rules.transitions.applies import applied
from envmgr.domain.rules.transitions.wishes import let_through
from envmgr.domain.rules.transitions.work import waiting
from envmgr.domain.values.decision import Apply, Close, Decision, Rest, Wait
from envmgr.domain.values.environment import (
    NO_HOLD,
    Environment,
    Guard,
    Hold,
    Offered,
    OriginKind,
    Waits,
    WaitsFor,
)
from envmgr.domain.values.names import EnvironmentId
from envmgr.domain.values.origins.git_tag import GitTag
from envmgr.domain.values.origins.named import Asked, Named
from envmgr.domain.values.pipeline.proposal import Proposal, Terms
from envmgr.domain.values.policy import Policy
from tests.unit.domain_example import ALONE, MINUTE, NEW, NOW, OLD, PATTERNS, SHOP, claim, merged, ready

STAGING = Named(name="staging", branch="main")
PRODUCTION = Named(name="production", tags="v*")
BOTH = Asked(named=(STAGING, PRODUCTION))
MAIN = "d" * 40
NAMED = Policy(inputs="inputs", branches=("main",), protected=("*",), is_named=True)
TAGGED = replace(NAMED, branches=("v*",))
Records = dict[str, Environment]


def shown(branches: Mapping[str, str] = {}, /, **tags: str) -> Listing:
    """A listing with `main`, and tags written with `_` in place of dots."""
    found = {name.replace("_", "."): GitTag(at, at) for name, at in tags.items()}
    return Listing("main", {"main": MAIN, **branches}, found)


def look(known: Records, seen: Listing, asked: Asked = BOTH, evidence: Evidence = Evidence.SOUND) -> Records:
    """The records after a look."""
    return merged(
        known, observe(SHOP, known.values(), seen, PATTERNS, NOW + MINUTE, evidence=evidence, asked=asked)
    )


def at(version: str, commit: str = OLD) -> Records:
    """Production, applied at a tag."""
    [(name, seen)] = look({}, shown(**{version: commit}), Asked(named=(PRODUCTION,))).items()
    return {name: replace(applied(seen, claim(commit), "inputs"), status=ready().status)}


def decided(environment: Environment, policy: Policy = TAGGED) -> Decision:
    """What is to be done with it."""
    return decide(environment, policy, ALONE, NOW)


def test_each_gets_a_record_once_there_is_what_it_follows() -> None:
    records = look({}, shown())
    assert [(e.id.name, e.branch, e.commit) for e in records.values()] == [("staging", "main", MAIN)]
    records = look(records, shown(v1_0=OLD, v1_10=NEW, v1_9=OLD, other=OLD, v2_0_0__rc=OLD))
    production = records["production"]
    assert (production.branch, production.commit, production.origin.kind) == ("v1.10", NEW, OriginKind.TAG)
    assert production.origin.is_named
    assert production.ref == "refs/tags/v1.10"
    assert isinstance(decided(production), Apply)
    assert isinstance(decided(records["staging"], NAMED), Apply)


def test_a_newer_tag_is_followed_and_an_older_one_is_none_of_its_concern() -> None:
    records = at("v1_2")
    assert look(records, shown(v1_2=OLD, v1_1=NEW))["production"].branch == "v1.2"
    moved = look(records, shown(v1_2=OLD, v1_3=NEW))["production"]
    assert (moved.branch, moved.commit) == ("v1.3", NEW)
    assert isinstance(decided(moved), Apply)


@pytest.mark.parametrize(("prereleases", "branch"), [(False, "v1.0.0"), (True, "v1.1.0-rc.2")])
def test_pre_releases_count_where_they_are_asked_for(prereleases: bool, branch: str) -> None:
    asked = Asked(named=(replace(PRODUCTION, prereleases=prereleases),))
    tags = {name: GitTag(OLD, OLD) for name in ("v1.0.0", "v1.1.0-rc.1", "v1.1.0-rc.2")}
    assert look({}, Listing("main", {"main": MAIN}, tags), asked)["production"].branch == branch


def test_a_pre_release_that_counts_no_more_stays_until_something_newer_comes() -> None:
    tags = {name: GitTag(OLD, OLD) for name in ("v1.0.0", "v1.1.0-rc.1")}
    seen = Listing("main", {"main": MAIN}, tags)
    records = look({}, seen, Asked(named=(replace(PRODUCTION, prereleases=True),)))
    assert look(records, seen)["production"].branch == "v1.1.0-rc.1"


def test_tags_that_say_no_version_count_by_when_they_were_made() -> None:
    asked = Asked(named=(Named(name="nightly", tags="*"),))
    tags = {"zeta": GitTag(OLD, OLD, NOW), "alpha": GitTag(NEW, NEW, NOW + MINUTE)}
    records = look({}, Listing("main", {"main": MAIN}, tags), asked)
    assert records["nightly"].branch == "alpha"
    older = Listing("main", {"main": MAIN}, {"zeta": tags["zeta"]})
    gone = look(records, older, asked)["nightly"]
    assert (gone.branch, gone.tagged and gone.tagged.offered) == ("alpha", Offered("zeta", OLD))


def test_a_moved_tag_is_not_followed_until_a_person_says_so() -> None:
    moved = look(at("v1_0"), shown(v1_0=NEW))["production"]
    assert (moved.commit, moved.tagged and moved.tagged.offered) == (OLD, Offered("v1.0", NEW))
    held = decided(moved)
    assert isinstance(held, Wait)
    assert (held.hold, held.waits.on) == (Guard.TAG, WaitsFor.TAG)
    assert "was moved" in held.reason
    approved = let_through(waiting(moved, held.reason, held.waits, held.hold), Guard.TAG)
    assert isinstance(decided(approved), Rest)
    taken = look({"production": approved}, shown(v1_0=NEW))["production"]
    assert (taken.commit, taken.hold.guard, taken.hold.approved) == (NEW, None, None)
    assert isinstance(decided(taken), Apply)


def test_what_was_approved_of_a_tag_is_void_once_it_moves_again() -> None:
    moved = look(at("v1_0"), shown(v1_0=NEW))["production"]
    approved = let_through(replace(moved, hold=replace(moved.hold, guard=Guard.TAG)), Guard.TAG)
    again = look({"production": approved}, shown(v1_0="e" * 40))["production"]
    assert (again.commit, again.hold.approved) == (OLD, None)
    assert isinstance(decided(again), Wait)


def test_a_tag_that_is_put_back_holds_nothing() -> None:
    moved = look(at("v1_0"), shown(v1_0=NEW))["production"]
    held = replace(moved, hold=replace(moved.hold, guard=Guard.TAG))
    back = look({"production": held}, shown(v1_0=OLD))["production"]
    assert (back.hold.guard, back.tagged and back.tagged.offered) == (None, None)


def test_a_deleted_tag_never_rolls_back_by_itself() -> None:
    gone = look(at("v1_1"), shown(v1_0=NEW))["production"]
    assert (gone.branch, gone.commit, gone.is_missing) == ("v1.1", OLD, True)
    held = decided(gone)
    assert isinstance(held, Wait)
    assert "v1.0" in held.reason
    assert held.hold is Guard.TAG
    approved = let_through(replace(gone, hold=replace(gone.hold, guard=Guard.TAG)), Guard.TAG)
    back = look({"production": approved}, shown(v1_0=NEW))["production"]
    assert (back.branch, back.commit, back.is_missing) == ("v1.0", NEW, False)


def test_a_deleted_tag_before_its_first_apply_is_not_applied() -> None:
    records = look({}, shown(v1_0=OLD, v1_1=NEW))
    gone = look(records, shown(v1_0=OLD))["production"]
    assert isinstance(decided(gone), Wait)


def test_the_last_tag_that_is_gone_leaves_nothing_to_go_back_to() -> None:
    gone = look(at("v1_0"), shown())["production"]
    held = decided(gone)
    assert isinstance(held, Wait)
    assert (held.hold, held.waits.on) == (None, WaitsFor.ORIGIN)
    assert not isinstance(decided(look({"production": gone}, shown(v1_0=OLD))["production"]), Wait)


def test_where_no_tag_is_left_there_is_nothing_to_say_yes_to() -> None:
    """The one that a person was offered is gone as well: the guard is over, and a later one is offered anew."""
    gone = look(at("v1_1"), shown(v1_0=NEW))["production"]
    held = decided(gone)
    assert isinstance(held, Wait)
    waits = waiting(gone, held.reason, held.waits, held.hold)
    assert waits.hold.guard is Guard.TAG
    left = look({"production": waits}, shown())["production"]
    assert left.hold == NO_HOLD
    again = decided(look({"production": left}, shown(v1_0=NEW))["production"])
    assert isinstance(again, Wait)
    assert again.hold is Guard.TAG


def test_one_whose_tag_is_gone_stays_at_what_it_has_not_at_what_it_was_to_have() -> None:
    """A newer one was taken away again before it was applied; one that has nothing stays as it is."""
    newer = look(at("v1_1"), shown(v1_1=OLD, v1_2=NEW))["production"]
    gone = decided(look({"production": newer}, shown())["production"])
    assert isinstance(gone, Wait)
    assert f"Its tag v1.2 is gone: it stays at {OLD[:10]}." in gone.reason
    fresh = look({}, shown(v1_2=NEW))
    nothing = decided(look(fresh, shown())["production"])
    assert isinstance(nothing, Wait)
    assert "Its tag v1.2 is gone: it stays as it is." in nothing.reason


@pytest.mark.parametrize("guard", [Guard.APPROVAL, Guard.DRIFT])
def test_what_waits_with_another_commit_is_not_held_by_what_was_of_the_one_before(guard: Guard) -> None:
    """As where a newer tag waits to be ready in staging: nobody is asked for a yes to the plan of the older one."""
    asked = Proposal(
        on=OLD, commit=OLD, digest="d", author="", terms=Terms(), requested_at=NOW, expires_at=NOW + MINUTE
    )
    before = replace(at("v1_1")["production"], hold=Hold(guard), proposal=asked)
    same = waiting(before, "No window is open.", Waits(WaitsFor.WINDOW))
    assert same.hold.guard is guard
    newer = look({"production": before}, shown(v1_1=OLD, v1_2=NEW))["production"]
    assert waiting(newer, "It was never ready in staging.", Waits(WaitsFor.AFTER)).hold == NO_HOLD


@pytest.mark.parametrize("evidence", [Evidence.UNSURE, Evidence.OTHER])
def test_a_listing_that_proves_nothing_takes_no_tag_away(evidence: Evidence) -> None:
    after = look(at("v1_0"), shown(), evidence=evidence)["production"]
    assert after.tagged is not None
    assert after.tagged.offered is None
    assert after.branch == "v1.0"
    assert not isinstance(decided(after), Apply)


def test_a_branch_that_goes_away_never_takes_its_named_environment_with_it() -> None:
    asked = Asked(named=(Named(name="staging", branch="trunk"),))
    policy = replace(NAMED, branches=("trunk",), protected=())
    records = look({}, shown({"trunk": OLD}), asked)
    records["staging"] = applied(records["staging"], claim(OLD), "inputs")
    for _ in range(9):
        records = look(records, shown(), asked)
    gone = records["staging"]
    assert gone.absences == 9
    held = decide(gone, policy, ALONE, NOW + 999 * MINUTE)
    assert isinstance(held, Wait)
    assert held.waits.on is WaitsFor.ORIGIN
    assert leaving(records.values()) == 0


def test_a_branch_with_a_named_environments_name_is_refused_with_a_sentence() -> None:
    records = look({}, shown({"env-staging": OLD}))
    [refused] = [e for e in records.values() if e.refused]
    assert records["staging"].branch == "main"
    assert "env-staging" in refused.refused
    assert "named one" in refused.refused
    assert isinstance(decided(refused), Rest)


def test_a_branchs_environment_keeps_its_name_until_it_has_gone() -> None:
    before = ready(id=EnvironmentId("acme", "shop", "staging"), branch="env-staging")
    records = look({"staging": before}, shown({"env-staging": OLD}))
    assert records["staging"].branch == "env-staging"
    held = decided(records["staging"], NAMED)
    assert isinstance(held, Wait)
    assert "envmgr destroy" in held.reason
    never = replace(before, claim=None, applied=replace(before.applied, commit=None))
    assert isinstance(decided(never, NAMED), Close)


def test_one_that_leaves_the_configuration_is_left_alone_and_keeps_its_name() -> None:
    records = look({}, shown())
    records["staging"] = applied(records["staging"], claim(MAIN), "inputs")
    after = look(records, shown({"env-staging": OLD}), Asked())
    assert after["staging"].branch == "main"
    assert [e.branch for e in after.values() if e.refused] == ["env-staging"]
    held = decided(after["staging"], replace(NAMED, branches=("*",), is_named=False))
    assert isinstance(held, Wait)
    assert "lists staging no more" in held.reason


def test_all_applications_of_a_named_environment_follow_the_same() -> None:
    asked = Asked(named=(PRODUCTION,), applications=("db", "api"))
    seen = observe(SHOP, [], shown(v1_0=OLD), PATTERNS, NOW, asked=asked).new
    assert {(e.id.application, e.branch) for e in seen} == {("db", "v1.0"), ("api", "v1.0")}
    moved = observe(SHOP, seen, shown(v1_0=NEW), PATTERNS, NOW, asked=asked).changed
    assert {e.tagged and e.tagged.offered for e in moved} == {Offered("v1.0", NEW)}
