"""Invariant 18: a listing is evidence only about the history that was known; anything else destroys nothing."""

from dataclasses import replace

import pytest

from envmgr.commands import operations, steering
from envmgr.commands.audit import Audit
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.environment import Environment, Guard, Hold, Status
from envmgr.domain.values.names import RepositoryId
from tests.support.engine import push
from tests.support.in_memory.engine import MemoryEngine
from tests.support.in_memory.git import MemoryRepository
from tests.support.records import altered

NAMES = ["alice", "bob", "carol"]
SHOP = RepositoryId("acme", "shop")


def made(engine: MemoryEngine) -> MemoryRepository:
    """A repository with three environments that are ready."""
    shop = engine.repository()
    push(shop, NAMES)
    engine.turn()
    assert set(engine.statuses().values()) == {"ready"}
    return shop


def replaced(engine: MemoryEngine, shop: MemoryRepository) -> MemoryRepository:
    """Another repository with a `main` of its own at the same address."""
    anew = MemoryRepository(shop.url)
    anew.commit("main", {"README.md": "made anew"})
    engine.repositories["shop"] = engine.git.remotes[shop.url] = anew
    return anew


def check_held(engine: MemoryEngine, *names: str) -> None:
    """All of them wait for a person, with a sentence that says why, and have all they had."""
    for name in names:
        held = engine.environment(name)
        assert (held.status, held.hold.guard, held.absences) == (Status.WAITING, Guard.HISTORY, 0)
        assert "another history" in held.message
        assert f"envmgr approve acme/shop/{name}" in held.message
        assert "small" in engine.state(name).read_text()


def approve(engine: MemoryEngine, name: str) -> list[Environment]:
    """A person's yes."""
    [found] = operations.find_all(engine.application, name)
    return steering.approve(engine.application, found)


def test_a_yes_is_to_the_guard_that_was_shown(engine: MemoryEngine) -> None:
    """Not to one that came while she read, and none in advance."""
    replaced(engine, made(engine))
    engine.turn(5, minutes=10)
    shown = engine.environment("alice")
    engine.store.update(shown.id, None, engine.clock(), lambda e: altered(e, hold=Guard.MASS_DESTROY))
    for now in (Guard.MASS_DESTROY, None):
        engine.store.update(shown.id, None, engine.clock(), lambda e, now=now: altered(e, hold=now))  # type: ignore[misc]
        with pytest.raises(NeedsPerson, match="not held back any more by what was shown"):
            steering.approve(engine.application, shown)
        assert engine.environment("alice").hold == Hold(now)


def test_a_repository_made_anew_at_its_address_destroys_nothing(engine: MemoryEngine) -> None:
    """Not even where all its environments stay below `max_at_once`; its own branches are served."""
    anew = replaced(engine, made(engine))
    engine.calls()
    engine.turn(5, minutes=10)
    check_held(engine, *NAMES)
    assert engine.calls() == []

    push(anew, ["dave"])
    engine.turn(2, minutes=10)
    check_held(engine, *NAMES)
    assert engine.environment("dave").status is Status.READY


def test_what_was_known_survives_a_restart_and_was_counting_before(engine: MemoryEngine) -> None:
    """A deletion that was confirmed in the old repository goes back to nothing."""
    shop = made(engine)
    shop.delete("env-alice")
    engine.turn(2, seconds=30)
    assert engine.environment("alice").absences == 2
    replaced(engine, shop)
    engine.restart()
    engine.turn(5, minutes=10)
    check_held(engine, *NAMES)


def test_a_destroy_that_is_being_planned_is_called_off(engine: MemoryEngine) -> None:
    """The repository is made anew between the plan of a confirmed destroy and its apply."""
    shop = made(engine)
    shop.delete("env-alice")
    engine.turn(2, seconds=30)
    engine.clock.forward(minutes=10)
    engine.poll()

    def made_anew() -> None:
        replaced(engine, shop)
        engine.poll()

    engine.calls()
    engine.meanwhile("plan", "ends", made_anew)
    engine.work()
    assert "apply" not in engine.calls()
    engine.turn(minutes=10)
    check_held(engine, *NAMES)


@pytest.mark.parametrize("default", ["main", "master"])
def test_an_address_that_leads_to_another_repository_changes_nothing(
    engine: MemoryEngine, default: str
) -> None:
    """Its branches, though they have our names, are not taken; with the right address all is as before."""
    shop = made(engine)
    shoe = MemoryRepository("/remotes/shoe.git", default)
    shoe.commit(default, {"README.md": "another repository"})
    push(shoe, ["alice", "zoe"], module='resource "terraform_data" "foreign" {}')
    engine.repositories["shop"] = shoe
    engine.restart()
    engine.calls()
    engine.turn(4, minutes=10)
    check_held(engine, *NAMES)
    assert engine.calls() == []
    assert set(engine.statuses()) == set(NAMES)

    engine.repositories["shop"] = shop
    engine.restart()
    engine.turn(2, minutes=10)
    assert engine.statuses() == dict.fromkeys(NAMES, "ready")


def test_a_repository_that_moved_with_all_its_branches_is_trusted_there(engine: MemoryEngine) -> None:
    shop = made(engine)
    engine.repositories["shop"] = shop.copy("/remotes/moved.git")
    engine.restart()
    engine.turn(minutes=10)
    engine.repositories["shop"].delete("env-bob")
    engine.turn(3, minutes=10)
    assert engine.statuses() == {"alice": "ready", "bob": "destroyed", "carol": "ready"}


def test_a_repository_that_moved_with_some_of_its_branches_waits_and_is_told_once(
    engine: MemoryEngine,
) -> None:
    """The history is the known one, the address is not; each look finds the same, which is no news."""
    shop = made(engine)
    moved = engine.repositories["shop"] = shop.copy("/remotes/moved.git")
    moved.delete("env-bob")
    engine.restart()
    engine.turn(4, minutes=10)
    check_held(engine, "bob")
    [told] = engine.application.services.store.events(actions=["other-history"])
    assert "as before, but at a different address" in told.message
    approve(engine, "bob")
    engine.turn(3, minutes=10)
    assert engine.statuses() == {"alice": "ready", "bob": "destroyed", "carol": "ready"}


def test_a_default_branch_that_moves_on_and_is_renamed_stays_known(engine: MemoryEngine) -> None:
    """The usual life: commits on main, another name for it; a deleted branch is destroyed."""
    shop = made(engine)
    shop.commit("main", {"a": "1"})
    engine.turn(minutes=1)
    shop.commit("main", {"a": "2"})
    shop.delete("env-alice")
    engine.turn(3, minutes=10)
    assert engine.environment("alice").status is Status.DESTROYED

    shop.rename_default_branch("trunk")
    shop.commit("trunk", {"a": "3"})
    shop.delete("env-bob")
    engine.turn(4, minutes=10)
    assert engine.environment("bob").status is Status.DESTROYED
    assert engine.environment("carol").status is Status.READY


def test_a_forced_default_branch_blinds_only_until_a_person_accepts_it(engine: MemoryEngine) -> None:
    """The one that was approved goes, by confirmations and grace as ever; another deletion then needs nobody."""
    shop = made(engine)
    shop.force_push("main", {"README.md": "rewritten"})
    shop.delete("env-alice", "env-bob")
    engine.turn(4, minutes=10)
    check_held(engine, "alice", "bob")
    assert engine.environment("carol").status is Status.READY

    shop.commit("main", {"README.md": "and on it goes"})
    approve(engine, "alice")
    engine.turn(seconds=30)
    assert "1 of 2 confirmations" in engine.environment("alice").message
    engine.turn(3, minutes=10)
    assert engine.environment("alice").status is Status.DESTROYED
    assert engine.environment("bob").hold.guard is Guard.HISTORY

    shop.delete("env-carol")
    engine.turn(3, minutes=10)
    assert engine.environment("carol").status is Status.DESTROYED
    approve(engine, "bob")
    engine.turn(2, minutes=10)
    assert engine.environment("bob").status is Status.DESTROYED


def test_a_yes_to_one_history_is_none_to_the_next(engine: MemoryEngine) -> None:
    shop = made(engine)
    shop.force_push("main", {"README.md": "second"})
    shop.delete("env-alice")
    engine.turn(minutes=10)
    approve(engine, "alice")
    shop.force_push("main", {"README.md": "third"})
    engine.turn(4, minutes=10)
    check_held(engine, "alice")


def test_an_orphan_as_default_branch_waits_and_the_old_one_back_goes_on(engine: MemoryEngine) -> None:
    """Nobody need approve anything where the known history is back."""
    shop = made(engine)
    shop.force_push("orphan", {"README.md": "no past"})
    shop.default_branch = "orphan"
    shop.delete("env-alice")
    engine.turn(4, minutes=10)
    check_held(engine, "alice")
    shop.default_branch = "main"
    engine.turn(4, minutes=10)
    assert engine.environment("alice").status is Status.DESTROYED


def forget_history(engine: MemoryEngine) -> None:
    """The record as an earlier release left it."""
    store = engine.application.services.store
    state = store.repository(SHOP)
    assert state.known_commit
    store.save_repository(SHOP, replace(state, known_commit=None, known_address=None))
    engine.restart()


def test_after_an_upgrade_a_branch_of_the_same_history_may_go(engine: MemoryEngine) -> None:
    """What was applied is kept in the mirror, and has its beginning in common with the default branch."""
    shop = made(engine)
    forget_history(engine)
    shop.delete("env-alice")
    engine.turn(3, minutes=10)
    assert engine.environment("alice").status is Status.DESTROYED


def test_after_an_upgrade_another_history_is_no_evidence_either(engine: MemoryEngine) -> None:
    shop = made(engine)
    forget_history(engine)
    replaced(engine, shop)
    engine.turn(4, minutes=10)
    check_held(engine, *NAMES)
    assert len(engine.application.services.store.events(actions=["other-history"])) == 1
    approve(engine, "alice")
    engine.turn(3, minutes=10)
    assert engine.statuses() == {"alice": "destroyed", "bob": "waiting", "carol": "waiting"}


def test_after_an_upgrade_a_history_is_known_once_something_was_applied_from_it(engine: MemoryEngine) -> None:
    """A repository that was made anew with all its branches is not taken for the known one before that."""
    shop = made(engine)
    forget_history(engine)
    anew = replaced(engine, shop)
    push(anew, NAMES)
    engine.poll()
    store = engine.application.services.store
    assert store.repository(SHOP).known_commit is None
    engine.work()
    engine.poll()
    assert store.repository(SHOP).known_commit == anew.head("main")


def test_with_the_data_folder_lost_the_history_is_known_from_beside_the_state(engine: MemoryEngine) -> None:
    """What was deleted meanwhile goes; of a repository made anew meanwhile nothing does."""
    engine.seal_with_a_key()
    shop = made(engine)
    shop.delete("env-alice")
    shop.commit("main", {"a": "1"})
    engine.lose_data()
    engine.turn(3, minutes=10)
    assert engine.statuses() == {"alice": "destroyed", "bob": "ready", "carol": "ready"}

    replaced(engine, shop)
    engine.lose_data()
    engine.turn(4, minutes=10)
    check_held(engine, "bob", "carol")


def test_an_audit_takes_another_history_for_nothing_seen(engine: MemoryEngine) -> None:
    """What is missing there is no finding that could be fixed; that the look proves nothing is one."""
    replaced(engine, made(engine))
    application = engine.application
    found = Audit(application, application.services.organizations["acme"]).findings()
    assert [f.fix for f in found] == [None]
    assert "a different history" in found[0].what
