"""What a forge is told of environments, from the first push to the end, and through crashes and outages."""

import threading
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from envmgr.daemon.telling_watch import TellingWatch
from envmgr.domain.errors import NeedsPerson, RetryLater, Transient
from envmgr.domain.values.cage import CageRules
from envmgr.domain.values.environment import OriginKind, Status
from envmgr.domain.values.forge import (
    Command,
    CommandStatus,
    CommitStatus,
    ForgeRules,
    KnownPullRequest,
    PreviewRules,
)
from envmgr.domain.values.forge.report import ReportState
from envmgr.domain.values.names import EnvironmentId
from envmgr.engine.forge.saying import work_out
from tests.support.command_line import envmgr, on_host
from tests.support.in_memory.rules import BROKEN, MODULE, Rules
from tests.support.in_memory.world import World
from tests.support.memory_forge import OURS as OURSELVES
from tests.support.memory_forge import MemoryForge, pull_request
from tests.support.store import OURS, having
from tests.support.told import PAGE, ToldForge
from tests.support.waiting import stopwatch

PENDING, RUNNING, SUCCESS, FAILURE, INACTIVE = (
    ReportState.PENDING,
    ReportState.RUNNING,
    ReportState.SUCCESS,
    ReportState.FAILURE,
    ReportState.INACTIVE,
)
ALICE = EnvironmentId("acme", "shop", "alice")


@pytest.fixture
def world(tmp_path: Path) -> World:
    """With one daemon."""
    return World(tmp_path)


@pytest.fixture
def told(world: World) -> ToldForge:
    """Its forge, which has deployments."""
    return ToldForge(world)


def seen(world: World) -> None:
    """The daemon looks at the remote, and does nothing yet."""
    application = world.daemon.application
    application.poller.poll(application.services.repositories[ALICE.repository_id])


def test_from_a_push_to_the_end(world: World, told: ToldForge) -> None:
    """Pending as soon as the commit is seen, then how it went, with a link; what is the same is said once."""
    first = world.push("alice")
    seen(world)
    told.tell()
    assert told.statuses("alice") == [(PENDING, first)]
    world.turn()
    for _ in range(3):
        told.tell()
    assert told.statuses("alice") == [(PENDING, first), (SUCCESS, first)]
    assert told.last("alice").url == f"{PAGE}/environments/acme/shop/alice"
    assert [(d.state, d.commit, d.is_transient) for d in told.forge.deployments] == [
        (PENDING, first, True),
        (SUCCESS, first, True),
    ]
    second = world.push("alice", extra="x")
    seen(world)
    told.tell()
    assert told.statuses("alice")[2:] == [(PENDING, second)]
    world.turn()
    told.tell()
    assert told.statuses("alice")[3:] == [(SUCCESS, second)]
    assert sorted((d.state, d.commit == second) for d in told.forge.deployments[3:]) == [
        (INACTIVE, False),
        (SUCCESS, True),
    ]
    world.delete("alice")
    world.turn(6, minutes=2)
    assert world.status("alice") is Status.DESTROYED
    calls = len(told.forge.calls)
    told.tell()
    assert (told.forge.deployments[-1].state, told.forge.deployments[-1].commit) == (INACTIVE, second)
    assert told.statuses("alice")[4:] == []
    assert len(told.forge.calls) == calls + 1
    assert world.store.outbox.of(ALICE.repository_id) == []


def test_a_newer_commit_ends_what_was_pending(world: World, told: ToldForge) -> None:
    """Also after a crash: the rows remember what was said."""
    first = world.push("alice")
    seen(world)
    told.tell()
    second = world.push("alice", extra="x")
    seen(world)
    told.restart()
    told.tell()
    assert sorted(told.statuses("alice")) == sorted([(PENDING, first), (PENDING, second), (FAILURE, first)])
    assert "came before this was done" in next(s.sentence for s in told.forge.statuses if s.state is FAILURE)


def test_what_never_came_to_its_end_is_ended_with_the_environment(world: World, told: ToldForge) -> None:
    """It is destroyed while its status is still pending."""
    commit = world.push("alice")
    seen(world)
    told.tell()
    world.delete("alice")
    world.turn(6, minutes=2)
    told.tell()
    assert told.statuses("alice") == [(PENDING, commit), (FAILURE, commit)]
    assert [d.state for d in told.forge.deployments] == [PENDING, INACTIVE]
    assert world.store.outbox.of(ALICE.repository_id) == []


def test_what_was_said_at_a_crash_is_said_again(world: World, told: ToldForge) -> None:
    """The process died after the call, before it noted that: at least once."""
    world.push("alice")
    world.turn()
    services = told.services
    told.forge.broken = Transient("away")
    told.tell()
    told.forge.broken = None
    world.forward(minutes=5)
    row = world.store.outbox.waiting()[0]
    assert services.store.outbox.take(row, OURS, world.now + timedelta(minutes=3)) is not None
    world.forward(minutes=4)
    told.restart()
    told.tell()
    assert world.store.outbox.waiting() == []
    assert told.last("alice").state is SUCCESS


def test_after_the_records_were_lost_what_was_pending_is_ended(world: World, told: ToldForge) -> None:
    """The rows are worked out again."""
    commit = world.push("alice")
    seen(world)
    told.tell()
    world.lose_records()
    world.turn(2)
    told.restart()
    told.tell()
    assert told.statuses("alice") == [(PENDING, commit), (SUCCESS, commit)]


def test_what_fails_says_why_and_may_come_good(world: World, told: ToldForge) -> None:
    """A failure of the commit; of the next one it is not said."""
    first = world.push("alice", "broken {")
    world.turn()
    if world.status("alice") is not Status.FAILED:
        world.store.update(
            ALICE, None, world.now, having(status=Status.FAILED, message="It broke.", failed_on=first)
        )
    told.tell()
    assert told.statuses("alice") == [(FAILURE, first)]
    assert told.last("alice").sentence
    second = world.push("alice")
    seen(world)
    told.tell()
    assert told.statuses("alice")[1:] == [(PENDING, second)]


def test_a_forge_that_refuses_is_not_asked_again_until_there_is_something_else(
    world: World, told: ToldForge
) -> None:
    """It is told of once, and shown; a restart tries once more."""

    class Picky(MemoryForge):
        def set_status(self, status: object) -> None:
            self.calls.append("set_status")
            raise NeedsPerson("No rights for statuses.")

    told.forge = Picky()
    world.push("alice")
    world.turn()
    for _ in range(5):
        world.forward(hours=1)
        told.tell()
    assert told.forge.calls.count("set_status") == 1
    assert [d.state for d in told.forge.deployments] == [SUCCESS]
    assert [e.action for e in world.store.events() if e.action == "not-told"] == ["not-told"]
    assert [each.error for each in world.store.outbox.unsaid(ALICE.repository_id)] == [
        "No rights for statuses."
    ]
    told.tell(anew=True)
    assert told.forge.calls.count("set_status") == 2
    told.forge = MemoryForge()
    world.push("alice", extra="x")
    world.turn()
    told.tell()
    assert told.last("alice").state is SUCCESS


def test_a_bad_token_refuses_nothing_for_good(world: World, told: ToldForge) -> None:
    """What is refused is envmgr as such: with another token all of it is said."""
    told.forge.broken = NeedsPerson("The token has ended.")
    world.push("alice")
    world.turn()
    told.tell()
    told.forge.broken = None
    world.forward(minutes=3)
    told.tell()
    assert told.last("alice").state is SUCCESS
    assert world.store.outbox.waiting() == []


def test_a_forge_gets_the_pause_that_it_asks_for(world: World, told: ToldForge) -> None:
    """No call before that."""
    told.forge.broken = RetryLater("Slow down.", timedelta(minutes=7))
    world.push("alice")
    world.turn()
    told.tell()
    calls = len(told.forge.calls)
    told.forge.broken = None
    world.forward(minutes=6)
    told.tell()
    assert len(told.forge.calls) == calls == 1
    world.forward(minutes=2)
    told.tell()
    assert told.last("alice").state is SUCCESS


def test_one_row_that_is_never_taken_holds_up_no_other(world: World, told: ToldForge) -> None:
    """The forge answers, but not to this: it alone waits, ever longer."""

    class Stubborn(MemoryForge):
        def set_status(self, status: object) -> None:
            self.calls.append("set_status")
            raise Transient("500")

    told.forge = Stubborn()
    world.push("alice")
    world.turn()
    for _ in range(60):
        world.forward(seconds=10)
        told.tell()
    assert told.forge.deployments
    assert told.forge.calls.count("set_status") <= 7


def test_an_outage_of_ten_minutes_with_two_hundred_changes(world: World, told: ToldForge) -> None:
    """During it a few small calls; after it the newest of each is said, once."""
    names = [f"e{number}" for number in range(10)]
    for name in names:
        world.push(name)
    world.turn()
    told.tell()
    told.forge.calls.clear()
    told.forge.statuses.clear()
    told.forge.deployments.clear()
    told.forge.broken = Transient("The forge does not answer.")
    for second in range(600):
        world.forward(seconds=1)
        if second % 30 == 0:
            for name in names:
                world.push(name, extra=str(second))
            world.turn()
        told.tell()
    during = Counter(told.forge.calls)
    assert len(told.forge.calls) <= 12, during
    assert during["set_status"] + during["report_deployment"] == 1
    told.forge.broken = None
    told.forge.calls.clear()
    for _ in range(130):
        world.forward(seconds=1)
        told.tell()
    heads = {name: world.environment(name).commit for name in names}
    assert {(s.context, s.commit) for s in told.forge.statuses} == {
        (f"envmgr/{n}", c) for n, c in heads.items()
    }
    assert all(s.state is SUCCESS for s in told.forge.statuses)
    assert len(told.forge.statuses) == len(names)
    newest = [d for d in told.forge.deployments if d.state is SUCCESS]
    assert sorted((d.environment, d.commit) for d in newest) == sorted(heads.items())
    # The one that was being said when the outage began may have been heard: it is ended as well.
    after = Counter(told.forge.calls)
    assert after["identity"] == 1
    assert after["set_status"] == 10
    assert after["report_deployment"] <= 21
    assert after.total() == 11 + after["report_deployment"]
    assert world.store.outbox.waiting() == []


def test_two_processes_say_each_once(world: World, told: ToldForge) -> None:
    """Whoever takes a row first says it."""
    for number in range(5):
        world.push(f"e{number}")
    world.turn()
    services = told.services
    told.tell()
    rows = [replace(row, said="") for row in world.store.outbox.of(ALICE.repository_id)]
    told.delivery.deliver(services, told.forge.account, rows, lambda: False)
    assert len(told.forge.statuses) == 5


def test_forges_without_deployments_are_told_of_none(world: World, told: ToldForge) -> None:
    """And the names of statuses begin as it is configured."""
    told.forge = MemoryForge(traits=replace(told.forge.traits, has_deployments=False))
    told.rules = ForgeRules(context="team-a")
    world.push("alice")
    world.turn()
    told.tell()
    assert [s.context for s in told.forge.statuses] == ["team-a/alice"]
    assert set(told.forge.calls) == {"set_status"}


def test_several_applications_are_one_status(tmp_path: Path) -> None:
    """The worst of them counts, and is named."""
    world = World(tmp_path, Rules(applications={"db": (), "api": ("db",)}))
    told = ToldForge(world)
    world.push("alice")
    world.turn()
    told.tell()
    assert [s.state for s in told.forge.statuses] == [SUCCESS]
    api = EnvironmentId("acme", "shop", "alice", "api")
    commit = world.environment("alice", "api").commit
    world.store.update(
        api, None, world.now, having(status=Status.FAILED, message="It broke.", failed_on=commit)
    )
    told.tell()
    assert told.last("alice").state is FAILURE
    assert told.last("alice").sentence == "api: It broke."


def preview(world: World, number: int = 7) -> None:
    """Has Alice's environment come from a pull request."""
    origin = {
        "origin": OriginKind.PULL_REQUEST,
        "number": number,
        "origin_url": "https://forge.example.com/7",
    }
    world.store.update(ALICE, None, world.now, having(**origin))


def turned(world: World, times: int = 1, **pause: float) -> None:
    """The daemon works on it as on any other branch's; how pull requests are followed is none of this."""
    world.store.update(ALICE, None, world.now, having(origin=OriginKind.BRANCH, number=None, origin_url=None))
    world.turn(times, **pause)
    preview(world)


def own(told: ToldForge, number: int = 7) -> list[str]:
    """What our comments of a pull request say."""
    return [c.text for c in told.forge.texts.get(number, []) if c.author == OURSELVES]


def test_a_pull_request_has_one_comment_that_is_kept_current(world: World, told: ToldForge) -> None:
    """From the first look to the end, also after a restart and after the records were lost; the end makes none."""
    world.push("alice")
    seen(world)
    preview(world)
    told.tell()
    assert "⏳ pending" in own(told)[0]
    turned(world)
    told.tell()
    (text,) = own(told)
    assert "✅ ready" in text
    assert "[http://alice](http://alice)" in text
    assert "Applied to alice at" in text
    assert "1 added, 0 changed, 0 destroyed</summary>\n\n```diff\n+ " in text
    assert f"[`alice`]({PAGE}/environments/acme/shop/alice)" in text
    assert told.last("alice").number == 7
    world.store.outbox.kept.clear()
    told.restart()
    told.tell()
    told.tell()
    assert len(own(told)) == 1
    world.delete("alice")
    turned(world, 6, minutes=2)
    told.tell()
    assert "its environment is gone" in own(told)[0]
    assert world.store.outbox.of(ALICE.repository_id) == []
    told.forge.texts.clear()
    told.tell()
    assert own(told) == []


def test_an_apply_that_failed_is_not_told_of_as_applied(world: World, told: ToldForge) -> None:
    """What was changed before stays told of by its commit, but no more by resource: some of it may be another by now."""
    first = world.push("alice")
    seen(world)
    preview(world)
    turned(world)
    second = world.push("alice", BROKEN)
    turned(world)
    told.tell()
    (text,) = own(told)
    assert f"Applied to alice at {first[:10]}: 1 added" in text
    assert f"at {second[:10]}" not in text
    assert "```diff" not in text


def test_comments_may_be_left_out(world: World, told: ToldForge) -> None:
    """By `comments: false`; statuses are told all the same."""
    told.rules = ForgeRules(comments=False)
    world.push("alice")
    seen(world)
    preview(world)
    told.tell()
    assert own(told) == []
    assert told.statuses("alice")


def test_commands_are_answered_in_the_comment(world: World, told: ToldForge) -> None:
    """Also where there is no environment."""
    command = Command(
        comment="1",
        at=world.now,
        by="alice",
        verb="plan",
        status=CommandStatus.REFUSED,
        message="Not by /you.",
    )
    told_of = KnownPullRequest(
        repository=ALICE.repository_id,
        told=pull_request(9),
        first_seen_at=world.now,
        seen_at=world.now,
        commands=(command,),
    )
    world.store.pull_requests.change(ALICE.repository_id, 9, lambda _: told_of)
    told.tell()
    assert "- `plan` by `alice`: refused. `Not by /you.`" in own(told, 9)[0]


def test_a_page_is_told_of_where_there_is_one(world: World, told: ToldForge) -> None:
    """Else the pull request's own address."""
    world.push("alice")
    world.turn()
    preview(world)
    services = told.services
    work_out(services, services.repositories[ALICE.repository_id], "")
    told.delivery.deliver(services, told.forge.account, world.store.outbox.waiting(), lambda: False)
    assert told.last("alice").url == "https://forge.example.com/7"


def test_the_daemon_tells_beside_its_work_and_once_more_at_its_end(world: World, told: ToldForge) -> None:
    """A forge that hangs holds up no tick; what is new at the end is said, too."""
    entered, go = threading.Event(), threading.Event()

    class Slow(MemoryForge):
        def set_status(self, status: CommitStatus) -> None:
            entered.set()
            go.wait(20)
            super().set_status(status)

    told.forge = Slow()
    world.push("alice")
    seen(world)
    watch = TellingWatch(replace(world.daemon.application, services=told.services))
    watch.tick()
    assert entered.wait(20)
    for _ in range(3):
        watch.tick()
    world.turn()
    go.set()
    watch.drain(20)
    assert told.last("alice").state is SUCCESS
    assert world.store.outbox.waiting() == []


def test_a_pass_without_a_daemon_tells_the_forge(tmp_path: Path) -> None:
    """Before it ends, and once; what a forge that is away was not told is said to whoever had it pass, and kept."""
    forge = MemoryForge()
    world = World(tmp_path, Rules(forge=forge))
    world.push("alice")
    with on_host(world.person.application):
        done = [envmgr("reconcile") for _ in range(2)]
        assert [each.code for each in done] == [0, 0]
        assert [s.state for s in forge.statuses] == [SUCCESS]
        assert world.store.outbox.waiting() == []
        forge.broken = Transient("away")
        world.push("alice", MODULE.replace("small", "large"))
        away = envmgr("reconcile")
        assert away.code == 1
        assert "Error: acme/shop: away" in away.err
        assert (
            "acme/shop: its forge could not be told 3 things yet; that is kept, and said later." in away.err
        )
        forge.broken = None
        world.forward(minutes=3)
        assert envmgr("reconcile").code == 0
    assert forge.statuses[-1].commit == world.environment("alice").applied.commit
    assert world.store.outbox.waiting() == []


def test_a_forge_that_hangs_ends_no_pass_later(tmp_path: Path) -> None:
    """Than it is given; the row is told by whoever comes next."""
    go = threading.Event()

    class Hanging(MemoryForge):
        def set_status(self, status: CommitStatus) -> None:
            go.wait(20)
            super().set_status(status)

    world = World(tmp_path, Rules(forge=Hanging()))
    world.push("alice")
    world.turn(2)
    watch, seconds = TellingWatch(world.person.application), stopwatch()
    assert len(watch.once(0.2)) == 1
    assert seconds() < 5
    go.set()


def test_why_a_pull_request_has_no_environment_is_told(tmp_path: Path) -> None:
    """Unasked only where somebody can do something about it, once; else where there is a comment already."""
    rules = Rules(
        previews=PreviewRules(forks=True, authors="anyone"), cage=CageRules(kind="bwrap"), forge=MemoryForge()
    )
    world = World(tmp_path, rules)
    told = ToldForge(world)
    fork = pull_request(8, is_from_fork=True)
    for told_of in (fork, pull_request(9, is_draft=True)):
        known = KnownPullRequest(
            repository=ALICE.repository_id, told=told_of, first_seen_at=world.now, seen_at=world.now
        )
        world.store.pull_requests.change(ALICE.repository_id, told_of.number, lambda _, k=known: k)  # type: ignore[misc]
    for _ in range(3):
        told.tell()
    assert "It has no environment. It comes from a fork: somebody who may approve" in own(told, 8)[0]
    assert len(own(told, 8)) == 1
    assert own(told, 9) == []
