"""Pull requests' environments: made, followed, left alone, and destroyed only once the forge says that just that one is closed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from envmgr.domain.errors import Transient
from envmgr.domain.rules.origins.previews import objections
from envmgr.domain.values.environment import Guard, OriginKind, Status
from envmgr.domain.values.forge import ForgePerson, Permission, PreviewRules, PullRequestState
from envmgr.domain.values.names import EnvironmentId
from envmgr.engine.reconcile.listing import asked_of
from tests.support.command_line import envmgr, on_host
from tests.support.in_memory.previews import CAGED, PreviewWorld
from tests.support.in_memory.rules import BROKEN, MODULE, POLICY, SHOP
from tests.support.memory_forge import ALICE, MemoryForge

FORKS = PreviewRules(forks=True)
STRANGER = ForgePerson("9", "mallory")
PLACE = EnvironmentId("acme", "shop", "pr-7")


@pytest.fixture
def world(tmp_path: Path) -> PreviewWorld:
    """With the usual rules."""
    return PreviewWorld(tmp_path)


def why(world: PreviewWorld, number: int = 7) -> str:
    """Why a pull request has no environment, as it is told."""
    services = world.daemon.application.services
    asked = asked_of(services, services.repositories[SHOP])
    assert asked.previews is not None
    return str(objections(asked.pulls, world.previews(), asked.previews).get(number, ""))


def test_opened_ready_pushed_merged_gone(world: PreviewWorld) -> None:
    """Also where its branch is gone with the merge: what was applied is kept."""
    first = world.opens()
    world.both()
    found = world.environment("pr-7")
    assert (found.status, found.applied.commit, found.branch) == (Status.READY, first, "topic")
    assert (found.origin.kind, found.origin.number) == (OriginKind.PULL_REQUEST, 7)
    assert found.origin.url == "https://forge.example.com/acme/shop/pull/7"
    second = world.pushes(module=MODULE.replace("small", "large"))
    world.both(minutes=1)
    assert world.environment("pr-7").applied.commit == second
    world.ends()
    world.both(2, minutes=1)
    assert world.status("pr-7") is Status.WAITING
    assert "Pull request 7 is closed; grace period" in world.environment("pr-7").message
    world.both(2, minutes=5)
    assert world.status("pr-7") is Status.DESTROYED
    assert not world.in_cloud("pr-7")
    assert "branch-gone" in world.actions("pr-7")
    world.check()


def test_git_says_where_the_head_is(world: PreviewWorld) -> None:
    """And the forge, which may lag behind, does not."""
    world.opens()
    newest = world.pushes()
    world.tells(commit="f" * 40)
    world.both()
    assert world.environment("pr-7").commit == newest


@pytest.mark.parametrize(
    "spoil",
    [
        lambda world: setattr(world.forge, "broken", Transient("away")),
        lambda world: world.forge.requests.clear(),
        lambda world: world.shop.refs.pop("topic"),
        lambda world: setattr(world.shop, "is_away", True),
    ],
    ids=["forge away", "forge empty", "branch gone", "remote away"],
)
def test_nothing_but_the_forges_word_of_that_number_ends_it(
    world: PreviewWorld, spoil: Callable[[PreviewWorld], None]
) -> None:
    """However often it is looked at."""
    world.opens()
    world.both()
    spoil(world)
    world.both(6, minutes=5)
    assert world.in_cloud("pr-7")
    assert world.environment("pr-7").absences == 0
    world.check()


def test_a_short_list_is_no_closing(world: PreviewWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each that is missing is asked for, and is open."""
    world.opens()
    world.both()
    monkeypatch.setattr(MemoryForge, "open_pull_requests", lambda _: [])
    world.both(6, minutes=5)
    assert world.status("pr-7") is Status.READY


def test_one_that_the_forge_knows_no_more_waits_for_a_person(world: PreviewWorld) -> None:
    """And is managed again once it is told of again."""
    world.opens()
    world.both()
    told = world.forge.requests.pop(7)
    world.both(5, minutes=5)
    assert world.status("pr-7") is Status.WAITING
    assert "shows no pull request 7 any more, which does not prove" in world.environment("pr-7").message
    world.forge.requests[7] = told
    world.both(2, minutes=1)
    assert world.status("pr-7") is Status.READY


def test_reopened_within_the_grace_period_it_stays_and_later_it_is_made_anew(world: PreviewWorld) -> None:
    """By the same name."""
    commit = world.opens()
    world.both()
    world.tells(state=PullRequestState.CLOSED)
    world.both(2, minutes=1)
    assert world.environment("pr-7").is_missing
    world.tells(state=PullRequestState.OPEN)
    world.both(2, minutes=5)
    assert world.status("pr-7") is Status.READY
    world.tells(state=PullRequestState.CLOSED)
    world.both(4, minutes=5)
    assert world.status("pr-7") is Status.DESTROYED
    world.tells(state=PullRequestState.OPEN)
    world.both()
    assert world.environment("pr-7").applied.commit == commit
    world.check()


def test_confirmed_as_often_as_any_branch(tmp_path: Path) -> None:
    """By looks at the forge; those at the remote do not count for more."""
    world = PreviewWorld(tmp_path, policy=replace(POLICY, confirmations=3, grace_period=timedelta(0)))
    world.opens()
    world.both()
    world.ends()
    world.both(2, minutes=1)
    world.turn(3, minutes=1)
    assert "seems closed (2 of 3 confirmations)" in world.environment("pr-7").message
    world.both(minutes=1)
    assert world.status("pr-7") is Status.DESTROYED


def test_many_that_close_together_wait_for_a_person(world: PreviewWorld) -> None:
    """By the same guard as branches."""
    for number in (1, 2, 3):
        world.opens(number, f"topic-{number}")
    world.both(2)
    for number in (1, 2, 3):
        world.ends(number)
    world.both(6, minutes=5)
    assert {e.hold.guard for e in world.previews()} == {Guard.MASS_DESTROY}
    assert "Branches or pull requests of acme/shop went away together" in world.environment("pr-1").message


def test_another_history_at_the_address_ends_nothing(world: PreviewWorld) -> None:
    """As for branches: a person says whether that is meant."""
    world.opens()
    world.both()
    world.ends()
    world.shop.refs.clear()
    world.shop.force_push("main", {"README.md": "another"})
    world.both(6, minutes=5)
    assert world.environment("pr-7").hold.guard is Guard.HISTORY
    assert world.in_cloud("pr-7")


def test_a_moved_head_retarget_and_force_push(world: PreviewWorld) -> None:
    """A renamed branch is followed; one whose base has no previews stays as it is, and ends as it is closed."""
    world.asks(previews=PreviewRules(base=("main",)))
    world.opens()
    world.both()
    renamed = world.pushes(head="renamed")
    world.tells(head="renamed")
    world.both(minutes=1)
    assert (world.environment("pr-7").branch, world.environment("pr-7").applied.commit) == (
        "renamed",
        renamed,
    )
    forced = world.shop.force_push("renamed", world.rules.files(MODULE))
    world.both(minutes=1)
    assert world.environment("pr-7").applied.commit == forced
    world.tells(base="release")
    world.pushes(head="renamed")
    world.both(minutes=1)
    found = world.environment("pr-7")
    assert (found.status, found.commit) == (Status.WAITING, forced)
    assert "merged into release, for which there are no previews: it stays as it is" in found.message
    world.ends()
    world.both(4, minutes=5)
    assert world.status("pr-7") is Status.DESTROYED


@pytest.mark.parametrize(
    ("rules", "told", "said"),
    [
        (PreviewRules(base=("main", "release-*")), {"base": "other"}, "merged into other"),
        (PreviewRules(labels=("preview", "x")), {"labels": ("x",)}, "lacks the label preview"),
        (PreviewRules(), {"is_draft": True}, "a draft"),
        (PreviewRules(), {"author": STRANGER}, "mallory may not write"),
        (PreviewRules(authors=("bob",)), {}, "alice is not among"),
        (
            PreviewRules(authors=("alice", "id:1")),
            {"author": ForgePerson("66", "id:1")},
            "id:1 is not among",
        ),
        (PreviewRules(), {"is_from_fork": True}, "these get no environment"),
        (FORKS, {"is_from_fork": True}, "nothing confines"),
        (PreviewRules(), {"head": "a..b"}, "not the name of a branch"),
        (PreviewRules(), {"head": "\ud800"}, "not the name of a branch"),
    ],
)
def test_conditions_that_are_not_met(
    tmp_path: Path, rules: PreviewRules, told: dict[str, Any], said: str
) -> None:
    """Each of them alone is enough, and is told."""
    world = PreviewWorld(tmp_path, rules)
    world.opens()
    world.tells(**told)
    world.both(2)
    assert not world.previews()
    assert said in why(world)


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        (PreviewRules(base=("main", "release-*")), {"base": "release-1"}),
        (PreviewRules(labels=("x",)), {"labels": ("x", "y")}),
        (PreviewRules(drafts=True), {"is_draft": True}),
        (PreviewRules(authors="anyone"), {"author": STRANGER}),
        (PreviewRules(authors=("Alice",)), {}),
        (PreviewRules(authors=("bob", "id:9")), {"author": STRANGER}),
        (PreviewRules(name="preview-{number}"), {}),
    ],
)
def test_conditions_that_are_met(tmp_path: Path, rules: PreviewRules, told: dict[str, Any]) -> None:
    """By name, pattern, label and permission."""
    world = PreviewWorld(tmp_path, rules)
    world.opens(**told)
    world.both()
    assert world.status(rules.name.replace("{number}", "7")) is Status.READY
    assert not why(world)


def test_an_author_of_whom_the_forge_does_not_tell_is_none_who_may(world: PreviewWorld) -> None:
    """Until it does, after the pull request changed."""
    world.forge.permissions[ALICE.id] = Permission.UNKNOWN
    world.opens()
    world.both()
    assert "is not known to be one who may write" in why(world)
    world.forge.permissions[ALICE.id] = Permission.ADMIN
    world.tells(updated_at=world.now)
    world.both()
    assert world.status("pr-7") is Status.READY


def test_the_oldest_come_first_where_there_is_no_room(tmp_path: Path) -> None:
    """The next one follows as soon as one is gone."""
    world = PreviewWorld(tmp_path, PreviewRules(limit=1))
    for number in (9, 8, 7):
        world.opens(number, f"topic-{number}")
    world.both(2)
    assert [e.id.name for e in world.previews()] == ["pr-7"]
    assert "1 pull request may have an environment at once" in why(world, 8)
    world.ends()
    world.both(5, minutes=5)
    assert [e.id.name for e in world.previews()] == ["pr-8"]


def test_two_pull_requests_of_one_head_and_a_branch_of_a_pattern(world: PreviewWorld) -> None:
    """Each has an environment of its own, and none takes the other's name."""
    world.opens(7, "env-alice")
    world.opens(8, "env-alice")
    world.both()
    assert [e.id.name for e in world.previews()] == ["alice", "pr-7", "pr-8"]
    assert len({e.commit for e in world.previews()}) == 1
    world.ends(7)
    world.shop.point(["env-alice"], world.known(8).told.commit or "")
    world.both(5, minutes=5)
    assert [e.id.name for e in world.previews()] == ["alice", "pr-8"]
    world.check()


def test_a_name_is_its_first_owners(world: PreviewWorld) -> None:
    """A branch that has it keeps it, and one that comes later is refused."""
    world.push("pr-7")
    world.both()
    world.opens()
    world.opens(8, "other")
    world.both(2)
    assert world.environment("pr-7").origin.kind is OriginKind.BRANCH
    assert "Another environment is called pr-7" in why(world)
    world.push("pr-8")
    world.both(2)
    refused = [e for e in world.previews() if e.refused]
    assert world.environment("pr-8").branch == "other"
    assert [e.branch for e in refused] == ["env-pr-8"]
    assert "or a pull request's" in refused[0].refused


def test_its_time_to_live_counts_from_its_last_push(tmp_path: Path) -> None:
    """And is the previews' own; a push brings it back."""
    world = PreviewWorld(tmp_path, PreviewRules(ttl=timedelta(hours=1)))
    world.opens()
    world.both()
    assert world.environment("pr-7").life.expires_at == world.now + timedelta(hours=1)
    world.both(2, minutes=40)
    assert world.status("pr-7") is Status.SUSPENDED
    assert not world.in_cloud("pr-7")
    world.pushes()
    world.both(2)
    assert world.status("pr-7") is Status.READY


def test_previews_that_are_not_asked_for_any_more_are_left_alone(world: PreviewWorld) -> None:
    """As those of branches whose pattern went: also where they close."""
    world.opens()
    world.both()
    world.asks(previews=None)
    world.both(minutes=1)
    assert "`previews` of acme/shop is not there any more: left alone" in world.environment("pr-7").message
    world.ends()
    world.both(5, minutes=5)
    assert world.in_cloud("pr-7")


def test_what_a_head_is_called_protects_nothing(tmp_path: Path) -> None:
    """Else whoever opens pull requests could keep environments for ever."""
    world = PreviewWorld(tmp_path, policy=replace(POLICY, protected=("topic",), grace_period=timedelta(0)))
    world.opens()
    world.both()
    world.ends()
    world.both(3, minutes=1)
    assert world.status("pr-7") is Status.DESTROYED


def test_lost_records_come_back_as_what_they_were(world: PreviewWorld) -> None:
    """And one that was closed meanwhile goes, as its forge is asked for its number."""
    world.opens()
    world.opens(8, "other")
    world.both()
    world.ends(8)
    world.lose_records()
    world.both(2, minutes=1)
    found = world.environment("pr-7")
    assert (found.status, found.origin.kind, found.origin.number) == (
        Status.READY,
        OriginKind.PULL_REQUEST,
        7,
    )
    world.both(4, minutes=5)
    assert not world.in_cloud("pr-8")
    assert world.in_cloud("pr-7")
    world.check()


def test_one_whose_code_is_broken_closes_all_the_same(world: PreviewWorld) -> None:
    """What was made of it goes."""
    world.opens(module=BROKEN)
    world.both()
    assert world.status("pr-7") is Status.FAILED
    world.ends()
    world.both(5, minutes=5)
    assert not world.in_cloud("pr-7")


class TestForks:
    """Nothing of a fork is run but the one commit that a person named."""

    @pytest.fixture
    def fork(self, tmp_path: Path) -> PreviewWorld:
        """A pull request from a fork, where these may have environments."""
        world = PreviewWorld(tmp_path, FORKS, cage=CAGED)
        world.opens(head="main", is_from_fork=True)
        world.both(2)
        return world

    def test_it_waits_for_a_person(self, fork: PreviewWorld) -> None:
        """And is fetched from the repository's own ref once that came."""
        assert not fork.previews()
        assert "/envmgr approve COMMIT" in why(fork)
        head = fork.shop.pulls["refs/pull/7/head"]
        fork.approves(head)
        fork.both()
        found = fork.environment("pr-7")
        assert (found.status, found.applied.commit, found.ref) == (
            Status.READY,
            head,
            "refs/pull/7/head",
        )
        assert found.branch == "main"

    def test_another_commit_than_the_head_is_nothing(self, fork: PreviewWorld) -> None:
        """Whoever named it."""
        fork.approves("f" * 40)
        fork.both(2)
        assert not fork.previews()

    def test_one_whose_head_moved_before_it_had_anything_waits_as_at_first_and_takes_no_room(
        self, tmp_path: Path
    ) -> None:
        """It is told which commit is to be named, and the next pull request has the one environment that there may be."""
        world = PreviewWorld(tmp_path, replace(FORKS, limit=1), cage=CAGED)
        first = world.opens(head="main", is_from_fork=True)
        world.look()
        world.approves(first)
        second = world.pushes(is_from_fork=True)
        world.opens(8, "other")
        world.both(3, minutes=1)
        assert f"its head moved to {second[:10]}" in why(world)
        assert "/envmgr approve COMMIT" in why(world)
        assert [(e.id.name, e.status) for e in world.previews()] == [("pr-8", Status.READY)]
        world.check()

    def test_a_push_voids_it(self, fork: PreviewWorld) -> None:
        """What is there stays as it is until that one is named, too."""
        first = fork.shop.pulls["refs/pull/7/head"]
        fork.approves(first)
        fork.both()
        second = fork.pushes(is_from_fork=True)
        fork.both(2, minutes=1)
        found = fork.environment("pr-7")
        assert (found.commit, found.applied.commit, found.status) == (first, first, Status.WAITING)
        assert f"Its head moved to {second[:10]}, which nobody approved" in found.message
        fork.approves(second)
        fork.both(2, minutes=1)
        assert fork.environment("pr-7").applied.commit == second
        fork.check()

    @pytest.mark.parametrize("changes", [{"previews": PreviewRules()}, {"cage": replace(CAGED, kind="none")}])
    def test_without_cage_or_permission_it_goes_no_further(
        self, fork: PreviewWorld, changes: dict[str, Any]
    ) -> None:
        """What is there stays until it is closed; then it goes."""
        fork.approves(fork.shop.pulls["refs/pull/7/head"])
        fork.both()
        fork.asks(**changes)
        fork.approves(fork.pushes(is_from_fork=True))
        before = fork.environment("pr-7").applied.commit
        fork.both(2, minutes=1)
        assert fork.environment("pr-7").applied.commit == before
        assert fork.status("pr-7") is Status.WAITING
        fork.ends()
        fork.both(4, minutes=5)
        assert fork.status("pr-7") is Status.DESTROYED

    def test_an_approval_that_was_lost_is_none(self, fork: PreviewWorld) -> None:
        """After a loss of the records nothing of it is run again before a person says so."""
        head = fork.shop.pulls["refs/pull/7/head"]
        fork.approves(head)
        fork.both()
        fork.lose_records()
        fork.terraform.calls.clear()
        fork.both(3, minutes=1)
        assert "apply" not in [str(call) for call in fork.terraform.calls]
        assert fork.status("pr-7") is Status.WAITING
        fork.approves(head)
        fork.both(2, minutes=1)
        assert fork.status("pr-7") is Status.READY


def test_a_pass_without_a_daemon_sees_pull_requests(world: PreviewWorld) -> None:
    """From the first to the end of its environment; a forge that is away is said, and changes nothing."""
    world.opens()
    with on_host(world.person.application):
        assert envmgr("reconcile").code == 0
        assert world.status("pr-7") is Status.READY
        world.ends()
        world.forge.broken = Transient("away")
        for _ in range(3):
            world.forward(minutes=10)
            assert envmgr("reconcile").code == 1
        assert world.status("pr-7") is not Status.DESTROYED
        world.forge.broken = None
        for _ in range(6):
            world.forward(minutes=10)
            envmgr("reconcile")
    assert not world.in_cloud("pr-7")


@pytest.mark.parametrize("state", PullRequestState)
@pytest.mark.parametrize("is_same_author", [True, False])
def test_one_that_has_but_its_number_is_another(
    world: PreviewWorld, state: PullRequestState, is_same_author: bool
) -> None:
    """An operator named the wrong repository: what is open or merged there under this number is no word on this one."""
    commit = world.opens()
    world.both()
    right = world.forge.requests[7]
    author = ALICE if is_same_author else STRANGER
    world.tells(url="https://forge.example.com/acme/other/pull/7", head="main", state=state, author=author)
    for _ in range(5):
        world.both(minutes=10)
    found = world.environment("pr-7")
    assert (found.status, found.applied.commit, world.known().is_lost) == (Status.WAITING, commit, True)
    assert world.in_cloud("pr-7")
    world.forge.requests[7] = right
    world.both(minutes=1)
    assert not world.known().is_lost
    world.ends()
    world.both(times=6, minutes=10)
    assert not world.in_cloud("pr-7")
    world.check()
