"""What a look at a remote changes, one situation at a time."""

from dataclasses import replace

import pytest

from envmgr.domain.rules.evidence import Evidence
from envmgr.domain.rules.observation import Listing, Observed, observe, observe_failure
from envmgr.domain.values.environment import Absence, Environment, Guard, Status
from envmgr.domain.values.names import branch_hash
from tests.unit.domain_example import (
    MINUTE,
    NEW,
    NOW,
    OLD,
    PATTERNS,
    SHOP,
    claim,
    gone,
    listing,
    merged,
    pending,
    ready,
)

LATER = NOW + MINUTE
NOTHING = Observed()
TWO_RULES = ("env-*", "feature-*")


def look(
    known: dict[str, Environment],
    seen: Listing,
    patterns: tuple[str, ...] = PATTERNS,
    *,
    trusted: bool = True,
) -> dict[str, Environment]:
    """The records after one more look."""
    return merged(
        known,
        observe(
            SHOP,
            known.values(),
            seen,
            patterns,
            LATER,
            evidence=Evidence.SOUND if trusted else Evidence.UNSURE,
        ),
    )


def only(known: dict[str, Environment]) -> Environment:
    """The one open environment."""
    [environment] = [e for e in known.values() if e.is_open]
    return environment


def test_a_new_branch_becomes_a_pending_environment() -> None:
    [seen] = observe(SHOP, [], listing("env-alice", "other"), PATTERNS, NOW).new
    assert seen == pending()


def test_a_push_moves_the_commit_and_nothing_else() -> None:
    [pushed] = observe(SHOP, [ready()], listing(alice=NEW), PATTERNS, LATER).changed
    assert pushed == ready(commit=NEW, pushed_at=LATER, updated_at=LATER)


def test_the_records_may_come_as_an_iterator() -> None:
    assert observe(SHOP, iter([ready()]), listing("env-alice"), PATTERNS, LATER) == NOTHING


def test_absences_are_counted_from_the_first() -> None:
    once = look({"alice": ready()}, listing())["alice"]
    assert (once.absence, once.is_missing) == (Absence(since=LATER, count=1), True)
    [twice] = observe(SHOP, [once], listing(), PATTERNS, LATER + MINUTE).changed
    assert twice.absence == Absence(since=LATER, count=2)


def test_a_failed_look_starts_the_count_again_and_the_branch_stays_missing() -> None:
    [unsure] = observe_failure([gone(absences=5)]).changed
    assert (unsure.absences, unsure.is_missing) == (0, True)
    assert observe_failure([unsure]) == NOTHING
    again = look({"alice": unsure}, listing())["alice"]
    assert again.absence == Absence(since=LATER, count=1)


def test_a_failed_look_says_nothing_of_branches_that_are_there() -> None:
    destroyed = gone(status=Status.DESTROYED)
    assert observe_failure([ready(), pending(), destroyed]) == NOTHING


def test_a_surprising_listing_counts_no_absence_and_starts_the_count_again() -> None:
    assert look({"alice": ready()}, listing(), trusted=False)["alice"] == ready()
    assert look({"alice": gone(absences=5)}, listing(), trusted=False)["alice"].absences == 0


def test_a_surprising_listing_takes_in_what_is_there() -> None:
    known = look({"alice": gone()}, listing("env-bob", alice=NEW), trusted=False)
    assert (known["alice"].commit, known["alice"].is_missing) == (NEW, False)
    assert known["bob"].status is Status.PENDING


def test_a_branch_that_comes_back_ends_its_hold() -> None:
    held = gone(hold=Guard.MASS_DESTROY, approved=Guard.MASS_DESTROY)
    back = look({"alice": held}, listing("env-alice"))["alice"]
    assert back == ready(updated_at=LATER)


def test_the_hold_of_another_guard_stays() -> None:
    held = pending(hold=Guard.LIMIT, approved=Guard.LIMIT)
    assert look({"alice": held}, listing("env-alice"))["alice"] == held


def test_what_no_pattern_matches_is_neither_present_nor_gone() -> None:
    assert look({"alice": ready()}, listing(), ("team-*",))["alice"] == ready()
    assert look({"alice": ready()}, listing(alice=NEW), ("team-*",))["alice"] == ready()


def test_what_was_counted_before_the_patterns_changed_is_void() -> None:
    assert look({"alice": gone(absences=9)}, listing(), ("team-*",))["alice"].absences == 0
    assert not look({"alice": gone()}, listing("env-alice"), ("team-*",))["alice"].is_missing


def test_a_branch_keeps_its_environment_where_patterns_would_name_it_anew() -> None:
    known = look({"alice": ready()}, listing(alice=NEW), ("*",))
    assert known["alice"].commit == NEW
    assert set(known) == {"alice", "main"}
    assert look(known, listing(), ("*",))["alice"].absences == 1


def test_a_destroyed_environment_starts_afresh() -> None:
    closed = ready(status=Status.DESTROYED, suspended="x", failures=3, created_at=NOW - MINUTE)
    fresh = look({"alice": closed}, listing(alice=NEW))["alice"]
    assert fresh == pending(commit=NEW, pushed_at=LATER, created_at=LATER, updated_at=LATER)
    assert look({"alice": closed}, listing())["alice"] == closed


# --- two branches of one name ------------------------------------------------------------------

BOTH = listing("env-a", "feature-a")
REFUSED = f"a-{branch_hash('feature-a')}"


@pytest.fixture
def two() -> dict[str, Environment]:
    """Two branches of one name, both just seen."""
    return look({}, BOTH, TWO_RULES)


def test_the_second_is_refused_with_a_sentence_that_names_both(two: dict[str, Environment]) -> None:
    assert two["a"].branch == "env-a"
    assert not two["a"].refused
    refused = two[REFUSED]
    assert (refused.branch, refused.status) == ("feature-a", Status.FAILED)
    assert refused.message == refused.refused
    assert "env-a and feature-a both" in refused.message
    assert observe(SHOP, two.values(), BOTH, TWO_RULES, LATER + MINUTE) == NOTHING


def test_who_has_the_name_keeps_it() -> None:
    known = look({}, listing("feature-a"), TWO_RULES)
    known = look(known, BOTH, TWO_RULES)
    assert known["a"].branch == "feature-a"
    assert "feature-a has it" in known[f"a-{branch_hash('env-a')}"].message


def test_the_name_is_free_only_once_the_first_is_destroyed(two: dict[str, Environment]) -> None:
    known = look(two, listing("feature-a"), TWO_RULES)
    assert (known["a"].branch, known["a"].absences) == ("env-a", 1)
    assert known[REFUSED].refused
    known["a"] = replace(known["a"], status=Status.DESTROYED)
    known = look(known, listing("feature-a"), TWO_RULES)
    assert only(known).id.name == "a"
    assert (only(known).branch, only(known).refused) == ("feature-a", "")


def test_a_refusal_ends_with_the_refused_branch(two: dict[str, Environment]) -> None:
    known = look(two, listing("env-a"), TWO_RULES)
    assert only(known) == two["a"]
    assert known[REFUSED].status is Status.DESTROYED
    assert not known[REFUSED].refused
    known = look(known, BOTH, TWO_RULES)
    assert known[REFUSED].refused


def test_a_refusal_names_who_has_the_name_now() -> None:
    rules = (*TWO_RULES, "x-*")
    known = look({}, listing("env-a", "feature-a", "x-a"), rules)
    known["a"] = replace(known["a"], status=Status.DESTROYED)
    known = look(known, listing("feature-a", "x-a"), rules)
    refused = known[f"a-{branch_hash('x-a')}"]
    assert "feature-a has it" in refused.message
    assert refused.message == refused.refused


def test_a_refused_branch_never_takes_the_name_of_another() -> None:
    imposter = f"env-{REFUSED}"  # whose own name would be that of the refused record
    for first, second in [(BOTH, imposter), (listing(imposter), "env-a")]:
        known = look(look({}, first, TWO_RULES), listing(*first.branches, second), TWO_RULES)
        known = look(known, listing("env-a", "feature-a", imposter), TWO_RULES)
        [refused] = [e for e in known.values() if e.is_open and e.refused]
        assert refused.branch == "feature-a"
        [own] = [e for e in known.values() if e.branch == imposter]
        assert (own.id.name, own.refused) == (f"{REFUSED}-{branch_hash(imposter)}", "")


def test_a_long_refused_branch_never_takes_its_rivals_place() -> None:
    lossy = "env-" + "X" * 40
    rival = f"env-{'x' * 25}-{branch_hash(lossy)}"
    known = look({}, listing(rival))
    known = look(known, listing(lossy, rival))
    assert known[rival.removeprefix("env-")].branch == lossy
    assert sorted((e.branch, bool(e.refused)) for e in known.values()) == [(lossy, False), (rival, False)]


def test_what_has_a_name_with_a_hash_from_before_keeps_it() -> None:
    """Earlier releases gave it to branches that are called so."""
    before = pending("env-fix-123456", "fix-123456", claim=claim(), status=Status.READY)
    known = look({before.id.name: before}, listing("env-fix-123456"))
    assert known == {before.id.name: before}
    assert [*look({}, listing("env-fix-123456"))] == [f"fix-123456-{branch_hash('env-fix-123456')}"]


def test_a_branch_with_resources_is_never_refused_by_new_patterns() -> None:
    applied = pending("env-A", f"a-{branch_hash('env-A')}", claim=claim(), status=Status.READY)
    known = look({applied.id.name: applied}, listing("env-A", "env-a"), ("env-*", "*-A"))
    assert known[applied.id.name] == applied


# --- a listing's digest ------------------------------------------------------------------------


def test_the_digest_tells_what_a_listing_says() -> None:
    one = Listing("main", {"env-a": OLD, "env-b": NEW})
    assert one.digest() == Listing("main", {"env-b": NEW, "env-a": OLD}).digest()
    others = [
        Listing("trunk", one.branches),
        Listing("main", {"env-a": NEW, "env-b": NEW}),
        Listing("main", {"env-a": OLD}),
        Listing("main", {"env-a": OLD, "env-\udcff": NEW}),
        Listing("main", {"env-a": OLD, "env-\ud800": NEW}),
    ]
    assert len({one.digest(), *(other.digest() for other in others)}) == len(others) + 1
