"""States that move to another place while their environments live: nothing is made anew, nothing lost by a kill."""

import fcntl
import json
import os
import re
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from envmgr.adapters.state.connect import open_state_store
from envmgr.commands import operations, relocation, steering
from envmgr.commands.relocation import Moved
from envmgr.domain.documents.owner import NotOurs
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.environment import Status
from envmgr.ports import StateStore
from tests.integration.killed_verb import dies
from tests.support.aws import S3_BACKEND
from tests.support.azure import Azurite
from tests.support.engine import MODULE, Engine, push

KEY = "acme/shop/alice/terraform.tfstate"
KEPT = "acme/shop/alice/envmgr-kept.zip"


def living(engine: Engine, *names: str) -> None:
    """Environments that are ready."""
    push(engine.repository(), names or ["alice"])
    engine.turn()
    assert set(engine.statuses().values()) == {"ready"}


def wants(engine: Engine, place: str, **backend: Mapping[str, object]) -> StateStore:
    """Have the organization file name another place for states, and read it again; gives the store there."""
    engine.settings["backend"] = backend or {"local": {"path": str(engine.folder / place)}}
    engine.restart()
    [(kind, settings)] = engine.settings["backend"].items()
    return open_state_store(kind, settings, engine.settings.get("environment_variables", {}))


def move(engine: Engine) -> list[Moved]:
    """The verb."""
    application = engine.application
    return relocation.move(application, relocation.organization_of(application, "acme"))


def moved(engine: Engine) -> list[Moved]:
    """The verb, where all is moved by it."""
    done = move(engine)
    assert [m.error for m in done] == [""] * len(done)
    return done


def resource(content: bytes | None) -> tuple[str, str]:
    """The lineage of a state, and the ID of its one resource."""
    document = json.loads(content or b"")
    [found] = document["resources"]
    return document["lineage"], found["instances"][0]["attributes"]["id"]


def assert_lives_on(engine: Engine) -> None:
    """No Terraform runs because of the move; the next plan has no changes, and the next push is applied."""
    engine.calls()
    engine.turn(seconds=30)
    assert set(engine.statuses().values()) == {"ready"}, engine.environment("alice").message
    assert engine.calls() == []
    assert operations.plan(engine.application, engine.environment("alice")).plan is None
    alice = engine.environment("alice")
    assert alice.claim is not None
    assert alice.claim.moves is None


def test_until_it_is_moved_a_changed_backend_makes_nothing_anew(engine: Engine) -> None:
    """And the sentence says where the state is, where it should be, and by which verb it comes there."""
    living(engine)
    before = engine.state("alice").read_bytes()
    wants(engine, "elsewhere")
    engine.calls()
    engine.turn(2, seconds=30)
    alice = engine.environment("alice")
    assert alice.status is Status.FAILED
    assert alice.message == (
        f"The state of acme/shop/alice is in the folder {engine.folder}/state, but the organization file now names the "
        f"folder {engine.folder}/elsewhere: `envmgr move-state acme` moves it there; or restore the setting."
    )
    assert "apply" not in engine.calls()
    assert engine.state("alice").read_bytes() == before


def test_states_move_and_their_environments_live_on(engine: Engine) -> None:
    """What failed meanwhile because of it is well again; what a person set stays, and is at the new place."""
    living(engine, "alice", "bob", "carol")
    steering.suspend(engine.application, engine.environment("bob"))
    operations.destroy(engine.application, engine.environment("carol"), lambda *_: True)
    before = engine.state("alice").read_bytes()
    new = wants(engine, "elsewhere")
    engine.turn(seconds=30)
    engine.calls()

    done = moved(engine)

    assert [m.environment.id.name for m in done] == ["alice", "bob"]
    assert engine.statuses() == {"alice": "waiting", "bob": "suspended", "carol": "suspended"}
    assert "moved" in engine.environment("alice").message
    assert new.get("acme/shop/carol/envmgr-by-hand") is not None  # who ended stays so at the new place, too
    assert engine.calls() == []
    assert (new.get(KEY), new.get(KEPT) is not None) == (before, True)
    assert new.get("acme/shop/bob/envmgr-by-hand") is not None
    assert not engine.state("alice").parent.exists()
    names = [path.name.partition(".tfstate.")[0] for path in engine.archived()]
    assert names == ["terraform", "terraform", "terraform"]  # carol's is from her end
    assert before in [path.read_bytes() for path in engine.archived()]
    assert move(engine) == []
    engine.turn(seconds=30)
    assert engine.statuses() == {"alice": "ready", "bob": "suspended", "carol": "suspended"}
    assert engine.calls() == []
    assert operations.plan(engine.application, engine.environment("alice")).plan is None
    assert engine.actions("alice").count("state-moved") == 1

    engine.repositories["shop"].delete("env-alice")
    engine.turn(2, seconds=30)
    engine.turn(minutes=5)
    assert engine.statuses()["alice"] == "destroyed"
    assert new.get(KEY) is None


def test_a_lost_data_folder_is_rebuilt_at_the_new_place(engine: Engine) -> None:
    engine.seal_with_a_key()
    living(engine)
    wants(engine, "elsewhere")
    moved(engine)
    engine.lose_data()
    engine.turn(2, seconds=30)
    assert engine.statuses() == {"alice": "ready"}
    assert "rebuilt" in engine.actions("alice")


def test_from_a_folder_to_s3_to_azure_and_back(
    engine: Engine, aws_environment: dict[str, str], azurite: Azurite
) -> None:
    """The new place is made where it is missing; the credentials open all of them."""
    engine.settings["environment_variables"] = {**aws_environment, **azurite.environment}
    living(engine)
    before = resource(engine.state("alice").read_bytes())
    name = f"moved-{uuid4().hex}"
    places: list[dict[str, Any]] = [
        {"s3": {**S3_BACKEND, "bucket": name}},
        {"azurerm": {"storage_account_name": azurite.account, "container_name": name}},
        {"local": {"path": str(engine.folder / "back")}},
    ]
    for backend in places:
        store = wants(engine, "", **backend)
        moved(engine)
        assert resource(store.get(KEY)) == before
        assert_lives_on(engine)
    push(engine.repositories["shop"], ["alice"], MODULE.replace("small", "large"))
    engine.turn(seconds=30)
    assert resource(store.get(KEY)) == before
    assert b"alice large" in (store.get(KEY) or b"")


def test_other_settings_of_the_same_place_move_nothing(
    engine: Engine, aws_environment: dict[str, str]
) -> None:
    """The record learns them, and that is all."""
    engine.settings["environment_variables"] = aws_environment
    backend = {**S3_BACKEND, "bucket": f"same-{uuid4().hex}"}
    engine.settings["backend"] = {"s3": backend}
    living(engine)
    store = wants(engine, "", s3={**backend, "encrypt": True})
    engine.turn(seconds=30)
    assert "names that with another encrypt: `envmgr move-state acme`" in engine.environment("alice").message
    before = store.get(KEY)
    moved(engine)
    assert store.get(KEY) == before
    assert store.archives("acme/") == []
    assert_lives_on(engine)


MOMENTS = {
    "marked": "before envmgr.adapters.state.local:LocalStateStore.create",
    "copied": "after envmgr.adapters.state.local:LocalStateStore.create",
    "read back": "after envmgr.commands.relocation:_check_copied",
    "switched": "before envmgr.commands.relocation:_finish",
    "archived": "after envmgr.adapters.state.local:LocalStateStore.archive",
    "deleted": "after envmgr.adapters.state.local:LocalStateStore.delete",
}


@pytest.mark.parametrize("goes", ["on", "back"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_move_is_left_alone_and_goes_on(engine: Engine, moment: str, goes: str) -> None:
    """Or back, where the setting is restored; the state is whole in one place, and archived in the other."""
    living(engine)
    before = engine.state("alice").read_bytes()
    new = wants(engine, "elsewhere")
    engine.close()
    dies(engine, MOMENTS[moment], "move-state", "acme", "--yes")
    engine.calls()
    engine.turn(2, seconds=30)
    alice = engine.environment("alice")
    assert alice.status is Status.WAITING
    assert "`envmgr move-state acme` finishes" in alice.message
    for destroys in (False, True):
        with pytest.raises(NeedsPerson, match="finishes"):
            operations.plan(engine.application, alice, destroy=destroys)
    assert engine.calls() == []
    old = open_state_store("local", {"path": str(engine.folder / "state")}, {})
    if goes == "back":
        wants(engine, "state")

    moved(engine)

    there, empty = (old, new) if goes == "back" else (new, old)
    assert (there.get(KEY), empty.get(KEY)) == (before, None)
    assert (there.get(KEPT) is not None, empty.get(KEPT)) == (True, None)
    assert_lives_on(engine)


def taken(engine: Engine, new: StateStore) -> str:
    new.put(KEY, engine.state("alice").read_bytes())
    return r"has a state of acme/shop/alice already .*the same place"


def anothers(engine: Engine, new: StateStore) -> str:
    owner = engine.folder / "state/acme/envmgr-owner.json"
    document = {**json.loads(owner.read_bytes()), "database": "other", "host": "far", "copied_from": None}
    owner.write_text(json.dumps(document))
    return "belongs to the data folder"


def missing(engine: Engine, new: StateStore) -> str:
    engine.state("alice").unlink()
    return "is missing from the folder .*/state, but resources were applied"


def broken(engine: Engine, new: StateStore) -> str:
    engine.state("alice").write_bytes(b'{"version": 4')
    return "is not a Terraform state"


def test_a_state_that_was_cut_off_is_mended_before_it_moves(engine: Engine) -> None:
    """As before any other work: Terraform left the one from before beside it."""
    living(engine)
    path = engine.state("alice")
    before = path.read_bytes()
    path.with_name("terraform.tfstate.backup").write_bytes(before)
    path.write_bytes(before[:99])
    new = wants(engine, "elsewhere")
    moved(engine)
    assert new.get(KEY) == before
    assert "state-recovered" in engine.actions("alice")


@pytest.mark.parametrize("prepare", [taken, anothers, missing, broken], ids=lambda p: p.__name__)
def test_what_must_not_be_moved_stays(engine: Engine, prepare: Callable[[Engine, StateStore], str]) -> None:
    """With a sentence, and both places as they were."""
    living(engine)
    new = wants(engine, "elsewhere")
    new.ensure()
    said = prepare(engine, new)
    before = snapshot(engine)
    [one] = move(engine)
    assert re.search(said, one.error)
    assert snapshot(engine) == before
    alice = engine.environment("alice")
    assert alice.claim is not None
    assert (alice.claim.moves, alice.claim.backend[1]) == (None, {"path": str(engine.folder / "state")})


def snapshot(engine: Engine) -> dict[Path, bytes]:
    """All that is in both places, but whose the new one is."""
    places = [engine.folder / "state", engine.folder / "elsewhere"]
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    return {p: p.read_bytes() for p in files if p != engine.folder / "elsewhere/acme/envmgr-owner.json"}


def test_a_locked_state_holds_up_no_other(engine: Engine) -> None:
    living(engine, "alice", "bob")
    wants(engine, "elsewhere")
    with engine.state("alice").open("r+b") as file:
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack("hhqqi0q", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        alice, bob = move(engine)
    assert "is locked by" in alice.error
    assert not bob.error
    [again] = moved(engine)
    assert again.environment.id.name == "alice"


def test_another_owner_of_the_new_place_is_told(engine: Engine) -> None:
    living(engine)
    new = wants(engine, "elsewhere")
    new.ensure()
    owner = json.loads((engine.folder / "state/acme/envmgr-owner.json").read_bytes())
    new.put("acme/envmgr-owner.json", json.dumps({**owner, "database": "x", "host": "far"}).encode())
    with pytest.raises(NotOurs, match="on far"):
        move(engine)
    assert engine.state("alice").exists()


def test_what_somebody_wrote_at_the_old_place_after_all_is_not_archived(engine: Engine) -> None:
    """Whoever worked on with it there has resources that the moved state does not know."""
    living(engine)
    wants(engine, "elsewhere")
    engine.close()
    dies(engine, MOMENTS["switched"], "move-state", "acme", "--yes")
    other = engine.state("alice").read_bytes().replace(b'"serial": 1', b'"serial": 2')
    engine.state("alice").write_bytes(other)
    [one] = move(engine)
    assert "somebody works with the other" in one.error
    assert engine.state("alice").read_bytes() == other
    assert engine.archived() == []


def test_a_state_that_could_not_be_written_goes_along(engine: Engine) -> None:
    """It is the newest there is."""
    living(engine)
    document = json.loads(engine.state("alice").read_bytes())
    document["serial"] += 1
    document["outputs"]["late"] = {"value": "late", "type": "string"}
    kept = engine.data / "workspaces/acme/shop/alice/terraform/errored.tfstate"
    kept.write_text(json.dumps(document, indent=2) + "\n")
    new = wants(engine, "elsewhere")
    moved(engine)
    state = new.read(KEY)
    assert state is not None
    assert state.outputs["late"].value == "late"
    assert "state-recovered" in engine.actions("alice")


def test_applications_that_need_each_other_move_one_by_one(engine: Engine) -> None:
    """Where the move of one fails, the other finds its outputs where they are."""
    shop = engine.repository(applications=[{"name": "db"}, {"name": "api", "needs": ["db"]}])
    needing = 'variable "db_url" {}\nresource "terraform_data" "x" { input = var.db_url }\n'
    shop.commit("env-alice", {"db/terraform/main.tf": MODULE, "api/terraform/main.tf": needing})
    engine.turn()
    assert [e.status for e in engine.application.services.store.environments()] == [Status.READY] * 2
    wants(engine, "elsewhere")
    done = moved(engine)
    assert [m.environment.id.application for m in done] == ["api", "db"]
    engine.calls()
    engine.turn(seconds=30)
    assert [e.status for e in engine.application.services.store.environments()] == [Status.READY] * 2
    assert engine.calls() == []
