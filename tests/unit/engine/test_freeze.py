"""Freeze and thaw through the whole of envmgr, by people and by the organization file."""

from dataclasses import replace
from datetime import timedelta

import pytest

from envmgr.commands import freezing, operations, reading, rollback
from envmgr.commands.freezing import Spot
from envmgr.domain.errors import NeedsPerson, Transient, UsageError
from envmgr.domain.values.asking.freeze import Freeze
from envmgr.domain.values.asking.person import Asker, Kind, Person, Role
from envmgr.domain.values.environment import Status, Suspension, WaitsFor
from envmgr.domain.values.names import RepositoryId
from envmgr.engine.work.job import NothingDone
from envmgr.ports.pages import Wanted
from tests.support.engine import MODULE, code, push
from tests.support.in_memory.engine import MemoryEngine
from tests.support.in_memory.states import MemoryStates

ACME = Spot("acme")


@pytest.fixture
def alice(engine: MemoryEngine) -> MemoryEngine:
    """One environment that is ready."""
    push(engine.repository(), ["alice"])
    engine.turn()
    assert engine.statuses() == {"alice": "ready"}
    engine.calls()
    return engine


def test_nothing_is_applied_until_the_thaw(alice: MemoryEngine) -> None:
    """Neither a push nor a new branch; afterwards both, without anything else having happened."""
    repository = alice.repositories["shop"]
    freezing.freeze(alice.application, ACME, "migration\nof the\x1b[31m network", None)
    repository.commit("env-alice", code(module=MODULE.replace("small", "large")))
    push(repository, ["bob"])
    alice.turn(3)
    assert alice.calls() == []
    for name in ("alice", "bob"):
        waiting = alice.environment(name)
        assert waiting.status is Status.WAITING
        assert waiting.waits is not None
        assert waiting.waits.on is WaitsFor.FREEZE
        assert "frozen by daemon (migration of the\\x1b[31m network)" in waiting.message
    freezing.thaw(alice.application, ACME)
    alice.turn(2)
    assert alice.statuses() == {"alice": "ready", "bob": "ready"}


def test_a_branch_that_goes_waits_too(alice: MemoryEngine) -> None:
    """It is destroyed after the thaw; one that came back meanwhile is not."""
    repository = alice.repositories["shop"]
    push(repository, ["bob"])
    alice.turn()
    freezing.freeze(alice.application, Spot("acme", "shop"), "audit", None)
    repository.delete("env-alice")
    repository.delete("env-bob")
    alice.turn(4, minutes=10)
    assert alice.statuses() == {"alice": "waiting", "bob": "waiting"}
    push(repository, ["bob"])
    alice.turn()
    freezing.thaw(alice.application, Spot("acme", "shop"))
    alice.turn(2)
    assert alice.statuses() == {"alice": "destroyed", "bob": "ready"}
    assert not alice.in_cloud("alice")


def test_it_ends_by_itself(alice: MemoryEngine) -> None:
    """At its time, when it is also taken up."""
    freezing.freeze(alice.application, ACME, "migration", alice.clock() + timedelta(hours=2))
    alice.repositories["shop"].commit("env-alice", code(module=MODULE.replace("small", "large")))
    alice.turn()
    assert alice.environment("alice").status is Status.WAITING
    alice.turn(hours=2)
    assert alice.environment("alice").status is Status.READY


def test_the_file_of_one_organization_thaws_no_other(alice: MemoryEngine) -> None:
    """Whoever names one file alone, or a host that has not all, knows nothing of the rest."""
    freezes = alice.application.services.store.freezes
    theirs = Freeze(organization="beta", reason="migration", by="its file", since=alice.clock(), in_file=True)
    freezes.put(theirs)
    freezes.put(replace(theirs, organization="acme"))
    alice.restart()
    assert alice.application.services.store.freezes.all() == [theirs]


def test_the_file_freezes_and_only_the_file_thaws(alice: MemoryEngine) -> None:
    """A thaw says where; one of another place is none."""
    alice.settings["freeze"] = {"reason": "migration"}
    alice.restart()
    alice.repositories["shop"].commit("env-alice", code(module=MODULE.replace("small", "large")))
    alice.turn()
    assert "frozen by the organization file (migration)" in alice.environment("alice").message
    with pytest.raises(NeedsPerson, match=r"not frozen by a person: .* `freeze` in the organization file"):
        freezing.thaw(alice.application, ACME)
    since = alice.application.services.store.freezes.all()[0].since
    alice.clock.forward(hours=1)
    alice.restart()
    assert alice.application.services.store.freezes.all()[0].since == since
    del alice.settings["freeze"]
    alice.restart()
    alice.turn()
    assert alice.environment("alice").status is Status.READY
    with pytest.raises(NeedsPerson, match="acme is not frozen"):
        freezing.thaw(alice.application, ACME)


def test_a_person_may_only_destroy_and_says_so(alice: MemoryEngine) -> None:
    """An apply, a rollback and a destroy are refused; `--override-freeze` destroys, and leaves an event."""
    freezing.freeze(alice.application, ACME, "migration", None)
    found = alice.environment("alice")
    yes = lambda *_: True  # noqa: E731
    with pytest.raises(
        NothingDone, match=r"acme is frozen by daemon \(migration\)\. `envmgr thaw acme` ends that\.$"
    ):
        operations.apply(alice.application, found, yes)
    with pytest.raises(NothingDone, match="is frozen"):
        rollback.roll_back(alice.application, found, "previous", yes)
    with pytest.raises(NothingDone, match="--override-freeze destroys all the same"):
        operations.destroy(alice.application, found, yes)
    assert alice.environment("alice") == found
    operations.destroy(alice.application, found, yes, override_freeze=True)
    assert not alice.in_cloud("alice")
    assert alice.environment("alice").suspended_by is Suspension.DESTROY
    assert "freeze-overridden" in [e.action for e in alice.application.services.store.events(found.id)]


def test_what_runs_ends_in_peace_and_what_was_only_planned_does_not_begin(alice: MemoryEngine) -> None:
    """A freeze during an apply lets it end; one during its plan keeps it from beginning."""
    repository = alice.repositories["shop"]

    def frozen_at(command: str, step: str, size: str) -> str:
        def freeze() -> None:
            freezing.freeze(alice.application, ACME, "migration", None)

        repository.commit("env-alice", code(module=MODULE.replace("small", size)))
        alice.meanwhile(command, step, freeze)
        alice.turn()
        return alice.environment("alice").status

    assert frozen_at("plan", "ends", "large") == Status.WAITING
    assert "apply" not in " ".join(alice.calls())
    freezing.thaw(alice.application, ACME)
    alice.turn()
    assert alice.environment("alice").status is Status.READY
    assert frozen_at("apply", "locked", "huge") == Status.READY


def test_a_freeze_while_a_rollback_is_asked_about_leaves_no_hold(alice: MemoryEngine) -> None:
    """The yes comes too late: nothing was changed, so nothing is once it is thawed."""
    alice.repositories["shop"].commit("env-alice", code(module=MODULE.replace("small", "large")))
    alice.turn()
    newest = alice.environment("alice").applied.commit

    def freezes(*_: object) -> bool:
        freezing.freeze(alice.application, ACME, "migration", None)
        return True

    with pytest.raises(NothingDone, match=r"is frozen by .*: nothing was changed"):
        rollback.roll_back(alice.application, alice.environment("alice"), "previous", freezes)
    assert alice.environment("alice").pin is None
    assert "rolled-back" not in alice.actions("alice")
    freezing.thaw(alice.application, ACME)
    alice.turn(2, minutes=5)
    assert alice.environment("alice").applied.commit == newest


@pytest.mark.parametrize("spoilt", [False, True])
def test_a_lost_data_folder_thaws_nothing(alice: MemoryEngine, spoilt: bool) -> None:
    """It is kept beside the states; what cannot be read there may have been a freeze of everything."""
    until = alice.clock() + timedelta(days=1)
    freezing.freeze(alice.application, Spot("acme", "shop"), "migration", until)
    freezing.freeze(alice.application, ACME, "audit", None)
    freezing.thaw(alice.application, ACME)
    (before,) = alice.application.services.store.freezes.all()
    if spoilt:
        alice.application.services.organizations["acme"].state().put("acme/envmgr-freezes.json", b"{}")
    alice.lose_data()
    alice.repositories["shop"].commit("env-alice", code(module=MODULE.replace("small", "large")))
    alice.turn()
    (found,) = alice.application.services.store.freezes.all()
    assert found == before or spoilt
    assert found.covers(RepositoryId("acme", "shop"))
    assert "frozen by" in alice.environment("alice").message
    assert alice.calls() == []
    freezing.thaw(alice.application, Spot(found.organization, found.repository))
    assert alice.application.services.organizations["acme"].state().get("acme/envmgr-freezes.json") is None
    alice.turn()
    assert alice.environment("alice").status is Status.READY


def test_what_could_not_be_kept_is_kept_later(alice: MemoryEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """By whoever polls, and told once; what is kept already is not written again."""
    states = alice.application.services.organizations["acme"].state()

    def away(*_: object) -> None:
        raise Transient("the bucket is away")

    monkeypatch.setattr(MemoryStates, "put", away)
    freezing.freeze(alice.application, ACME, "migration", None)
    alice.turn(3)
    assert states.get("acme/envmgr-freezes.json") is None
    told = [e for e in alice.store.events() if e.action == "freeze-not-kept"]
    assert [e.place for e in told] == [("acme", None)]
    monkeypatch.undo()
    alice.turn(2, minutes=2)
    assert b"migration" in (states.get("acme/envmgr-freezes.json") or b"")
    states.put("acme/envmgr-freezes.json", b"as it was")
    alice.turn(2, minutes=2)
    assert states.get("acme/envmgr-freezes.json") == b"as it was"
    freezing.thaw(alice.application, ACME)
    assert states.get("acme/envmgr-freezes.json") is None


def test_who_may_see_the_organization_sees_that_it_is_frozen(alice: MemoryEngine) -> None:
    """As an event of the organization's, also where some repository is hidden; who may not see it does not."""
    freezing.freeze(alice.application, ACME, "migration", None)
    freezing.freeze(alice.application, Spot("acme", "shop"), "audit", None)

    def seen(*rules: tuple[str, str | None, Role | None]) -> list[tuple[str, str | None] | None]:
        roles = {(organization, repository): role for organization, repository, role in rules}
        runtime = alice.application.asked_by(Person(Asker(Kind.PERSON, "erin"), roles))
        found = [e for e in reading.events(runtime, Wanted()) if e.action == "frozen"]
        live = [e for e in alice.store.events() if e.action == "frozen" and reading.is_seen(runtime, e)]
        assert live[::-1] == found
        return [e.place for e in found]

    whole, shop = ("acme", None), ("acme", "shop")
    assert seen((*whole, Role.VIEWER)) == [shop, whole]
    assert seen((*whole, Role.VIEWER), (*shop, None)) == [whole]
    assert seen((*shop, Role.VIEWER)) == [shop]
    assert seen(("other", None, Role.ADMIN)) == []


def test_what_cannot_be_frozen_is_said(alice: MemoryEngine) -> None:
    with pytest.raises(UsageError, match="Say why"):
        freezing.freeze(alice.application, ACME, " \n", None)
    with pytest.raises(UsageError, match="is over"):
        freezing.freeze(alice.application, ACME, "x", alice.clock())
    for text in ("", "acme/", "other", "acme/other", "/shop"):
        with pytest.raises(UsageError, match="no organization or repository"):
            freezing.spots(alice.application, text)
    assert freezing.spots(alice.application, None) == [ACME]
    assert freezing.spots(alice.application, "acme/shop") == [Spot("acme", "shop")]
