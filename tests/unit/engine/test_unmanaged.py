"""Environments whose repository or organization is in the configuration no more: they say so, and can be ended."""

from dataclasses import replace

import pytest

from envmgr.commands import operations
from envmgr.commands.audit import Audit
from envmgr.domain.audit import unmanaged as rules
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.environment import Environment, Status
from envmgr.engine.reconcile import unmanaged
from tests.support.engine import push
from tests.support.in_memory.engine import MemoryEngine


def told(engine: MemoryEngine) -> None:
    """As the daemon does it when it starts, or reads its files again."""
    unmanaged.tell(engine.application.services)


def found(engine: MemoryEngine, name: str = "shop/alice") -> Environment:
    """The record that a person means."""
    return operations.find(engine.application, name)


def renamed(engine: MemoryEngine) -> None:
    """The repository under another name in the file, at the same address."""
    engine.repositories["store"] = engine.repositories.pop("shop")
    engine.repository_settings["store"] = engine.repository_settings.pop("shop")
    engine.restart()


def test_an_environment_of_a_renamed_repository_says_what_to_do_and_can_be_destroyed(
    engine: MemoryEngine,
) -> None:
    """With what was kept: its commit, backend and variables; the new name's environment lives on."""
    push(engine.repository(variables={"size": "large"}), ["alice"])
    engine.turn()
    renamed(engine)
    engine.turn()
    told(engine)

    old = engine.environment("alice")
    assert old.status is Status.WAITING
    assert "Repository acme/shop is not in the configuration" in old.message
    assert "envmgr destroy acme/shop/alice" in old.message
    assert engine.environment("alice", "store").status is Status.READY
    [finding] = Audit(engine.application, engine.application.services.organizations["acme"]).findings()
    assert finding.environment == old.id
    assert "`envmgr destroy acme/shop/alice` ends it" in finding.remedy

    done = operations.destroy(engine.application, found(engine), lambda *_: True)
    assert done.status is Status.DESTROYED
    assert not engine.state("alice").exists()
    assert engine.state("alice", "store").exists()
    assert engine.application.services.git.keeping(old.id.repository_id) == []
    assert Audit(engine.application, engine.application.services.organizations["acme"]).findings() == ()


def test_a_failed_environment_of_a_name_that_was_taken_back_can_be_closed(engine: MemoryEngine) -> None:
    """Its apply failed half-way under the other name."""
    push(engine.repository(), ["alice"])
    engine.turn()
    engine.terraform.fails["apply"] = "no luck"
    renamed(engine)
    engine.turn()
    assert engine.environment("alice", "store").status is Status.FAILED
    engine.terraform.fails.clear()
    engine.repositories["shop"] = engine.repositories.pop("store")
    engine.repository_settings["shop"] = engine.repository_settings.pop("store")
    engine.restart()
    told(engine)
    assert engine.environment("alice", "store").status is Status.WAITING
    done = operations.destroy(engine.application, found(engine, "store/alice"), lambda *_: True)
    assert done.status is Status.DESTROYED


def test_what_changes_anything_but_ends_it_is_refused_with_the_same_sentence(engine: MemoryEngine) -> None:
    push(engine.repository(), ["alice"])
    engine.turn()
    renamed(engine)
    for verb in (operations.plan, lambda a, e: operations.apply(a, e, lambda *_: True)):
        with pytest.raises(NeedsPerson, match="Repository acme/shop is not in the configuration"):
            verb(engine.application, found(engine))
    shown = operations.plan(engine.application, found(engine), destroy=True)
    assert shown.plan is not None
    assert shown.plan.changes.destroy == 1


def test_it_is_managed_again_once_it_is_back_and_told_once(engine: MemoryEngine) -> None:
    shop = engine.repository()
    push(shop, ["alice"])
    engine.turn()
    renamed(engine)
    told(engine)
    told(engine)
    engine.repositories = {"shop": shop}
    engine.repository_settings = {"shop": {}}
    engine.restart()
    engine.turn()
    assert engine.environment("alice").status is Status.READY
    assert engine.actions("alice").count("unmanaged") == 1


def test_what_is_at_work_or_told_of_its_destroy_is_left_as_it_says(engine: MemoryEngine) -> None:
    push(engine.repository(), ["alice"])
    engine.turn()
    ready = engine.environment("alice")
    assert rules.is_silent(ready, {"acme"})
    store = engine.application.services.store
    at_work = store.update(ready.id, None, engine.clock(), lambda e: replace(e, status=Status.RUNNING))
    assert not rules.is_silent(at_work, {"acme"})


def test_what_is_held_is_named_so_that_it_is_asked_again(engine: MemoryEngine) -> None:
    """A write is told of once: what ended by it may be held for a moment longer."""
    push(engine.repository(), ["alice"])
    engine.turn()
    renamed(engine)
    services = engine.application.services
    identity = engine.environment("alice").id

    with services.leases.hold(identity, "ends its apply"):
        assert unmanaged.tell(services, identity.repository_id) == {identity.repository_id}
        assert engine.environment("alice").status is Status.READY

    assert unmanaged.tell(services, identity.repository_id) == set()
    assert engine.environment("alice").status is Status.WAITING
