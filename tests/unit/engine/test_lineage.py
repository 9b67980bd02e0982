"""A state that is not the one which the last apply wrote is another's until a person says otherwise: nothing is done by it."""

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from envmgr.commands import operations, steering
from envmgr.commands.takeover import adopt
from envmgr.domain.documents.plan import Plan
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.deployment import DeployRules
from envmgr.domain.values.environment import Environment, Status
from envmgr.domain.values.names import EnvironmentId
from envmgr.domain.values.step import Step
from tests.support.engine import push
from tests.support.in_memory.engine import MemoryEngine
from tests.support.in_memory.git import MemoryRepository
from tests.support.in_memory.rules import MODULE, Rules
from tests.support.in_memory.world import World

LOCAL = MODULE.replace("aws_sqs_queue", "terraform_data").replace("  tags  = var.tags\n", "")
LARGE = {".envmgr.yaml": "variables: {size: large}"}
STRANGE = "is not the one that its last apply wrote"


def made(engine: MemoryEngine, module: str = LOCAL) -> MemoryRepository:
    """Two environments that are ready, of a module that has no tags by which they could be told from each other."""
    shop = engine.repository()
    push(shop, ["t3", "t4"], module)
    engine.turn()
    assert engine.statuses() == {"t3": "ready", "t4": "ready"}
    return shop


def lineage(engine: MemoryEngine, name: str) -> str:
    """Of the state that is there."""
    found: str = json.loads(engine.state(name).read_bytes())["lineage"]
    return found


def known(engine: MemoryEngine, name: str) -> str:
    """What the record says of it."""
    claim = engine.environment(name).claim
    return claim.lineage if claim is not None else ""


def forget(engine: MemoryEngine, name: str) -> None:
    """The record as an earlier release leaves it."""
    with_known = engine.environment(name)
    assert with_known.claim is not None
    key = next(key for key in engine.store._environments if key == with_known.id)
    engine.store._environments[key] = replace(with_known, claim=replace(with_known.claim, lineage=""))


def rewritten(engine: MemoryEngine, name: str, **members: Any) -> None:
    """The state with other members."""
    document = json.loads(engine.state(name).read_bytes())
    engine.state(name).write_text(json.dumps(document | members))


def refused(engine: MemoryEngine, name: str) -> Environment:
    """The environment, which waits for a person with the sentence that says why."""
    found = engine.environment(name)
    assert found.status is Status.FAILED
    assert STRANGE in found.message
    assert f"acme/shop/{name}/terraform.tfstate in the S3 bucket states" in found.message
    assert f"`envmgr adopt acme/shop/{name} --state FILE`" in found.message
    return found


def test_by_the_state_of_another_nothing_is_planned_applied_or_destroyed(engine: MemoryEngine) -> None:
    """A push would have replaced the other's resource, and the end of the branch destroyed it."""
    shop = made(engine)
    own, others = engine.state("t3").read_bytes(), engine.state("t4").read_bytes()
    engine.state("t3").write_bytes(others)
    engine.calls()

    shop.commit("env-t3", LARGE)
    engine.turn()
    refused(engine, "t3")
    shop.delete("env-t3")
    engine.turn(3, minutes=5)
    record = refused(engine, "t3")

    assert engine.calls() == []
    assert (engine.state("t3").read_bytes(), engine.state("t4").read_bytes()) == (others, others)
    assert record.applied.resources == ("terraform_data.app",)
    with pytest.raises(NeedsPerson, match=STRANGE):
        operations.destroy(engine.application, record, lambda *_: True)

    engine.state("t3").write_bytes(own)
    engine.turn(2, hours=2)
    assert engine.statuses() == {"t3": "destroyed", "t4": "ready"}
    assert engine.state("t4").read_bytes() == others


def test_no_step_is_told_of_anothers_outputs(tmp_path: Path) -> None:
    """A push that changes code alone needs no plan, but its steps get outputs, and send files by them."""
    world = World(tmp_path, Rules(deploy=DeployRules(steps=(Step(name="send", run="true"),))))
    for name in ("t3", "t4"):
        world.push(name)
    world.turn(2)
    t3, t4 = (EnvironmentId("acme", "shop", name).state_key for name in ("t3", "t4"))
    assert world.status("t3") is Status.READY
    world.place.objects[t3] = world.place.objects[t4]
    world.push("t3", **{"index.html": "new"})
    world.turn()
    assert STRANGE in world.environment("t3").message
    assert world.environment("t3").deployment != world.environment("t4").deployment


def test_who_needs_it_is_not_told_of_anothers_outputs(tmp_path: Path) -> None:
    """What another application's code would take for its sibling's may be of another environment."""
    world = World(tmp_path, Rules(applications={"base": (), "page": ("base",)}))
    for name in ("t3", "t4"):
        world.push(name)
    world.turn(3, minutes=1)
    t3, t4 = (EnvironmentId("acme", "shop", name, "base").state_key for name in ("t3", "t4"))
    assert world.status("t3", "page") is Status.READY
    world.place.objects[t3] = world.place.objects[t4]
    page = world.environment("t3", "page")
    with pytest.raises(NeedsPerson, match=STRANGE):
        operations.apply(world.person.application, page, lambda *_: True)


def test_an_empty_state_of_another_lineage_hides_what_was_made(engine: MemoryEngine) -> None:
    """As a missing one does: all would be made twice."""
    shop = made(engine)
    rewritten(engine, "t3", lineage="another", resources=[], outputs={})
    shop.commit("env-t3", LARGE)
    engine.turn()
    refused(engine, "t3")


def test_a_state_that_was_missed_is_still_missed_when_another_comes(engine: MemoryEngine) -> None:
    shop = made(engine)
    engine.state("t3").unlink()
    shop.commit("env-t3", LARGE)
    engine.turn()
    assert "bring it back" in engine.environment("t3").message
    engine.state("t3").write_bytes(engine.state("t4").read_bytes())
    shop.commit("env-t3", {".envmgr.yaml": "variables: {size: huge}"})
    engine.turn()
    refused(engine, "t3")


# --- what rightly changes, or is not known ------------------------------------------------------------


def test_every_apply_keeps_what_the_first_one_learnt(engine: MemoryEngine) -> None:
    shop = made(engine)
    first = known(engine, "t3")
    assert first == lineage(engine, "t3") != lineage(engine, "t4")
    shop.commit("env-t3", LARGE)
    engine.turn()
    assert (engine.statuses()["t3"], known(engine, "t3")) == ("ready", first)
    engine.restart()
    shop.commit("env-t3", {"terraform/main.tf": LOCAL.replace("small", "huge"), ".envmgr.yaml": None})
    engine.turn(2)
    assert (engine.statuses()["t3"], known(engine, "t3")) == ("ready", first)


def test_what_is_made_again_begins_anew(engine: MemoryEngine) -> None:
    """After it was destroyed by hand, and after its branch was away."""
    shop = made(engine)
    seen = [known(engine, "t3")]
    operations.destroy(engine.application, engine.environment("t3"), lambda *_: True)
    assert (engine.statuses()["t3"], known(engine, "t3")) == ("suspended", "")
    steering.resume(engine.application, engine.environment("t3"))
    engine.turn(2)
    seen.append(known(engine, "t3"))
    shop.delete("env-t3")
    engine.turn(4, minutes=5)
    assert (engine.statuses()["t3"], known(engine, "t3")) == ("destroyed", "")
    push(shop, ["t3"], LOCAL)
    engine.turn(2)
    seen.append(known(engine, "t3"))
    assert engine.statuses()["t3"] == "ready"
    assert len({*seen, ""}) == 4
    assert lineage(engine, "t3") == seen[-1]


def test_what_is_not_known_is_learnt_by_the_next_apply(engine: MemoryEngine) -> None:
    """As after an upgrade, or of a record that was rebuilt; an earlier release drops what it does not look after."""
    shop = made(engine)
    forget(engine, "t3")
    rewritten(engine, "t3", lineage="of-an-earlier-time")
    shop.commit("env-t3", LARGE)
    engine.turn()
    assert (engine.statuses()["t3"], known(engine, "t3")) == ("ready", "of-an-earlier-time")


def test_lost_records_learn_it_anew(engine: MemoryEngine) -> None:
    shop = made(engine)
    rewritten(engine, "t3", lineage="of-its-next-life")
    engine.lose_data()
    shop.commit("env-t3", LARGE)
    engine.turn(3, minutes=2)
    assert (engine.statuses()["t3"], known(engine, "t3")) == ("ready", "of-its-next-life")


def test_an_older_version_of_the_same_state_is_its_own(engine: MemoryEngine) -> None:
    shop = made(engine)
    older = engine.state("t3").read_bytes()
    shop.commit("env-t3", LARGE)
    engine.turn()
    engine.state("t3").write_bytes(older)
    shop.commit("env-t3", {".envmgr.yaml": "variables: {size: huge}"})
    engine.turn()
    assert engine.statuses()["t3"] == "ready"


def test_where_nothing_is_left_any_state_may_begin(engine: MemoryEngine) -> None:
    """An end that did not come to its last word has left a record with nothing in it."""
    shop = made(engine)
    record = engine.environment("t3")
    emptied = replace(record, applied=replace(record.applied, resources=(), fingerprint=None))
    for state in ("gone", "empty"):
        engine.store._environments[record.id] = emptied
        if state == "gone":
            engine.state("t3").unlink()
        else:
            rewritten(engine, "t3", lineage="anew", resources=[], outputs={})
        shop.commit("env-t3", {".envmgr.yaml": f"variables: {{size: {state}}}"})
        engine.turn()
        assert engine.statuses()["t3"] == "ready", engine.environment("t3").message
        assert known(engine, "t3") == lineage(engine, "t3")
    assert known(engine, "t3") == "anew"


def test_a_failed_first_apply_is_gone_on_with(tmp_path: Path) -> None:
    """Its state is the one that it left, though it did not come to its end; also where that could not be written."""
    world = World(tmp_path)
    world.place.is_full = True
    world.push("alice")
    world.turn()
    assert world.status("alice") is Status.FAILED
    world.place.is_full = False
    world.turn(2, hours=2)
    claim = world.environment("alice").claim
    assert world.status("alice") is Status.READY
    assert claim is not None
    assert claim.lineage


def test_records_of_a_backup_from_before_its_next_life_go_on_with_that(engine: MemoryEngine) -> None:
    """The state that they know was archived since with nothing left in it, which only a verified destroy does."""
    shop = made(engine)
    backup = deepcopy(engine.store._environments)
    shop.delete("env-t3")
    engine.turn(4, minutes=5)
    push(shop, ["t3"], LOCAL)
    engine.turn(2)
    anew = lineage(engine, "t3")
    engine.store._environments.update({key: backup[key] for key in backup if key.name == "t3"})
    assert known(engine, "t3") != anew

    shop.commit("env-t3", LARGE)
    engine.turn()

    assert (engine.statuses()["t3"], known(engine, "t3")) == ("ready", anew)
    assert engine.actions("t3").count("destroyed-before") == 1


# --- a person's word ----------------------------------------------------------------------------------


def answers(yes: bool) -> Callable[[str, Plan | None], bool]:
    """A person who says so."""
    return lambda *_: yes


def test_a_person_may_say_that_it_is_its_own(engine: MemoryEngine, tmp_path: Path) -> None:
    """As after an import by hand into a new state: with a copy of it, after its plan was shown."""
    shop = made(engine)
    rewritten(engine, "t3", lineage="imported-by-hand")
    shop.commit("env-t3", LARGE)
    engine.turn()
    t3, before, file = refused(engine, "t3"), engine.state("t3").read_bytes(), tmp_path / "t3.tfstate"
    file.write_bytes(before)

    with pytest.raises(Exception, match="nothing was changed"):
        adopt(engine.application, t3, file, answers(False))
    assert engine.state("t3").read_bytes() == before
    assert known(engine, "t3") != "imported-by-hand"

    adopt(engine.application, engine.environment("t3"), file, answers(True))
    assert (engine.statuses()["t3"], known(engine, "t3")) == ("ready", "imported-by-hand")
    shop.delete("env-t3")
    engine.turn(4, minutes=5)
    assert engine.statuses() == {"t3": "destroyed", "t4": "ready"}


def test_nobody_can_say_so_of_what_is_anothers(engine: MemoryEngine, tmp_path: Path) -> None:
    """Also where each has the other's: what the records know counts, whatever is in its place."""
    shop = made(engine)
    own, others, file = (
        engine.state("t3").read_bytes(),
        engine.state("t4").read_bytes(),
        tmp_path / "t3.tfstate",
    )
    engine.state("t3").write_bytes(others)
    engine.state("t4").write_bytes(own)
    shop.commit("env-t3", LARGE)
    engine.turn()
    file.write_bytes(others)
    with pytest.raises(NeedsPerson, match="has the lineage of acme/shop/t4"):
        adopt(engine.application, refused(engine, "t3"), file, answers(True))
    assert (engine.state("t3").read_bytes(), engine.state("t4").read_bytes()) == (others, own)
