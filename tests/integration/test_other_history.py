"""Invariant 18: a listing is evidence only about the history that was known; anything else destroys nothing."""

import shutil
from dataclasses import replace

import pytest

from envmgr.commands import operations, steering
from envmgr.commands.audit import Audit
from envmgr.domain.values.environment import Environment, Guard, Status
from envmgr.domain.values.names import RepositoryId
from tests.support.engine import Engine, push
from tests.support.git_repository import GitRepository

NAMES = ["alice", "bob", "carol"]
SHOP = RepositoryId("acme", "shop")


def made(engine: Engine) -> GitRepository:
    """A repository with three environments that are ready."""
    shop = engine.repository()
    push(shop, NAMES)
    engine.turn()
    assert set(engine.statuses().values()) == {"ready"}
    return shop


def replaced(engine: Engine, shop: GitRepository) -> GitRepository:
    """Another repository with a `main` of its own at the same address."""
    shutil.rmtree(shop.path)
    anew = GitRepository.create(shop.path)
    anew.commit("main", {"README.md": "made anew"})
    engine.repositories["shop"] = anew
    return anew


def check_held(engine: Engine, *names: str) -> None:
    """All of them wait for a person, with a sentence that says why, and have all they had."""
    for name in names:
        held = engine.environment(name)
        assert (held.status, held.hold.guard, held.absences) == (Status.WAITING, Guard.HISTORY, 0)
        assert "another history" in held.message
        assert f"envmgr approve acme/shop/{name}" in held.message
        assert "small" in engine.state(name).read_text()


def approve(engine: Engine, name: str) -> list[Environment]:
    """A person's yes."""
    [found] = operations.find_all(engine.application, name)
    return steering.approve(engine.application, found)


def test_a_repository_made_anew_at_its_address_destroys_nothing(engine: Engine) -> None:
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


def test_what_was_known_survives_a_restart_and_was_counting_before(engine: Engine) -> None:
    """A deletion that was confirmed in the old repository goes back to nothing."""
    shop = made(engine)
    shop.delete("env-alice")
    engine.turn(2, seconds=30)
    assert engine.environment("alice").absences == 2
    replaced(engine, shop)
    engine.restart()
    engine.turn(5, minutes=10)
    check_held(engine, *NAMES)


def test_a_destroy_that_is_being_planned_is_called_off(engine: Engine) -> None:
    """The repository is made anew between the plan of a confirmed destroy and its apply."""
    shop = made(engine)
    shop.delete("env-alice")
    engine.turn(2, seconds=30)
    engine.clock.forward(minutes=10)
    engine.poll()
    terraform = engine.application.services.tenants["acme"].terraform
    plan = terraform.plan

    def plan_and_replace(*args: object, **options: object) -> object:
        result = plan(*args, **options)  # type: ignore[arg-type]
        replaced(engine, shop)
        engine.poll()
        return result

    engine.calls()
    terraform.plan = plan_and_replace  # type: ignore[method-assign, assignment]
    engine.work()
    assert "apply" not in engine.calls()
    engine.turn(minutes=10)
    check_held(engine, *NAMES)


@pytest.mark.parametrize("default", ["main", "master"])
def test_an_address_that_leads_to_another_repository_changes_nothing(engine: Engine, default: str) -> None:
    """Its branches, though they have our names, are not taken; with the right address all is as before."""
    shop = made(engine)
    shoe = GitRepository.create(engine.folder / "remotes" / "shoe.git", default)
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


def test_a_fork_has_the_history_but_not_the_branches(engine: Engine) -> None:
    """Also where the address of the very same history changed, what is missing there waits."""
    shop = made(engine)
    fork = shutil.copytree(shop.path, engine.folder / "remotes" / "fork.git")
    engine.repositories["shop"] = GitRepository(fork)
    engine.repositories["shop"].delete("env-bob", "env-carol")
    engine.restart()
    engine.turn(4, minutes=10)
    check_held(engine, "bob", "carol")
    assert engine.environment("alice").status is Status.READY


def test_a_repository_that_moved_with_all_its_branches_is_trusted_there(engine: Engine) -> None:
    shop = made(engine)
    moved = shutil.copytree(shop.path, engine.folder / "remotes" / "moved.git")
    engine.repositories["shop"] = GitRepository(moved)
    engine.restart()
    engine.turn(minutes=10)
    engine.repositories["shop"].delete("env-bob")
    engine.turn(3, minutes=10)
    assert engine.statuses() == {"alice": "ready", "bob": "destroyed", "carol": "ready"}


def test_a_default_branch_that_moves_on_and_is_renamed_stays_known(engine: Engine) -> None:
    """The usual life: commits on main, another name for it; a deleted branch is destroyed."""
    shop = made(engine)
    shop.commit("main", {"a": "1"})
    engine.turn(minutes=1)
    shop.commit("main", {"a": "2"})
    shop.delete("env-alice")
    engine.turn(3, minutes=10)
    assert engine.environment("alice").status is Status.DESTROYED

    shop.git("branch", "-m", "main", "trunk")
    shop.set_default_branch("trunk")
    shop.commit("trunk", {"a": "3"})
    shop.delete("env-bob")
    engine.turn(4, minutes=10)
    assert engine.environment("bob").status is Status.DESTROYED
    assert engine.environment("carol").status is Status.READY


def test_a_forced_default_branch_blinds_only_until_a_person_accepts_it(engine: Engine) -> None:
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


def test_a_yes_to_one_history_is_none_to_the_next(engine: Engine) -> None:
    shop = made(engine)
    shop.force_push("main", {"README.md": "second"})
    shop.delete("env-alice")
    engine.turn(minutes=10)
    approve(engine, "alice")
    shop.force_push("main", {"README.md": "third"})
    engine.turn(4, minutes=10)
    check_held(engine, "alice")


def test_an_orphan_as_default_branch_waits_and_the_old_one_back_goes_on(engine: Engine) -> None:
    """Nobody need approve anything where the known history is back."""
    shop = made(engine)
    shop.force_push("orphan", {"README.md": "no past"})
    shop.set_default_branch("orphan")
    shop.delete("env-alice")
    engine.turn(4, minutes=10)
    check_held(engine, "alice")
    shop.set_default_branch("main")
    engine.turn(4, minutes=10)
    assert engine.environment("alice").status is Status.DESTROYED


def test_a_default_branch_that_cannot_be_fetched_is_no_evidence(engine: Engine) -> None:
    """Nothing counts, the remote's fault is said; healed, the deletion counts from then on."""
    shop = made(engine)
    commit = shop.commit("main", {"a": "1"})
    shop.delete("env-alice")
    lost = shop.path / "objects" / commit[:2] / commit[2:]
    if not lost.exists():
        shop.git("unpack-objects", stdin=b"")
    hidden = lost.with_suffix(".hidden")
    lost.rename(hidden)
    errors = engine.turn(3, minutes=10)
    assert "no missing branch counts as gone" in errors[0]
    assert engine.environment("alice").status is Status.READY
    hidden.rename(lost)
    engine.turn(3, minutes=10)
    assert engine.environment("alice").status is Status.DESTROYED


def forget_history(engine: Engine) -> None:
    """The record as an earlier release left it."""
    store = engine.application.services.store
    state = store.repository(SHOP)
    assert state.known_commit
    store.save_repository(SHOP, replace(state, known_commit=None, known_address=None))
    engine.restart()


def test_after_an_upgrade_a_branch_of_the_same_history_may_go(engine: Engine) -> None:
    """What was applied is kept in the mirror, and has its beginning in common with the default branch."""
    shop = made(engine)
    forget_history(engine)
    shop.delete("env-alice")
    engine.turn(3, minutes=10)
    assert engine.environment("alice").status is Status.DESTROYED


def test_after_an_upgrade_another_history_is_no_evidence_either(engine: Engine) -> None:
    shop = made(engine)
    forget_history(engine)
    replaced(engine, shop)
    engine.turn(4, minutes=10)
    check_held(engine, *NAMES)
    assert len(engine.application.services.store.events(actions=["other-history"])) == 1
    approve(engine, "alice")
    engine.turn(3, minutes=10)
    assert engine.statuses() == {"alice": "destroyed", "bob": "waiting", "carol": "waiting"}


def test_after_an_upgrade_a_history_is_known_once_something_was_applied_from_it(engine: Engine) -> None:
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


def test_a_pass_without_news_asks_the_remote_nothing_more(engine: Engine) -> None:
    """Commits on the default branch alone are no reason to fetch it."""
    shop = made(engine)
    asked: list[object] = []
    fetch = engine.application.services.git.fetch
    engine.application.services.git.fetch = lambda *args: (asked.append(args), fetch(*args))[1]  # type: ignore[method-assign, func-returns-value]
    shop.commit("main", {"a": "1"})
    engine.turn(3, minutes=10)
    assert asked == []
    shop.delete("env-alice")
    engine.turn(3, minutes=10)
    assert len(asked) == 1
    assert engine.environment("alice").status is Status.DESTROYED


def test_with_the_data_folder_lost_the_history_is_known_from_beside_the_state(engine: Engine) -> None:
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


def test_an_audit_takes_another_history_for_nothing_seen(engine: Engine) -> None:
    """What is missing there is no finding that could be fixed; that the look proves nothing is one."""
    replaced(engine, made(engine))
    application = engine.application
    found = Audit(application, application.services.tenants["acme"]).findings()
    assert [f.fix for f in found] == [None]
    assert "another history" in found[0].what
