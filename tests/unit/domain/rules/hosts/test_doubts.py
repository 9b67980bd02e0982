"""How hosts stand, and what is said of those that do not work as they should."""

from dataclasses import replace
from datetime import timedelta

from envmgr.domain.rules.hosts.standing import standings
from envmgr.domain.rules.hosts.words import doubts
from envmgr.domain.values.environment import Lease
from envmgr.domain.values.hosts.host import SILENT, Configured, Host, HostStatus
from envmgr.domain.values.names import EnvironmentId

from .test_standing import NOW, ONE, SECOND, TWO, host

LONG = SILENT + SECOND
DEAD = host("two", silence=LONG, beat_at=NOW - LONG)


def lease(of: Host, name: str = "alice", ends: timedelta = SECOND) -> Lease:
    """One that a host has until then, from now on."""
    return Lease(
        environment=EnvironmentId("acme", "shop", name),
        generation=1,
        owner=of.process,
        purpose="apply",
        acquired_at=NOW,
        expires_at=NOW + ends,
    )


def said(*hosts: Host, held: tuple[Lease, ...] = ()) -> list[str]:
    """All that is said of them."""
    return list(doubts(standings(hosts, "0020", hosts, held)))


def test_nothing_is_said_of_hosts_that_work_or_came_to_an_orderly_end() -> None:
    """Nor where there is none at all."""
    assert said() == []
    assert said(ONE, TWO) == []
    assert said(replace(ONE, serves=False, silence=LONG)) == []
    assert said(ONE, replace(TWO, serves=False)) == []


def test_a_silent_host_is_named_with_what_it_had_begun() -> None:
    """Since when; and what to do about it."""
    (one,) = said(ONE, DEAD, held=(lease(ONE, "bob"), lease(DEAD)))
    assert one == (
        "Nothing is heard of two since 2026-11-20 11:59:29 UTC. It had begun work on acme/shop/alice, which nobody has "
        "taken up yet. Start envmgr there, or say that it is gone for good: `envmgr hosts forget two`."
    )
    assert "It had begun" not in said(ONE, DEAD, held=(lease(ONE, "bob"),))[0]


def test_of_very_much_only_the_first_is_named() -> None:
    """A host may have worked on hundreds."""
    (one,) = said(ONE, DEAD, held=tuple(lease(DEAD, f"e{number}") for number in range(8)))
    assert "on acme/shop/e0, acme/shop/e1, acme/shop/e2, acme/shop/e3, acme/shop/e4 and 3 more," in one


def test_who_takes_no_work_is_named_with_the_reason() -> None:
    """Drained by a person, or behind another."""
    assert said(ONE, replace(TWO, draining=True)) == [
        "two is drained: `envmgr hosts drain two --off` lets it work again."
    ]
    older = replace(TWO, version="1.9.0")
    assert said(ONE, older) == [
        "two takes no work. one works with envmgr 1.10.0, two with 1.9.0: upgrade it."
    ]


def test_that_no_host_works_is_said_where_one_should() -> None:
    """Not where all came to an orderly end."""
    none = "No host works: nothing is applied or destroyed until one does."
    assert said(DEAD)[-1] == none
    assert said(replace(ONE, draining=True), DEAD)[-1] == none
    assert none not in said(ONE, DEAD)
    assert said(replace(ONE, schema="0019"))[-1] == none


def test_what_is_over_counts_as_a_hosts_only_where_that_is_silent() -> None:
    """A verb that was killed leaves a lease behind; of a dead host it says what became of nothing."""
    over = -LONG
    at_work, dead = standings((ONE, DEAD), "0020", (), [lease(ONE, "bob", over), lease(DEAD, ends=over)])
    assert (at_work.status, at_work.works_on) == (HostStatus.WORKING, ())
    assert [each.environment.name for each in dead.works_on] == ["alice"]


def test_only_of_what_may_be_seen_a_reason_is_told() -> None:
    """An organization that somebody may not know of keeps its name."""
    newer = Configured(digest="e", since=NOW)
    behind, ahead = replace(ONE, configurations={"acme": newer}), replace(TWO, configurations={"acme": newer})
    behind = replace(behind, configurations={"acme": Configured(digest="d", since=NOW - SECOND)})
    seen, _ = standings((behind, ahead), "0020", (behind, ahead), ())
    hidden, _ = standings((behind, ahead), "0020", (behind, ahead), (), lambda _: False)
    assert (seen.status, hidden.status, hidden.why) == (HostStatus.PASSIVE, HostStatus.WORKING, "")
