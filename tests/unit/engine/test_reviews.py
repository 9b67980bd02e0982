"""Approving reviews as approvals: only where that is wanted, of the commit and the plan that wait, by whose word counts."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from envmgr.domain.errors import NotThere, RetryLater
from envmgr.domain.values.asking.person import Role
from envmgr.domain.values.environment import Guard, Status
from envmgr.domain.values.forge import ForgeApproval, ForgePerson, ForgeRules, Permission, PreviewRules
from envmgr.domain.values.pipeline.proposal import Gates, Terms
from tests.support.in_memory.previews import PreviewWorld
from tests.support.in_memory.rules import MODULE
from tests.support.memory_forge import ALICE, OURS, pull_request

CAROL, DAVE, MALLORY = ForgePerson("3", "carol"), ForgePerson("4", "dave"), ForgePerson("9", "mallory")
RULES = ForgeRules(members={Role.DEVELOPER: ("permission:read",), Role.APPROVER: ("permission:write",)})
TERMS = Terms(needed=1, role=Role.APPROVER, expires=timedelta(days=7))
GATES = Gates(approval=TERMS, counts_reviews=True)


class Reviewed:
    """A world with a pull request whose plan waits for approval."""

    def __init__(
        self, folder: Path, gates: Gates = GATES, previews: PreviewRules | None = None, head: str = "topic"
    ) -> None:
        self.world = PreviewWorld(folder, previews, gates=gates, forge_rules=RULES)
        self.forge = self.world.forge
        self.forge.permissions |= dict.fromkeys(("1", "3", "4"), Permission.WRITE)
        self.name = "pr-7" if head == "topic" else head.removeprefix("env-")
        self.commit = self.world.opens(head=head)
        self.world.both(minutes=1)
        assert self.world.environment(self.name).hold.guard is Guard.APPROVAL

    def review(
        self, person: ForgePerson = CAROL, *, commit: str = "", after: float = 1, number: int = 7
    ) -> None:
        """Somebody approves a commit, the head's unless another is named, so many minutes from now."""
        at = self.world.now + timedelta(minutes=after)
        self.forge.reviews.setdefault(number, []).append(ForgeApproval(person, commit or self.commit, at))

    def goes_on(self) -> Status:
        """The daemon looks, and works; how the environment stands then."""
        self.world.both(2, minutes=1)
        self.world.check()
        return self.world.status(self.name)

    def approved_by(self) -> list[str | None]:
        """Who approved, by the events."""
        events = self.world.store.events(self.world.environment(self.name).id)
        return [each.actor for each in events if each.action == "approved"]


def test_an_approving_review_approves_the_plan_once(tmp_path: Path) -> None:
    """And nobody is asked once nothing waits."""
    reviewed = Reviewed(tmp_path)
    reviewed.review()
    assert reviewed.goes_on() is Status.READY
    asked = reviewed.forge.calls.count("approvals")
    assert reviewed.goes_on() is Status.READY
    assert reviewed.approved_by() == ["github:carol"]
    assert (asked, reviewed.forge.calls.count("approvals")) == (1, 1)


def test_reviews_count_only_where_that_is_wanted(tmp_path: Path) -> None:
    """They are not even asked for."""
    reviewed = Reviewed(tmp_path, Gates(approval=TERMS))
    reviewed.review()
    assert reviewed.goes_on() is Status.WAITING
    assert "approvals" not in reviewed.forge.calls


@pytest.mark.parametrize(
    "review",
    [
        lambda it: it.review(commit="f" * 40),
        lambda it: it.review(after=-1),
        lambda it: it.forge.reviews.update({7: [ForgeApproval(CAROL, it.commit)]}),
        lambda it: it.review(MALLORY),
        lambda it: it.review(ALICE),
        lambda it: it.review(replace(CAROL, is_bot=True)),
        lambda it: it.review(replace(OURS, is_bot=False)),
        lambda it: it.review(number=8),
        lambda it: (it.review(), it.world.tells(commit="e" * 40)),
    ],
    ids=[
        "another commit",
        "before the plan",
        "nobody knows when",
        "no role",
        "author",
        "bot",
        "us",
        "another pull request",
        "another head by now",
    ],
)
def test_a_review_that_does_not_count(tmp_path: Path, review: Callable[[Reviewed], object]) -> None:
    """Whatever else is right about it."""
    reviewed = Reviewed(tmp_path)
    review(reviewed)
    assert reviewed.goes_on() is Status.WAITING
    assert reviewed.approved_by() == []


def test_each_person_counts_once_whatever_she_is_called(tmp_path: Path) -> None:
    """However often she reviewed, also where she has commented before."""
    reviewed = Reviewed(tmp_path, replace(GATES, approval=replace(TERMS, needed=2)))
    reviewed.review()
    reviewed.review(replace(CAROL, login="carola"))
    assert reviewed.goes_on() is Status.WAITING
    assert reviewed.approved_by() == ["github:carol"]
    reviewed.review(DAVE)
    assert reviewed.goes_on() is Status.READY
    assert reviewed.approved_by() == ["github:carol", "github:dave"]


def test_a_push_takes_reviews_away(tmp_path: Path) -> None:
    """The new plan is another one; a review of that commit lets it through."""
    reviewed = Reviewed(tmp_path, replace(GATES, approval=replace(TERMS, needed=2)))
    reviewed.review()
    assert reviewed.goes_on() is Status.WAITING
    pushed = reviewed.world.pushes(module=MODULE.replace("small", "large"))
    assert reviewed.goes_on() is Status.WAITING
    reviewed.review(DAVE, commit=pushed)
    assert reviewed.goes_on() is Status.WAITING
    reviewed.review(CAROL, commit=pushed)
    assert reviewed.goes_on() is Status.READY
    assert reviewed.world.environment("pr-7").applied.commit == pushed


def test_a_branch_of_a_pattern_is_meant_where_there_is_no_preview(tmp_path: Path) -> None:
    """There too nobody approves whose pull request of it that is, in whichever of them."""
    reviewed = Reviewed(tmp_path, previews=PreviewRules(labels=("preview",)), head="env-alice")
    reviewed.forge.requests[8] = pull_request(8, "env-alice", commit=reviewed.commit, author=DAVE)
    reviewed.review(DAVE)
    assert reviewed.goes_on() is Status.WAITING
    reviewed.review(number=8)
    assert reviewed.goes_on() is Status.READY
    assert reviewed.approved_by() == ["github:carol"]


@pytest.mark.parametrize("error", [NotThere("no reviews here"), RetryLater("later")])
def test_a_forge_that_does_not_say_approves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """What it says later counts then."""
    reviewed = Reviewed(tmp_path)
    reviewed.review()

    def away(*_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(reviewed.forge, "approvals", away)
        assert reviewed.goes_on() is Status.WAITING
    assert reviewed.goes_on() is Status.READY
