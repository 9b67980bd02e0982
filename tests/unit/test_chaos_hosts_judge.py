"""The judge of a campaign over several hosts sees what must never be, so that a campaign can fail."""

from dataclasses import replace

import pytest

from tests.chaos.hosts.judge import End, Locked, Never, breaches, for_a_person, lost_with_hosts

GOOD = End(
    wanted={"e0": "c1"},
    stable=("e0",),
    listed={
        "e0": {"status": "ready", "applied_commit": "c1", "message": ""},
        "e1": {"status": "destroyed", "applied_commit": None, "message": ""},
    },
    existing=frozenset({"e0.stays.x1"}),
    known=frozenset({"e0.stays.x1"}),
    locks=(),
    history=(
        "began e0 r1",
        "made e0 stays x1 r1",
        "began e1 r2",
        "made e1 stays x2 r2",
        "ended e1 stays x2 r2",
    ),
    overlaps=(),
)
FAILED = {"e0": {"status": "failed", "applied_commit": "c1", "message": "No."}}


def found(end: End, *killed: str) -> list[Never]:
    """What is held against an end."""
    return [kind for kind, said in breaches(end, frozenset(killed)).items() if said]


def test_a_good_end_is_one() -> None:
    assert found(GOOD) == []


@pytest.mark.parametrize(
    ("end", "kind"),
    [
        (replace(GOOD, known=frozenset()), Never.LOST),
        (replace(GOOD, existing=frozenset()), Never.PHANTOM),
        (replace(GOOD, overlaps=("e0 r2 plan",)), Never.AT_ONCE),
        (replace(GOOD, history=(*GOOD.history, "began e0 r3", "made e0 replaced x9 r1")), Never.STALE),
        (replace(GOOD, history=(*GOOD.history, "ended e0 stays x1 r1")), Never.WRONGLY),
        (replace(GOOD, listed=FAILED), Never.UNSETTLED),
        (replace(GOOD, wanted={}), Never.UNSETTLED),
        (replace(GOOD, wanted={"e0": "c1", "e7": "c2"}), Never.UNSETTLED),
        (replace(GOOD, locks=(Locked("e0", "host-1", is_known=True),)), Never.LOCKED),
    ],
)
def test_what_must_never_be_is_seen(end: End, kind: Never) -> None:
    assert found(end) == [kind]


def test_what_a_terraform_made_that_died_with_its_host_is_not_lost_by_envmgr() -> None:
    end = replace(GOOD, known=frozenset())
    assert found(end, "r1") == []
    assert lost_with_hosts(end, frozenset({"r1"})) == {"e0.stays.x1"}


def test_a_lock_is_left_to_a_person_only_where_its_terraform_died_unknown() -> None:
    killed = frozenset({"host-1.7.9.e0"})
    for lock, is_right in (
        (Locked("e0", "host-1", is_known=False), True),
        (Locked("e0", "host-1", is_known=True), False),
        (Locked("e0", "host-2", is_known=False), False),
    ):
        end = replace(GOOD, locks=(lock,))
        assert bool(for_a_person(end, killed)) is is_right
        assert (found(end, *killed) == []) is is_right
