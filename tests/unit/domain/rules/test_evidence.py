"""What a listing proves of branches that it does not show: by situations, and by any history of looks."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from envmgr.domain.rules.decide import decide
from envmgr.domain.rules.evidence import Evidence, History, Holds, Judgement, Sight, address_of, judge
from envmgr.domain.rules.observation import observe
from envmgr.domain.values.decision import Destroy, Rest, Wait
from envmgr.domain.values.environment import Guard
from envmgr.domain.values.names import EnvironmentId
from envmgr.domain.values.policy import Neighbours
from tests.support.records import altered
from tests.unit.domain_example import FIXED, MINUTE, NOW, PATTERNS, POLICY, SHOP, gone, listing, ready

KNOWN, NEW, OTHER = "1" * 40, "2" * 40, "3" * 40
HERE, THERE = address_of("https://git.example.com/shop.git"), address_of("https://git.example.com/shoe.git")
HISTORY = History(KNOWN, HERE)
LATER = NOW + MINUTE
BOB = EnvironmentId("acme", "shop", "bob")


def test_a_first_look_says_what_is_known_from_then_on() -> None:
    assert judge(History(), Sight(NEW, HERE, misses=False), None).history == History(NEW, HERE)


def test_what_was_applied_before_any_history_was_known_has_to_be_of_it() -> None:
    """As after an upgrade: once, and though nothing is missing."""
    seen = Sight(NEW, HERE, misses=False, applied=True)
    assert seen.is_doubtful(History())
    assert judge(History(), seen, Holds(known=True)) == Judgement(Evidence.SOUND, History(NEW, HERE))
    assert judge(History(), seen, Holds(known=False)).history.commit is None
    later = judge(
        History(offered=OTHER), seen, Holds(known=True)
    )  # which frees nothing that waits for a person
    assert later == Judgement(Evidence.SOUND, History(NEW, HERE))
    assert not seen.is_doubtful(HISTORY)


def test_as_long_as_nothing_is_missing_nothing_is_asked_and_nothing_forgotten() -> None:
    seen = Sight(NEW, HERE, misses=False)
    assert not seen.is_doubtful(HISTORY)
    assert judge(HISTORY, seen, None).history == HISTORY


def test_the_commit_that_was_known_needs_no_question() -> None:
    seen = Sight(KNOWN, HERE, misses=True)
    assert not seen.is_doubtful(HISTORY)
    assert judge(HISTORY, seen, None) == Judgement(Evidence.SOUND, HISTORY)


def test_a_default_branch_that_moved_on_is_sound_and_known() -> None:
    seen = Sight(NEW, HERE, misses=True)
    assert seen.is_doubtful(HISTORY)
    assert judge(HISTORY, seen, Holds(known=True)) == Judgement(Evidence.SOUND, History(NEW, HERE))


def test_what_could_not_be_asked_proves_nothing() -> None:
    assert judge(HISTORY, Sight(NEW, HERE, misses=True), None) == Judgement(Evidence.UNSURE, HISTORY)


def test_another_history_waits_for_a_person_and_is_known_once_that_accepts_it() -> None:
    seen = Sight(OTHER, HERE, misses=True)
    offered = judge(HISTORY, seen, Holds(known=False))
    assert offered == Judgement(Evidence.NEW_OTHER, replace(HISTORY, offered=OTHER))
    accepted = judge(offered.history.accepted(), seen, None)
    assert accepted == Judgement(Evidence.SOUND, History(OTHER, HERE))


def test_the_other_history_may_move_on_while_it_waits() -> None:
    waiting = replace(HISTORY, offered=OTHER)
    moved_on = judge(waiting, Sight(NEW, HERE, misses=True), Holds(known=False, offered=True))
    assert moved_on == Judgement(Evidence.OTHER, waiting)
    third = judge(waiting, Sight(NEW, HERE, misses=True), Holds(known=False, offered=False))
    assert third == Judgement(Evidence.NEW_OTHER, replace(HISTORY, offered=NEW))


def test_the_history_that_comes_back_is_told_from_one_that_was_there_all_along() -> None:
    back = judge(replace(HISTORY, offered=OTHER), Sight(KNOWN, HERE, misses=True), None)
    assert back == Judgement(Evidence.RETURNED, HISTORY)


def test_at_another_address_a_missing_branch_waits_though_the_history_is_the_known_one() -> None:
    """A fork, or a mirror that lags behind, has the history, but not the branches."""
    seen = Sight(KNOWN, THERE, misses=True)
    assert judge(HISTORY, seen, Holds(known=True)).evidence is Evidence.NEW_OTHER
    complete = judge(HISTORY, replace(seen, misses=False), Holds(known=True))
    assert complete == Judgement(Evidence.SOUND, History(KNOWN, THERE))


def test_nothing_is_taken_from_another_history_at_another_address() -> None:
    for misses in (True, False):
        found = judge(HISTORY, Sight(OTHER, THERE, misses), Holds(known=False))
        assert (found.evidence, found.is_foreign) == (Evidence.NEW_OTHER, True)
        assert judge(HISTORY, Sight(OTHER, THERE, misses), None) == Judgement(Evidence.UNSURE, HISTORY, True)


def test_user_and_password_are_no_part_of_an_address() -> None:
    assert address_of("https://bob:secret@git.example.com/shop.git") == HERE
    assert address_of("git@git.example.com:shop.git") != HERE


def test_what_is_missing_in_another_history_is_held_and_uncounted() -> None:
    [held] = observe(
        SHOP, [gone(absences=7)], listing(), PATTERNS, LATER, evidence=Evidence.NEW_OTHER
    ).changed
    assert (held.absences, held.hold.guard, held.hold.approved) == (0, Guard.HISTORY, None)
    decision = decide(held, POLICY, Neighbours(leaving=1), LATER)
    assert isinstance(decision, Wait)
    assert "envmgr approve" in decision.reason
    assert observe(SHOP, [held], listing(), PATTERNS, LATER, evidence=Evidence.OTHER).changed == ()


def test_what_was_approved_of_another_guard_or_another_history_is_void() -> None:
    neighbours = gone(absences=7, hold=Guard.MASS_DESTROY, approved=Guard.MASS_DESTROY)
    [held] = observe(SHOP, [neighbours], listing(), PATTERNS, LATER, evidence=Evidence.OTHER).changed
    assert (held.hold.guard, held.hold.approved) == (Guard.HISTORY, None)
    accepted = altered(held, approved=Guard.HISTORY)
    assert observe(SHOP, [accepted], listing(), PATTERNS, LATER, evidence=Evidence.OTHER).changed == ()
    [void] = observe(SHOP, [accepted], listing(), PATTERNS, LATER, evidence=Evidence.NEW_OTHER).changed
    assert void.hold.approved is None


def test_an_accepted_history_counts_for_all_but_lets_only_the_approved_one_go() -> None:
    two = [
        gone(absences=0, hold=Guard.HISTORY, approved=Guard.HISTORY),
        replace(gone(absences=0, hold=Guard.HISTORY), id=BOB, branch="env-bob"),
    ]
    for minutes in range(8):
        at = NOW + minutes * MINUTE
        seen = observe(SHOP, two, listing(), PATTERNS, at)
        two = [next((n for n in seen.changed if n.id == e.id), e) for e in two]
    alice, bob = (decide(e, POLICY, Neighbours(leaving=2), NOW + 8 * MINUTE) for e in two)
    assert isinstance(alice, Destroy)
    assert isinstance(bob, Wait)
    assert bob.hold is Guard.HISTORY


def test_with_the_known_history_back_nobody_need_approve() -> None:
    held = gone(absences=0, hold=Guard.HISTORY)
    [free] = observe(SHOP, [held], listing(), PATTERNS, LATER, evidence=Evidence.RETURNED).changed
    assert (free.hold.guard, free.absences) == (None, 1)


def test_a_branch_that_is_there_again_is_held_no_more() -> None:
    held = gone(absences=0, hold=Guard.HISTORY, approved=Guard.HISTORY)
    [back] = observe(SHOP, [held], listing("env-alice"), PATTERNS, LATER, evidence=Evidence.OTHER).changed
    assert (back.hold.guard, back.hold.approved, back.is_missing) == (None, None, False)


def test_what_a_person_suspended_rests_whatever_the_history() -> None:
    held = altered(ready(), suspended="By bob.", absent_since=NOW, hold=Guard.HISTORY)
    assert isinstance(decide(held, POLICY, Neighbours(), LATER), Rest)


@FIXED
@given(
    st.lists(
        st.tuples(
            st.sampled_from("abc"),  # which history the default branch has
            st.sampled_from([HERE, THERE]),
            st.booleans(),  # whether the branch is missing
            st.sampled_from(["told", "told", "untold", "approved"]),
        ),
        max_size=30,
    )
)
def test_nothing_is_destroyed_but_by_a_history_that_was_known_or_accepted(
    looks: list[tuple[str, str, bool, str]],
) -> None:
    """Each history is a line of commits of its own; a person's yes is to what was offered, and to nothing else."""
    alice, history, trusted = ready(), History("a00", HERE), {("a", HERE)}
    for number, (line, address, missing, how) in enumerate(looks, start=1):
        now = NOW + 10 * number * MINUTE
        if how == "approved" and alice.hold.guard is Guard.HISTORY:
            alice = altered(alice, approved=Guard.HISTORY)
        accepts = history.offered is not None and alice.hold.approved is Guard.HISTORY
        if accepts and history.offered is not None:
            trusted, history = {(history.offered[0], HERE), (history.offered[0], THERE)}, history.accepted()
        sight = Sight(f"{line}{number:02}", address, missing)
        holds = None
        if sight.is_doubtful(history) and how != "untold":
            holds = Holds(line == (history.commit or "")[0], line == (history.offered or "?")[0])
        judged = judge(history, sight, holds)
        history = judged.history
        if judged.evidence.counts and not missing:
            trusted |= {(line, address)}
        shown = listing() if missing or judged.is_foreign else listing("env-alice")
        before = alice.absences
        seen = observe(SHOP, [alice], shown, PATTERNS, now, evidence=judged.evidence)
        alice = seen.changed[0] if seen.changed else alice
        if alice.absences > before:
            assert (line, address) in trusted
        if isinstance(decide(alice, POLICY, Neighbours(leaving=1), now), Destroy):
            assert (line, address) in trusted
            assert missing
