"""Commands in comments: whole lives by them, once each, by people who may, and answered."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from envmgr.commands.forge.attending import People, Readings, Records, attend, settle
from envmgr.commands.fulfilment import fulfil
from envmgr.daemon.forge_watch import ForgeWatch
from envmgr.domain.errors import Transient
from envmgr.domain.values.asking.person import Role
from envmgr.domain.values.asking.request import RequestStatus
from envmgr.domain.values.environment import Environment, Guard, Status
from envmgr.domain.values.forge import (
    Command,
    CommandStatus,
    Comment,
    ForgePerson,
    ForgeRules,
    Permission,
    PreviewRules,
    Reaction,
)
from envmgr.domain.values.pipeline.proposal import Gates, Terms
from tests.support.in_memory.previews import CAGED, PreviewWorld
from tests.support.in_memory.rules import MODULE, SHOP
from tests.support.memory_forge import ALICE, OURS
from tests.support.records import altered

CAROL, MALLORY = ForgePerson("3", "carol"), ForgePerson("9", "mallory")
RULES = ForgeRules(members={Role.DEVELOPER: ("permission:write",), Role.APPROVER: ("carol",)})
APPROVED = Gates(approval=Terms(needed=1, role=Role.APPROVER, expires=timedelta(days=7)))


class Talk:
    """A world with a pull request whose comments are read, and done what they ask for."""

    def __init__(self, folder: Path, previews: PreviewRules | None = None, **rules: object) -> None:
        self.world = PreviewWorld(folder, previews, **{"forge_rules": RULES, **rules})
        self.forge = self.world.forge
        self.people, self.readings = People(), Readings()
        self.look()  # of a repository of which nothing is known all is passed over

    def look(self) -> None:
        """A look at the forge, and at the comments of all that are open."""
        self.world.look()
        runtime = self.world.daemon.application
        records = Records(runtime.services.store, SHOP)
        for pull in runtime.services.store.pull_requests.all(SHOP):
            shop = runtime.services.repositories[SHOP]
            attend(runtime, shop, pull, records, self.people, self.readings)

    def says(self, text: str, author: ForgePerson = ALICE, number: int = 7, **changes: object) -> Comment:
        """Somebody comments, a minute later, which the forge tells of."""
        self.world.forward(minutes=1)
        made = self.forge.says(number, text, author)
        told = replace(made, at=self.world.now, **changes)  # type: ignore[arg-type]
        self.forge.texts[number][-1] = told
        self.world.tells(number, updated_at=self.world.now)
        return told

    def does(self, text: str, author: ForgePerson = ALICE) -> Command:
        """The same, and all that comes of it."""
        self.says(text, author)
        self.look()
        self.works()
        return self.commands()[-1]

    def works(self) -> None:
        """What was asked for is done, the world looked at, and the comments answered."""
        runtime = self.world.daemon.application
        for request in runtime.services.store.requests.pending():
            fulfil(runtime, request)
        settle(runtime, runtime.services.repositories[SHOP])
        self.world.turn(minutes=1)

    def commands(self, number: int = 7) -> tuple[Command, ...]:
        """Those of a pull request."""
        return self.world.known(number).commands

    def reactions(self) -> list[Reaction]:
        """To all comments."""
        return [reaction for _, reaction in self.forge.reactions]

    def requests(self) -> int:
        """How many were ever written down."""
        return self.world.store.requests.last


@pytest.fixture
def talk(tmp_path: Path) -> Talk:
    """With an environment that is ready."""
    made = Talk(tmp_path)
    made.world.opens()
    made.world.both()
    return made


def test_done_once_and_answered(talk: Talk) -> None:
    """However often it is seen; the actor is who wrote it."""
    done = talk.does("/envmgr suspend")
    assert (done.by, done.verb, done.status) == ("github:alice", "suspend", CommandStatus.DONE)
    assert done.message == "", "the comment says that it is done as it is"
    assert talk.world.status("pr-7") is Status.SUSPENDED
    assert "Suspended by github:alice" in talk.world.environment("pr-7").why_suspended
    assert talk.reactions() == [Reaction.SEEN, Reaction.DONE]
    for _ in range(3):
        talk.world.tells(updated_at=talk.world.now)
        talk.look()
        talk.works()
    assert talk.requests() == 1
    assert talk.does("/envmgr resume").status is CommandStatus.DONE
    assert talk.world.status("pr-7") is Status.READY


def test_what_became_of_it_is_told_at_once(talk: Talk) -> None:
    """Also where no record of an environment is another by it."""
    told: list[object] = []
    application = talk.world.daemon.application
    watch = ForgeWatch(application, lambda _: None, lambda each: told.append(each.id))
    watch.look(application.services.repositories[SHOP])
    assert told == []
    talk.says("/envmgr help")
    watch.look(application.services.repositories[SHOP])
    watch.close()
    assert set(told) == {SHOP}


def test_each_verb_does_what_it_does_elsewhere(talk: Talk) -> None:
    """With the guards that hold there."""
    assert talk.does("/envmgr plan").status is CommandStatus.DONE
    assert talk.does("/envmgr apply").status is CommandStatus.DONE
    refused = talk.does("/envmgr extend 3d")
    assert (refused.status, "has no end" in refused.message) == (CommandStatus.FAILED, True)
    assert talk.does("/envmgr destroy").status is CommandStatus.DONE
    assert not talk.world.in_cloud("pr-7")
    told = talk.does("/envmgr help")
    assert (told.status, told.request) == (CommandStatus.DONE, None)
    assert "plan, apply, destroy" in told.message
    talk.world.check()


@pytest.mark.parametrize(
    ("text", "author", "changes"),
    [
        ("looks good", ALICE, {}),
        ("> /envmgr destroy", ALICE, {}),
        ("/envmgr destroy", ALICE, {"is_edited": True}),
        ("/envmgr destroy", ALICE, {"is_reply": True}),
        ("/envmgr destroy", replace(ALICE, is_bot=True), {}),
        ("/envmgr destroy", replace(OURS, is_bot=False), {}),
    ],
    ids=["talk", "quote", "edited", "reply", "bot", "us"],
)
def test_what_has_no_effect(talk: Talk, text: str, author: ForgePerson, changes: dict[str, bool]) -> None:
    """Not even an answer."""
    talk.forge.permissions[OURS.id] = Permission.ADMIN
    talk.says(text, author, **changes)
    talk.look()
    talk.works()
    assert (talk.commands(), talk.requests(), talk.reactions()) == ((), 0, [])
    assert talk.world.status("pr-7") is Status.READY


def test_a_stranger_is_refused_once_and_no_more_is_said(talk: Talk) -> None:
    """Also where the forge does not tell what she may."""
    talk.forge.permissions[MALLORY.id] = Permission.UNKNOWN
    talk.says("/envmgr destroy", MALLORY)
    for _ in range(3):
        talk.look()
    talk.says("/envmgr approve " + "a" * 40, ForgePerson("10", "id:3"))
    talk.look()
    assert (talk.commands(), talk.requests()) == ((), 0)
    assert talk.reactions() == [Reaction.REFUSED] * 2


def test_who_may_not_do_just_that_is_told_so(talk: Talk) -> None:
    """A developer approves nothing."""
    refused = talk.does("/envmgr approve")
    assert refused.status is CommandStatus.REFUSED
    assert "it takes the role approver there" in refused.message
    assert talk.reactions() == [Reaction.REFUSED]
    assert talk.requests() == 0


def test_old_comments_are_passed_over_at_first_sight(tmp_path: Path) -> None:
    """As after a loss of the records; new ones of a new pull request are not."""
    talk = Talk(tmp_path)
    talk.world.opens()
    talk.says("/envmgr suspend")
    talk.world.forward(minutes=20)
    talk.world.both()
    talk.look()
    assert talk.requests() == 0
    assert talk.does("/envmgr suspend").status is CommandStatus.DONE
    talk.world.lose_records()
    talk.people = People()
    talk.world.both(2)
    talk.look()
    talk.works()
    assert talk.requests() == 0


def test_written_before_a_push_was_seen_it_is_not_done(talk: Talk) -> None:
    """Nobody can have meant what she could not know."""
    talk.says("/envmgr destroy")
    talk.world.forward(seconds=30)
    talk.world.pushes(module=MODULE.replace("small", "large"))
    talk.world.turn()
    talk.look()
    refused = talk.commands()[-1]
    assert (refused.status, talk.requests()) == (CommandStatus.REFUSED, 0)
    assert "was seen only after this was written" in refused.message


def test_a_push_after_it_was_taken_up_calls_it_off(talk: Talk) -> None:
    """As by any door."""
    talk.says("/envmgr destroy")
    talk.look()
    talk.world.pushes(module=MODULE.replace("small", "large"))
    talk.world.turn()
    talk.works()
    refused = talk.commands()[-1]
    assert refused.status is CommandStatus.REFUSED
    assert talk.world.in_cloud("pr-7")


def test_a_dead_forge_keeps_nothing_undone(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be answered is answered later, and what could not be read is read later."""
    talk.says("/envmgr suspend")
    monkeypatch.setattr(talk.forge, "react", _away)
    talk.look()
    talk.works()
    assert talk.world.status("pr-7") is Status.SUSPENDED
    assert not talk.commands()[-1].answered
    monkeypatch.undo()
    talk.works()
    assert talk.commands()[-1].answered
    talk.says("/envmgr resume", CAROL)
    monkeypatch.setattr(talk.forge, "permission", _away)
    with pytest.raises(Transient):
        talk.look()
    monkeypatch.undo()
    talk.look()
    talk.works()
    assert talk.world.status("pr-7") is Status.READY


def _away(*_: object) -> None:
    raise Transient("away")


def test_a_branch_of_a_pattern_is_meant_where_there_is_no_preview(tmp_path: Path) -> None:
    """And where there is neither, that is said only to who may."""
    talk = Talk(tmp_path, PreviewRules(labels=("preview",)))
    talk.world.opens(7, "env-alice")
    talk.world.both()
    assert talk.does("/envmgr suspend").status is CommandStatus.DONE
    assert talk.world.status("alice") is Status.SUSPENDED


def test_a_plan_is_approved_by_comment(tmp_path: Path) -> None:
    """Only by who may, for the commit that waits."""
    talk = Talk(tmp_path, gates=APPROVED)
    talk.world.opens()
    talk.world.both()
    assert talk.world.environment("pr-7").hold.guard is Guard.APPROVAL
    assert talk.does("/envmgr approve").status is CommandStatus.REFUSED
    assert talk.does("/envmgr approve " + "f" * 40, CAROL).status is CommandStatus.REFUSED
    assert talk.does("/envmgr approve", CAROL).status is CommandStatus.DONE
    talk.world.turn()
    assert talk.world.status("pr-7") is Status.READY
    events = talk.world.store.events(talk.world.environment("pr-7").id)
    assert "github:carol" in [e.actor for e in events if e.action == "approved"]


def test_a_word_older_than_the_plan_is_none_on_it_unless_it_names_the_plan(tmp_path: Path) -> None:
    """Also within the second that a forge tells; what names the plan is of just that one, whenever it was written."""
    talk = Talk(tmp_path, gates=APPROVED)
    talk.world.opens()
    talk.world.both()
    for verb in ("approve", "reject"):
        talk.says(f"/envmgr {verb}", CAROL)
        came = talk.world.now + timedelta(milliseconds=500)
        talk.world.store.update(
            talk.world.environment("pr-7").id, None, talk.world.now, partial(_proposed_at, at=came)
        )
        talk.look()
        refused = talk.commands()[-1]
        assert (refused.status, talk.requests()) == (CommandStatus.REFUSED, 0)
        assert "came only after this was written" in refused.message
    proposal = talk.world.environment("pr-7").proposal
    assert proposal is not None
    other = talk.does("/envmgr approve 0123456789ab", CAROL)
    assert (other.status, "no plan 0123456789ab" in other.message) == (CommandStatus.REFUSED, True)
    talk.world.store.update(
        talk.world.environment("pr-7").id,
        None,
        talk.world.now,
        lambda e: _proposed_at(e, talk.world.now + timedelta(minutes=2)),
    )
    done = talk.does(f"/envmgr approve {proposal.digest[:12]}", CAROL)
    assert done.status is CommandStatus.DONE
    assert talk.world.status("pr-7") is Status.READY


def test_a_yes_that_is_older_than_a_guard_is_none(talk: Talk) -> None:
    """When it began to hold nobody can say for sure: whoever wrote before the record changed is asked to write again."""
    identity = talk.world.environment("pr-7").id

    def holds() -> None:
        talk.world.store.update(identity, None, talk.world.now, lambda e: altered(e, hold=Guard.DRIFT))

    talk.says("/envmgr approve", CAROL)
    talk.world.forward(seconds=10)
    holds()
    talk.look()
    refused = talk.commands()[-1]
    assert (refused.status, talk.requests()) == (CommandStatus.REFUSED, 0)
    assert "comment again" in refused.message
    assert talk.world.environment("pr-7").hold.approved is None
    assert talk.does("/envmgr approve", CAROL).status is CommandStatus.DONE


def test_a_command_that_was_read_long_after_it_was_written_is_refused(talk: Talk) -> None:
    """As after an outage of hours: who gave it may have done otherwise since."""
    talk.says("/envmgr destroy")
    talk.world.forward(hours=2)
    talk.look()
    talk.works()
    late = talk.commands()[-1]
    assert (late.status, "long after it was written" in late.message) == (CommandStatus.REFUSED, True)
    assert talk.world.in_cloud("pr-7")
    assert talk.does("/envmgr suspend").status is CommandStatus.DONE


def test_a_time_in_the_future_hides_nothing_that_comes(talk: Talk) -> None:
    """Neither that of a comment nor that of a pull request: what is written later is read all the same, and once."""
    later = talk.world.now + timedelta(days=3_650)
    talk.says("/envmgr help")
    talk.forge.texts[7][-1] = replace(talk.forge.texts[7][-1], at=later)
    talk.world.tells(updated_at=later)
    talk.look()
    assert talk.does("/envmgr suspend").status is CommandStatus.DONE
    for _ in range(3):
        talk.look()
    assert [each.verb for each in talk.commands()] == ["help", "suspend"]


def test_hundreds_of_commands_are_read_once_and_few_strangers_answered(talk: Talk) -> None:
    """All within the time that comments may come late: each answer to a stranger would be a call."""
    for number in range(300):
        talk.world.forward(seconds=0.1)
        talk.forge.says(7, "/envmgr destroy", MALLORY if number else ALICE)
        talk.forge.texts[7][-1] = replace(talk.forge.texts[7][-1], at=talk.world.now, text="/envmgr help")
    for _ in range(3):
        talk.world.tells(updated_at=talk.world.now)
        talk.look()
    refused = [each for each in talk.reactions() if each is Reaction.REFUSED]
    assert len(refused) == 10
    assert [each.by for each in talk.commands()] == ["github:alice"]


def test_comments_that_cannot_be_read_keep_no_other_from_being_obeyed(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One pull request costs itself; where it is so with all, the look has failed."""
    talk.world.opens(8, "other")
    talk.world.both(2)
    talk.says("/envmgr suspend", number=8)
    talk.world.tells(7, updated_at=talk.world.now)
    read = talk.forge.comments

    def odd(number: int, since: datetime | None = None) -> Sequence[Comment]:
        if number == 7:
            raise Transient("odd")
        return read(number, since)

    monkeypatch.setattr(talk.forge, "comments", odd)
    application = talk.world.daemon.application
    watch = ForgeWatch(application, lambda _: None)
    watch.look(application.services.repositories[SHOP])
    assert [each.verb for each in talk.commands(8)] == ["suspend"]
    monkeypatch.setattr(talk.forge, "comments", _away)
    talk.world.forward(minutes=1)
    talk.world.tells(8, updated_at=talk.world.now)
    with pytest.raises(Transient):
        watch.look(application.services.repositories[SHOP])
    watch.close()


def _proposed_at(record: Environment, at: datetime) -> Environment:
    assert record.proposal is not None
    return replace(record, proposal=replace(record.proposal, requested_at=at))


def test_another_name_is_not_another_person(tmp_path: Path) -> None:
    """Whoever approved, or opened the pull request, is known by the ID that her forge gave her."""
    rules = ForgeRules(members={Role.APPROVER: ("permission:write",)})
    two = Gates(approval=replace(APPROVED.approval, needed=2))  # type: ignore[type-var]
    talk = Talk(tmp_path, gates=two, forge_rules=rules)
    talk.forge.permissions |= dict.fromkeys(("2", "3", "4"), Permission.WRITE)
    talk.world.opens()
    talk.world.both()
    assert talk.does("/envmgr approve", CAROL).status is CommandStatus.DONE
    again = talk.does("/envmgr approve", ForgePerson("3", "carola"))
    assert "carola has approved it already" in again.message
    opened = talk.does("/envmgr approve", ForgePerson("2", "alicia"))
    assert "alicia opened the pull request" in opened.message
    assert talk.world.environment("pr-7").hold.guard is Guard.APPROVAL
    assert talk.does("/envmgr approve", ForgePerson("4", "dave")).status is CommandStatus.DONE


def test_a_forks_head_is_approved_by_its_full_name(tmp_path: Path) -> None:
    """By who may, and just the one that is its head now."""
    talk = Talk(tmp_path, PreviewRules(forks=True), cage=CAGED)
    head = talk.world.opens(head="main", is_from_fork=True)
    talk.world.both()
    assert "name the commit in full" in talk.does("/envmgr approve", CAROL).message
    assert talk.does(f"/envmgr approve {head}").status is CommandStatus.REFUSED
    wrong = talk.does("/envmgr approve " + "f" * 40, CAROL)
    assert (wrong.status, f"Its head is {head} now" in wrong.message) == (CommandStatus.REFUSED, True)
    talk.world.both()
    assert not talk.world.previews()
    assert talk.does(f"/envmgr approve {head}", CAROL).status is CommandStatus.DONE
    talk.world.both()
    assert talk.world.environment("pr-7").applied.commit == head
    approved = talk.world.known().approved
    assert approved is not None
    assert (approved.commit, approved.by) == (head, "github:carol")


def test_a_request_of_somebody_who_lost_her_role_is_refused(talk: Talk) -> None:
    """The roles of the configuration of now count."""
    talk.says("/envmgr suspend")
    talk.look()
    talk.world.asks(forge_rules=ForgeRules(members={}))
    talk.works()
    [request] = talk.world.store.requests.kept.values()
    assert request.status is RequestStatus.REFUSED
    assert talk.world.status("pr-7") is Status.READY
