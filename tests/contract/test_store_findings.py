"""What every store keeps of findings: since when they stand, until a look no longer sees them."""

from collections.abc import Iterator
from datetime import datetime

from envmgr.domain.audit.standing import Look, Outcome, Standing
from envmgr.domain.values.environment import Event
from envmgr.ports import Store
from tests.support.store import ALICE, MINUTE, NOW

LATER = NOW + MINUTE


def standing(subject: str, at: datetime = NOW, told: str = "Nobody wants it.") -> Standing:
    """A finding of an audit of now."""
    return Standing(
        look=Look.AUDIT,
        organization="acme",
        kind="state-without-branch",
        subject=subject,
        told=told,
        since=at,
        seen_at=at,
        environment=ALICE if subject == "alice" else None,
    )


def taken(store: Store, *found: Standing, at: datetime = NOW, over: bool = True) -> Outcome:
    """What a look makes of what stood."""
    outcomes = []

    def tell(outcome: Outcome) -> Iterator[Event]:
        outcomes.append(outcome)
        for each in outcome.new:
            yield Event(
                at=at, environment=each.environment, action="found", message=each.told, actor="daemon"
            )

    store.take_findings(Look.AUDIT, "acme", at, found, lambda _: over, tell)
    (outcome,) = outcomes
    return outcome


def test_what_is_found_again_stands_since_it_was_found_first(store: Store) -> None:
    """However it is worded by then; it is told of once."""
    odd = "arn: \udcff\0 ü " + "x" * 4000
    first = (standing("alice"), standing(odd))
    assert taken(store, *first) == Outcome(new=first)
    again = standing("alice", LATER, "Other words."), standing(odd, LATER)
    still = taken(store, *again, at=LATER).still
    assert [(e.subject, e.told, e.since, e.seen_at) for e in still] == [
        ("alice", "Other words.", NOW, LATER),
        (odd, "Nobody wants it.", NOW, LATER),
    ]
    assert [(e.environment, e.message) for e in store.events()] == [
        (ALICE, "Nobody wants it."),
        (None, "Nobody wants it."),
    ]


def test_pruning_changes_nothing(store: Store) -> None:
    """What stands does not hang on the event that told of it."""
    taken(store, standing("alice"))
    store.prune(LATER)
    assert list(store.events()) == []
    assert taken(store, standing("alice", LATER), at=LATER).new == ()


def test_what_is_over_is_gone_and_else_stays(store: Store) -> None:
    """A look that could not see it says nothing about it."""
    taken(store, standing("alice"), standing("bob"))
    assert taken(store, standing("bob", LATER), at=LATER, over=False).over == ()
    [alice] = taken(store, standing("bob", LATER), at=LATER).over
    assert alice == standing("alice")
    assert taken(store, standing("alice", LATER), standing("bob", LATER), at=LATER).new == (
        standing("alice", LATER),
    )


def test_each_look_at_each_organization_is_its_own(store: Store) -> None:
    """When it was, and what it found."""
    assert store.last_look(Look.AUDIT, "acme") is None
    taken(store, standing("alice"))
    taken(store, at=LATER, over=False)
    store.take_findings(Look.REBUILD, "acme", NOW, (), lambda _: True, lambda _: ())
    store.take_findings(Look.AUDIT, "other", NOW, (), lambda _: True, lambda _: ())
    assert store.last_look(Look.AUDIT, "acme") == LATER
    assert store.last_look(Look.REBUILD, "acme") == NOW
    assert store.last_look(Look.REBUILD, "other") is None
    assert [each.subject for each in taken(store, at=LATER).over] == ["alice"]
