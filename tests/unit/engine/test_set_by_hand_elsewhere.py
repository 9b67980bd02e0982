"""What people set on one host and another is beside the state as it was set last, whoever has a mark of what."""

from pathlib import Path

import pytest

from envmgr.commands import freezing, steering
from envmgr.commands.freezing import Spot
from envmgr.daemon.housekeeping import tidy
from envmgr.domain.documents.by_hand import SetByHand
from envmgr.domain.values.names import EnvironmentId
from envmgr.engine.context import freezes

from .test_hosts import Two

ALICE = EnvironmentId("acme", "shop", "alice")


@pytest.fixture
def two(tmp_path: Path) -> Two:
    """Two hosts, and an environment."""
    made = Two(tmp_path)
    made.serve()
    made.world.push("alice")
    made.first.turn()
    return made


def kept(two: Two) -> SetByHand | None:
    """What is beside the state."""
    content = two.world.place.objects.get(ALICE.by_hand_key)
    return None if content is None else SetByHand.from_json(content.partition(b"\n")[2], ALICE)


def is_suspended(two: Two) -> bool:
    """Whether that is said there."""
    found = kept(two)
    return found is not None and found.suspended is not None


def test_what_was_set_here_and_taken_back_there_is_gone(two: Two) -> None:
    """The other host has no mark of it, and what it would bring back is no more wished for."""
    steering.suspend(two.first.application, two.world.environment("alice"))
    assert is_suspended(two)
    steering.resume(two.second.application, two.world.environment("alice"))
    assert not is_suspended(two)


def test_what_was_set_again_is_there_again(two: Two) -> None:
    """Though the first host has a mark that says so already."""
    first, second = two.first.application, two.second.application
    steering.suspend(first, two.world.environment("alice"))
    before = two.world.place.objects[ALICE.by_hand_key]
    two.world.place.objects[ALICE.by_hand_key] = second.services.seal.close(
        ALICE.by_hand_key, b"another wish"
    )
    steering.suspend(first, two.world.environment("alice"))
    assert two.world.place.objects[ALICE.by_hand_key] == before


def test_what_a_pass_took_back_elsewhere_goes_with_the_next_housekeeping(two: Two) -> None:
    """A pass does not ask the store for each environment of which nobody wants anything."""
    steering.suspend(two.first.application, two.world.environment("alice"))
    left = two.world.place.objects[ALICE.by_hand_key]
    steering.resume(two.second.application, two.world.environment("alice"))
    two.world.place.objects[ALICE.by_hand_key] = left
    two.second.turn()

    tidy(two.second.application.services)

    assert not is_suspended(two)


def test_what_is_not_surely_ours_stays(two: Two) -> None:
    """For whoever finds the key to it."""
    two.world.place.objects[ALICE.by_hand_key] = b"sealed by nobody"
    tidy(two.second.application.services)
    assert two.world.place.objects[ALICE.by_hand_key] == b"sealed by nobody"


def test_what_was_frozen_here_and_thawed_there_is_thawed(two: Two) -> None:
    """Beside the states as well: a lost database does not bring it back."""
    spot = Spot("acme")
    freezing.freeze(two.first.application, spot, "a migration", None)
    assert freezes.key_of("acme") in two.world.place.objects
    freezing.thaw(two.second.application, spot)
    assert freezes.key_of("acme") not in two.world.place.objects
