"""Invariant 1: only a branch that is surely gone is destroyed."""

import pytest

from envmgr.domain.values.environment import Guard, Status
from envmgr.engine.reconcile.poller import Poller
from tests.support.engine import code, push
from tests.support.in_memory.engine import MemoryEngine
from tests.support.store import having


def test_an_unreachable_remote_changes_nothing_and_counting_starts_again(engine: MemoryEngine) -> None:
    """Neither does it destroy, nor do absences before it count."""
    shop = engine.repository()
    push(shop, ["alice"])
    engine.turn()
    shop.delete("env-alice")
    engine.turn(2, seconds=30)

    shop.is_away = True
    errors = engine.turn(3, hours=1)
    assert errors
    assert engine.environment("alice").status is Status.WAITING
    shop.is_away = False

    engine.turn(minutes=10)
    assert "1 of 2 confirmations" in engine.environment("alice").message
    engine.turn(minutes=4)
    assert engine.environment("alice").status is Status.WAITING
    engine.turn(minutes=2)
    assert engine.environment("alice").status is Status.DESTROYED


def test_a_branch_that_comes_back_within_the_grace_period_stays(engine: MemoryEngine) -> None:
    """No Terraform runs, and the next absence counts from nothing."""
    shop = engine.repository()
    push(shop, ["alice"])
    engine.turn()
    commit = shop.head("env-alice")
    assert commit is not None
    shop.delete("env-alice")
    engine.turn(2, seconds=30)
    engine.calls()

    shop.point(["env-alice"], commit)
    engine.turn(minutes=10)
    assert engine.environment("alice").status is Status.READY
    assert engine.calls() == []

    shop.delete("env-alice")
    engine.turn(minutes=10)
    assert engine.environment("alice").status is Status.WAITING


def test_many_branches_that_leave_together_wait_for_a_person(engine: MemoryEngine) -> None:
    """Six at once, five allowed: all of them wait; approval lets go of one only."""
    names = ["a", "b", "c", "d", "e", "f"]
    engine.settings["limits"] = {"concurrency": 4}
    shop = engine.repository()
    push(shop, [*names, "stays"])
    engine.turn()
    shop.delete(*(f"env-{name}" for name in names))

    engine.turn(4, minutes=10)

    assert engine.statuses() == {**dict.fromkeys(names, "waiting"), "stays": "ready"}
    held = engine.environment("a")
    assert held.hold.guard is Guard.MASS_DESTROY
    assert "envmgr approve acme/shop/a" in held.message

    store = engine.application.services.store
    store.update(held.id, None, engine.clock(), having(approved=held.hold.guard))
    engine.turn(2, minutes=10)

    assert engine.statuses() == {**dict.fromkeys(names[1:], "waiting"), "a": "destroyed", "stays": "ready"}


def test_a_protected_branch_is_never_destroyed_because_it_went_away(engine: MemoryEngine) -> None:
    """It waits, and says what ends it."""
    shop = engine.repository(protected=["env-prod"])
    push(shop, ["prod"])
    engine.turn()
    shop.delete("env-prod")

    engine.turn(5, hours=24)

    prod = engine.environment("prod")
    assert prod.status is Status.WAITING
    assert "protected" in prod.message
    assert engine.state("prod").exists()


def test_another_default_branch_is_not_taken_for_a_complete_listing_at_once(engine: MemoryEngine) -> None:
    """The pass that shows a renamed default branch counts no absence; the next one does."""
    shop = engine.repository()
    push(shop, ["alice"])
    engine.turn()
    shop.rename_default_branch("trunk")
    shop.delete("env-alice")

    engine.turn(minutes=10)
    assert engine.environment("alice").absences == 0
    engine.turn(minutes=10)
    assert engine.environment("alice").absences == 1


@pytest.mark.parametrize(
    ("branches", "said"),
    [(["review-*"], "No pattern"), (["!env-alice", "env-*"], "exclude branch env-alice now (by !env-alice)")],
)
def test_what_is_no_longer_configured_is_left_alone(
    engine: MemoryEngine, branches: list[str], said: str
) -> None:
    """A pattern that matches no more or excludes, a repository that is not listed: nothing is destroyed."""
    shop = engine.repository()
    other = engine.repository("other")
    push(shop, ["alice"])
    push(other, ["bob"])
    engine.turn()
    engine.repository_settings["shop"]["branches"] = branches
    del engine.repositories["other"]
    engine.restart()

    engine.turn(5, hours=1)

    alice = engine.environment("alice")
    assert alice.status is Status.WAITING
    assert said in alice.message
    assert engine.state("alice").exists()
    assert engine.environment("bob", "other").status is Status.READY
    engine.repository_settings["shop"]["branches"] = ["env-*"]
    engine.restart()
    engine.turn()
    assert engine.environment("alice").status is Status.READY


def test_a_branch_deleted_while_its_destroy_is_planned_and_pushed_again_is_kept(engine: MemoryEngine) -> None:
    """The branch's return is seen between plan and apply of the destroy."""
    shop = engine.repository()
    push(shop, ["alice"])
    engine.turn()
    commit = shop.head("env-alice")
    assert commit
    shop.delete("env-alice")
    engine.turn(2, seconds=30)
    engine.clock.forward(minutes=5)
    engine.poll()

    def comes_back() -> None:
        shop.point(["env-alice"], commit)
        engine.poll()

    engine.calls()
    engine.meanwhile("plan", "ends", comes_back)
    engine.work()

    assert "apply" not in engine.calls()
    assert engine.environment("alice").status is Status.READY
    assert engine.state("alice").exists()


@pytest.mark.parametrize("left", ["notes.txt", ".main.tf", ".#main.tf", "main.tf/notes.txt", "main.tofu"])
def test_code_that_vanished_from_the_branch_destroys_nothing(engine: MemoryEngine, left: str) -> None:
    """A folder without code that Terraform reads would plan to destroy all: it is refused."""
    shop = engine.repository()
    push(shop, ["alice"])
    engine.turn()
    shop.commit("env-alice", {"terraform/main.tf": None, f"terraform/{left}": "gone"})

    engine.turn(seconds=30)

    alice = engine.environment("alice")
    assert alice.status is Status.FAILED
    assert "no Terraform code" in alice.message
    assert "small" in engine.state("alice").read_text()


def test_two_branches_of_one_name_are_told_apart(engine: MemoryEngine) -> None:
    """The second is refused with a sentence that names both; its push changes nothing for the first."""
    shop = engine.repository(branches=["env-*", "review/*"])
    push(shop, ["alice"])
    engine.turn()
    shop.commit("review/alice", code(module='resource "terraform_data" "other" {}'))

    engine.turn(seconds=30)

    assert engine.environment("alice").branch == "env-alice"
    refused = [e for e in engine.application.services.store.environments() if e.refused]
    assert len(refused) == 1
    assert "env-alice" in refused[0].message
    assert "review/alice" in refused[0].message
    assert refused[0].status is Status.FAILED
    assert engine.environment("alice").applied.resources == ("terraform_data.app",)


def test_what_another_process_saw_in_between_counts_too(engine: MemoryEngine) -> None:
    """A branch that was away only for an `envmgr reconcile` is not half gone for the daemon for ever."""
    shop = engine.repository()
    push(shop, ["alice"])
    engine.turn()
    commit = shop.head("env-alice") or ""
    services = engine.application.services
    shop.delete("env-alice")
    Poller(services).poll_all(services.repositories.values(), 1)
    assert engine.environment("alice").is_missing
    shop.point(["env-alice"], commit)

    engine.turn(seconds=30)
    assert not engine.environment("alice").is_missing

    shop.delete("env-alice")
    engine.turn(minutes=10)
    assert "1 of 2 confirmations" in engine.environment("alice").message


def test_a_branch_that_comes_back_while_it_is_destroyed_gets_its_environment_again(
    engine: MemoryEngine,
) -> None:
    """The destroy goes on to its end; that the remote says nothing new then is no reason to rest."""
    shop = engine.repository()
    push(shop, ["alice"])
    engine.turn()
    commit = shop.head("env-alice") or ""
    shop.delete("env-alice")
    engine.turn(2, seconds=30)

    def comes_back() -> None:
        shop.point(["env-alice"], commit)
        engine.poll()

    engine.meanwhile("apply", "locked", comes_back)
    engine.turn(minutes=5)
    assert engine.environment("alice").status is Status.DESTROYED

    engine.turn(seconds=30)
    assert engine.environment("alice").status is Status.READY
    assert engine.environment("alice").applied.commit == commit
