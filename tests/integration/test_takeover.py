"""Taking over an environment that exists already: shown first, put only where nothing is, whole after a kill."""

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from envmgr.adapters.state.connect import open_state_store
from envmgr.commands import freezing, operations
from envmgr.commands.takeover import adopt
from envmgr.domain.documents.plan import Plan
from envmgr.domain.errors import EnvmgrError, NeedsPerson
from envmgr.domain.values.environment import Environment, RunKind, RunStatus, Status
from envmgr.engine.work.job import NothingDone
from tests.integration.killed_verb import dies
from tests.support.azure import Azurite
from tests.support.engine import MODULE, Engine, push

REPLACING = MODULE.replace(" }\noutput", "\n  triggers_replace = var.environment\n}\noutput").replace(
    '"app" { input', '"app" {\n  input'
)


@pytest.fixture(scope="session")
def existing(terraform_binary: str, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The state of what somebody applied by hand, with the same code, as `legacy`."""
    folder = tmp_path_factory.mktemp("existing")
    (folder / "main.tf").write_text(MODULE)
    for command in (["init"], ["apply", "-auto-approve", "-var", "environment=legacy"]):
        subprocess.run([terraform_binary, *command], cwd=folder, check=True, capture_output=True, timeout=200)
    return (folder / "terraform.tfstate").read_bytes()


@pytest.fixture
def file(existing: bytes, tmp_path: Path) -> Path:
    """That state as a person gives it."""
    found = tmp_path / "legacy.tfstate"
    found.write_bytes(existing)
    return found


@dataclass
class Person:
    """Says yes so many times, and remembers what was asked."""

    yes: int = 9
    shown: list[tuple[str, Plan | None]] = field(default_factory=list)

    def __call__(self, text: str, plan: Plan | None) -> bool:
        self.shown.append((text, plan))
        return len(self.shown) <= self.yes


def pushed(engine: Engine, module: str = MODULE) -> Environment:
    """Alice's branch, seen and not applied."""
    push(engine.repository(), ["alice"], module)
    engine.poll()
    return engine.environment("alice")


def instance(state: Path | bytes) -> dict[str, Any]:
    """The one resource of a state."""
    document = json.loads(state.read_bytes() if isinstance(state, Path) else state)
    [resource] = [each["instances"][0]["attributes"] for each in document["resources"]]
    return {**resource, "lineage": document["lineage"]}


def assert_taken_over(engine: Engine, existing: bytes) -> None:
    """The very resource is alice's now, and there is nothing left to do."""
    alice = engine.environment("alice")
    assert (alice.status, alice.applied.commit) == (Status.READY, alice.commit), alice.message
    assert alice.claim is not None
    assert not alice.claim.adopts
    before, now = instance(existing), instance(engine.state("alice"))
    assert (now["id"], now["lineage"]) == (before["id"], before["lineage"])
    assert (before["input"]["value"], now["input"]["value"]) == ("legacy small", "alice small")
    engine.calls()
    engine.turn(seconds=30)
    assert engine.calls() == []
    assert not list((engine.data / "plans").rglob("*.tf*"))


def assert_untouched(engine: Engine) -> None:
    """Nothing was written for alice beside the history."""
    assert engine.environment("alice").claim is None
    assert not engine.state("alice").exists()
    assert {path.name for path in engine.state("alice").parent.glob("*")} <= {"envmgr-by-hand"}


def test_what_exists_is_taken_over_after_its_plan_was_shown(
    engine: Engine, file: Path, existing: bytes
) -> None:
    """Once, by a copy; the plan by the real place is the same, so nobody is asked again."""
    alice, person = pushed(engine), Person()

    def sees(text: str, plan: Plan | None) -> bool:
        assert_untouched(engine)
        return person(text, plan)

    done = adopt(engine.application, alice, file, sees)

    [(text, plan)] = person.shown
    assert plan is not None
    assert (plan.changes.add, plan.changes.change, plan.changes.destroy) == (0, 1, 0)
    assert "will be updated in-place" in text
    assert done.applied.url == "http://alice.example.com"
    assert_taken_over(engine, existing)
    assert file.read_bytes() == existing
    assert engine.actions("alice")[-3:] == ["adopting", "applied", "adopted"]
    assert [r.status for r in engine.runs(RunKind.APPLY)] == [RunStatus.SUCCEEDED]
    engine.repositories["shop"].delete("env-alice")
    engine.turn(2, seconds=30)
    engine.turn(minutes=5)
    assert engine.statuses() == {"alice": "destroyed"}
    assert [instance_count(path) for path in engine.archived()] == [0]


def instance_count(path: Path) -> int:
    """How many resources a state lists."""
    return len(json.loads(path.read_bytes())["resources"])


@pytest.mark.parametrize("frozen", [False, True])
def test_a_no_and_a_freeze_meanwhile_leave_everything_as_it_was(
    engine: Engine, file: Path, *, frozen: bool
) -> None:
    alice, person = pushed(engine), Person(yes=1 if frozen else 0)

    def answers(text: str, plan: Plan | None) -> bool:
        if frozen:
            freezing.freeze(engine.application, freezing.Spot("acme"), "migration", None)
        return person(text, plan)

    with pytest.raises(NothingDone, match="nothing was changed"):
        adopt(engine.application, alice, file, answers)
    assert_untouched(engine)
    assert engine.environment("alice").status is Status.PENDING


def test_what_would_be_replaced_is_refused_before_anybody_is_asked(
    engine: Engine, file: Path, existing: bytes
) -> None:
    """Unless that is meant."""
    alice, person = pushed(engine, REPLACING), Person()
    with pytest.raises(NeedsPerson, match=r"terraform_data\.app would be replaced.*--allow-destroy"):
        adopt(engine.application, alice, file, person)
    assert not person.shown
    assert_untouched(engine)

    adopt(engine.application, alice, file, person, destroys=True)
    assert engine.environment("alice").status is Status.READY
    assert instance(engine.state("alice"))["id"] != instance(existing)["id"]


def taken_over_before(engine: Engine, file: Path) -> str:
    """Asked for once more: nobody is told to destroy what was taken over."""
    adopt(engine.application, only(engine, "alice"), file, Person())
    return r"^acme/shop/alice already works with this very state \(lineage .*\): there is nothing to take over\.$"


def no_state(engine: Engine, file: Path) -> str:
    file.write_text('{"version": 3}')
    return "is not a Terraform state that can be read"


def empty(engine: Engine, file: Path) -> str:
    file.write_text(json.dumps({**json.loads(file.read_bytes()), "resources": []}))
    return "lists no resources"


def pipe(engine: Engine, file: Path) -> str:
    """Reading it would wait for whoever writes."""
    file.unlink()
    os.mkfifo(file)
    return "is not a regular file"


def applied(engine: Engine, file: Path) -> str:
    engine.turn()
    return r"has a state of its own, which lists terraform_data\.app, .*envmgr destroy acme/shop/alice"


def stray(engine: Engine, file: Path) -> str:
    """A state that no record tells of."""
    engine.state("alice").parent.mkdir(parents=True)
    engine.state("alice").write_bytes(file.read_bytes().replace(b'"lineage": "', b'"lineage": "x'))
    return "has a state of its own"


def of_a_neighbour(engine: Engine, file: Path) -> str:
    """The file is the backend's own object of another environment."""
    push(engine.repositories["shop"], ["bob"])
    adopt(engine.application, only(engine, "bob"), file, Person())
    file.unlink()
    file.symlink_to(engine.state("bob"))
    return "has the lineage of acme/shop/bob"


def only(engine: Engine, name: str) -> Environment:
    """An environment that was seen."""
    engine.poll()
    return engine.environment(name)


def of_a_window(engine: Engine, file: Path) -> str:
    engine.settings["windows"] = {"deny": [{"start": "* * * * *", "duration": "2m"}]}
    engine.restart()
    return "--override-window"


def gone(engine: Engine, file: Path) -> str:
    engine.repositories["shop"].delete("env-alice")
    engine.poll()
    return "is gone"


@pytest.mark.parametrize(
    "prepare",
    [no_state, empty, pipe, applied, taken_over_before, stray, of_a_neighbour, of_a_window, gone],
    ids=lambda p: p.__name__,
)
def test_what_must_not_be_taken_over_is_refused(
    engine: Engine, file: Path, prepare: Callable[[Engine, Path], str]
) -> None:
    """With a sentence, and nothing written."""
    pushed(engine)
    said, person = prepare(engine, file), Person()
    before = snapshot(engine)
    with pytest.raises(EnvmgrError, match=said):
        adopt(engine.application, engine.environment("alice"), file, person)
    assert not person.shown
    assert snapshot(engine) == before


def snapshot(engine: Engine) -> tuple[object, object]:
    """All that is in the state store, and alice's claim."""
    states = engine.folder / "state"
    return {
        p: p.read_bytes() for p in states.rglob("*.*") if "owner" not in p.name and p.is_file()
    }, engine.environment("alice").claim


def test_a_failed_first_apply_is_in_nobodys_way(engine: Engine, file: Path, existing: bytes) -> None:
    """As where a push came before the verb, and the cloud said that all of it exists already."""
    shop = engine.repository()
    failing = 'provisioner "local-exec" { command = "exit 7" }'
    broken = f'resource "terraform_data" "other" {{\n count = 0\n {failing} }}\noutput "bad" {{ value = file("no") }}\n'
    push(shop, ["alice"], MODULE + broken)
    engine.turn()
    assert engine.environment("alice").status is Status.FAILED
    push(shop, ["alice"])
    engine.poll()
    adopt(engine.application, engine.environment("alice"), file, Person())
    assert_taken_over(engine, existing)


def test_after_its_own_was_destroyed_by_hand(engine: Engine, file: Path, existing: bytes) -> None:
    """What the daemon had made on the push is given up first."""
    pushed(engine)
    engine.turn()
    operations.destroy(engine.application, engine.environment("alice"), lambda *_: True)
    assert engine.environment("alice").status is Status.SUSPENDED
    adopt(engine.application, engine.environment("alice"), file, Person())
    assert_taken_over(engine, existing)


MOMENTS = {
    "marked in the record": "before envmgr.engine.source.kept:keep",
    "marked": "after envmgr.commands.takeover:keep",
    "put": "after envmgr.adapters.state.local:LocalStateStore.create",
    "planned again": "before envmgr.commands.takeover:apply_planned",
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_adoption_is_left_alone_and_goes_on(
    engine: Engine, file: Path, existing: bytes, moment: str
) -> None:
    """The daemon makes no second environment and applies nothing that was not shown; another state is refused."""
    alice = pushed(engine)
    engine.close()
    dies(engine, MOMENTS[moment], "adopt", "alice", "--yes", "--state", str(file))
    engine.calls()
    engine.turn(2, seconds=30)
    assert engine.environment("alice").status is Status.WAITING
    assert "envmgr adopt acme/shop/alice --state FILE" in engine.environment("alice").message
    assert engine.calls() == []

    other = file.with_name("other")
    other.write_bytes(existing.replace(b"legacy", b"another"))
    with pytest.raises(NeedsPerson, match="another state than this"):
        adopt(engine.application, alice, other, Person())
    with pytest.raises(NeedsPerson, match="did not finish"):
        operations.apply(engine.application, alice, Person())

    adopt(engine.application, engine.environment("alice"), file, person := Person())
    assert len(person.shown) == 1
    assert_taken_over(engine, existing)


def test_a_branch_that_went_away_meanwhile_has_a_way_out(engine: Engine, file: Path) -> None:
    """Pushed again, the no that undoes it can be said."""
    pushed(engine)
    engine.close()
    dies(engine, MOMENTS["put"], "adopt", "alice", "--yes", "--state", str(file))
    engine.repositories["shop"].delete("env-alice")
    engine.turn(2, seconds=30)
    with pytest.raises(NeedsPerson, match="push it again"):
        adopt(engine.application, engine.environment("alice"), file, Person())
    pushed(engine)
    with pytest.raises(NothingDone, match="is undone"):
        adopt(engine.application, engine.environment("alice"), file, Person(yes=0))


def test_a_lost_data_folder_loses_no_mark(engine: Engine, file: Path, existing: bytes) -> None:
    """It is in what is kept beside the state, too."""
    engine.seal_with_a_key()
    pushed(engine)
    engine.close()
    dies(engine, MOMENTS["put"], "adopt", "alice", "--yes", "--state", str(file))
    engine.lose_data()
    engine.turn(2, seconds=30)
    assert engine.environment("alice").status is Status.WAITING, engine.environment("alice").message
    adopt(engine.application, engine.environment("alice"), file, Person())
    assert_taken_over(engine, existing)


@pytest.mark.parametrize("moment", ["marked", "put"])
def test_a_no_undoes_what_was_begun(engine: Engine, file: Path, existing: bytes, moment: str) -> None:
    """Nothing was applied by then, so what exists stays; nothing is made beside it unasked."""
    pushed(engine)
    engine.close()
    dies(engine, MOMENTS[moment], "adopt", "alice", "--yes", "--state", str(file))
    with pytest.raises(NothingDone):
        adopt(engine.application, engine.environment("alice"), file, Person(yes=0))
    assert_untouched(engine)
    engine.turn(2, seconds=30)
    alice = engine.environment("alice")
    assert (alice.status, alice.claim) == (Status.SUSPENDED, None)
    assert "envmgr resume acme/shop/alice" in alice.message


def test_a_killed_apply_of_an_adoption_converges_without_a_person(
    engine: Engine, file: Path, existing: bytes
) -> None:
    """What it applies was approved: from there on it is as any other."""
    pushed(engine)
    engine.close()
    dies(
        engine,
        "before envmgr.adapters.terraform.commands:_applied",
        "adopt",
        "alice",
        "-y",
        "--state",
        str(file),
    )
    engine.turn(2, seconds=30)
    assert_taken_over(engine, existing)


def test_a_killed_apply_after_a_destroy_by_hand_is_not_destroyed(engine: Engine) -> None:
    """Whoever applies wants it to live: the earlier destroy does not go on with what is being made."""
    pushed(engine)
    engine.turn()
    operations.destroy(engine.application, engine.environment("alice"), lambda *_: True)
    engine.close()
    dies(engine, "before envmgr.adapters.terraform.commands:_applied", "apply", "alice", "--yes")
    engine.turn(2, seconds=30)
    assert engine.environment("alice").status is Status.READY, engine.environment("alice").message
    assert [r.kind for r in engine.runs()][-1] is RunKind.APPLY


def test_another_plan_than_was_approved_is_asked_for_again(
    engine: Engine, file: Path, existing: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever came in between; by a no it is undone."""
    alice, person = pushed(engine), Person(yes=1)

    def changed(text: str, plan: Plan | None) -> bool:
        engine.settings["variables"] = {"size": "large"}
        return person(text, plan)

    def planned_otherwise(self: object, document: Any) -> Plan:
        found = honest(document)
        return found if not person.shown else Plan(found.resources, output_changes=not found.output_changes)

    honest = Plan.from_json
    monkeypatch.setattr(Plan, "from_json", classmethod(planned_otherwise))
    with pytest.raises(NothingDone):
        adopt(engine.application, alice, file, changed)
    assert len(person.shown) == 2
    assert engine.environment("alice").claim is None
    assert not engine.state("alice").exists()
    assert [instance(path) for path in engine.archived()] == [instance(existing)]


def test_a_sensitive_output_of_the_given_state_is_in_no_log(
    engine: Engine, file: Path, existing: bytes
) -> None:
    """As of any state that is in its place."""
    document = json.loads(existing)
    document["outputs"]["password"] = {"value": "hunter2-canary", "type": "string", "sensitive": True}
    file.write_text(json.dumps(document))
    check = """
output "x" {
  value = 1
  precondition {
    condition     = terraform_data.app.input == "other"
    error_message = "it is hunter2-canary"
  }
}
"""
    alice = pushed(engine, MODULE + check)
    with pytest.raises(EnvmgrError, match=r"it is \[redacted\]"):
        adopt(engine.application, alice, file, Person())
    logs = "".join(p.read_text() for p in (engine.data / "logs").rglob("*.log"))
    assert "it is [redacted]" in logs
    assert "hunter2-canary" not in logs


def test_on_azure_an_empty_state_that_a_plan_left_makes_room(
    engine: Engine, file: Path, existing: bytes, azurite: Azurite
) -> None:
    """Terraform's azurerm backend writes one at its first plan; the code's own empty block is filled in each time."""
    backend = {"storage_account_name": azurite.account, "container_name": "takeover"}
    engine.settings["backend"] = {"azurerm": backend}
    engine.settings["environment_variables"] = azurite.environment
    alice = pushed(engine, 'terraform {\n  backend "azurerm" {}\n}\n' + MODULE)
    operations.plan(engine.application, alice)
    store = open_state_store("azurerm", backend, azurite.environment)
    left = store.read(alice.id.state_key)
    assert left is not None
    assert left.resources == ()

    adopt(engine.application, alice, file, Person())

    assert engine.environment("alice").status is Status.READY
    content = store.get(alice.id.state_key)
    assert content is not None
    assert instance(content)["id"] == instance(existing)["id"]
