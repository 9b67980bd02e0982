"""Several applications in one repository, with real Terraform: their order, their outputs, and each on its own."""

from typing import Any

import pytest

from envmgr.commands import operations, steering
from envmgr.commands.audit import Audit
from envmgr.domain.values.environment import Environment, RunKind, Status
from envmgr.domain.values.names import EnvironmentId
from envmgr.engine.reconcile.reconciler import Reconciler
from envmgr.engine.work.job import NothingDone, Superseded
from tests.support.in_memory.engine import MemoryEngine, StateObject
from tests.support.in_memory.git import MemoryRepository

NAMES = ("db", "api", "web")
CHAIN: list[dict[str, Any]] = [
    {"name": "web", "needs": ["api"]},
    {"name": "db"},
    {"name": "api", "needs": ["db"]},
]
MODULES = {
    "db": """
variable "environment" { type = string }
resource "terraform_data" "db" { input = "db-of-${var.environment}" }
output "url" { value = terraform_data.db.output }
""",
    "api": """
variable "db_url" { type = string }
resource "terraform_data" "api" { input = "api on ${var.db_url}" }
output "url" { value = "http://${terraform_data.api.output}" }
""",
    "web": """
variable "api_url" { type = string }
resource "terraform_data" "web" { input = var.api_url }
output "url" { value = "page of ${terraform_data.web.output}" }
""",
}
BROKEN = 'resource "terraform_data" "x" { input = var.there_is_none }\n'


def files(**modules: str) -> dict[str, str]:
    """The files of a branch with a folder for each application."""
    return {f"{name}/terraform/main.tf": text for name, text in {**MODULES, **modules}.items()}


def shop(engine: MemoryEngine, applications: list[dict[str, Any]] = CHAIN) -> MemoryRepository:
    """A repository of several applications, with one branch."""
    repository = engine.repository(applications=applications)
    repository.commit("env-alice", files())
    return repository


def record(engine: MemoryEngine, application: str) -> Environment:
    """The record of one application of alice."""
    found = engine.application.services.store.environment(EnvironmentId("acme", "shop", "alice", application))
    assert found is not None
    return found


def statuses(engine: MemoryEngine) -> dict[str, str]:
    """Each application's status, closed ones too."""
    found = engine.application.services.store.environments(destroyed=True)
    return {e.id.application: e.status.value for e in found}


def order(engine: MemoryEngine, kind: RunKind) -> list[str]:
    """The applications in the order in which runs of a kind began."""
    return [run.environment.application for run in engine.runs(kind)]


def state(engine: MemoryEngine, application: str, name: str = "alice") -> StateObject:
    """The state of one application."""
    return engine.state(name, application=application)


def leave(engine: MemoryEngine, repository: MemoryRepository) -> None:
    """Delete the branch, and see it to the end."""
    repository.delete("env-alice")
    engine.turn(4, minutes=3)


def test_one_that_fails_keeps_back_those_that_need_it_and_no_other(engine: MemoryEngine) -> None:
    repository = shop(engine, [*CHAIN, {"name": "docs"}])
    docs = 'resource "terraform_data" "docs" {}\n'
    repository.commit("env-alice", files(docs=docs, api=BROKEN))
    engine.turn()
    assert statuses(engine) == {"db": "ready", "docs": "ready", "api": "failed", "web": "waiting"}
    assert record(engine, "web").message.startswith("Waits for api, which failed: ")
    assert "there_is_none" in record(engine, "web").message
    engine.calls()
    engine.turn(3, seconds=40)
    assert engine.calls() == []
    repository.commit("env-alice", files(docs=docs))
    engine.turn()
    assert statuses(engine) == dict.fromkeys([*NAMES, "docs"], "ready")
    leave(engine, repository)
    assert set(statuses(engine).values()) == {"destroyed"}


def test_a_change_in_one_folder_plans_that_application_alone(engine: MemoryEngine) -> None:
    repository = shop(engine)
    engine.turn()
    before = len(engine.runs())
    head = repository.commit("env-alice", {**files(), "web/page.html": "hello"})
    engine.turn()
    assert len(engine.runs()) == before
    assert {record(engine, name).applied.commit for name in NAMES} == {head}
    repository.commit("env-alice", files(web=MODULES["web"].replace("page of", "site of")))
    engine.turn()
    assert order(engine, RunKind.APPLY)[3:] == ["web"]
    assert record(engine, "web").applied.url == "site of http://api on db-of-alice"


def test_other_outputs_plan_those_again_that_need_them(engine: MemoryEngine) -> None:
    repository = shop(engine)
    engine.turn()
    repository.commit("env-alice", files(db=MODULES["db"].replace("db-of", "database-of")))
    engine.turn()
    assert order(engine, RunKind.APPLY)[3:] == ["db", "api", "web"]
    assert record(engine, "web").applied.url == "page of http://api on database-of-alice"


def test_an_application_comes_and_goes_with_the_configuration(engine: MemoryEngine) -> None:
    """What is configured no more is left alone and shown, until its branch is gone or a person ends it."""
    repository = shop(engine, [{"name": "db"}])
    engine.turn()
    assert statuses(engine) == {"db": "ready"}
    engine.repository_settings["shop"]["applications"] = [{"name": "db"}, {"name": "api", "needs": ["db"]}]
    engine.restart()
    engine.turn()
    assert statuses(engine) == {"db": "ready", "api": "ready"}
    engine.repository_settings["shop"]["applications"] = [{"name": "db"}]
    engine.restart()
    engine.turn()
    assert statuses(engine) == {"db": "ready", "api": "waiting"}
    assert record(engine, "api").message == (
        "Application api is no longer in the configuration of acme/shop: left alone; "
        "`envmgr destroy acme/shop/alice:api` ends it."
    )
    leave(engine, repository)
    assert order(engine, RunKind.DESTROY) == ["api", "db"]
    assert set(statuses(engine).values()) == {"destroyed"}


def test_an_environment_from_before_there_were_applications_is_left_alone(engine: MemoryEngine) -> None:
    repository = engine.repository()
    repository.commit("env-alice", {**files(), "terraform/main.tf": MODULES["db"]})
    engine.turn()
    engine.repository_settings["shop"]["applications"] = CHAIN
    engine.restart()
    engine.turn()
    assert statuses(engine) == {"": "waiting", **dict.fromkeys(NAMES, "ready")}
    assert "several applications now" in record(engine, "").message
    leave(engine, repository)
    assert set(statuses(engine).values()) == {"destroyed"}


def test_all_that_is_lost_comes_back_for_each(engine: MemoryEngine) -> None:
    """By what is kept beside each state."""
    engine.seal_with_a_key()
    repository = shop(engine)
    engine.turn()
    engine.lose_data()
    engine.turn()
    assert statuses(engine) == dict.fromkeys(NAMES, "ready")
    assert "rebuilt" in {e.action for e in engine.application.services.store.events()}
    leave(engine, repository)
    assert order(engine, RunKind.DESTROY) == ["web", "api", "db"]
    assert statuses(engine) == dict.fromkeys(NAMES, Status.DESTROYED.value)


def test_guards_count_environments_and_let_all_their_applications_through(engine: MemoryEngine) -> None:
    engine.settings["limits"] = {"environments": 1}
    repository = engine.repository(applications=[{"name": "db"}, {"name": "api", "needs": ["db"]}])
    repository.commit("env-alice", files())
    engine.turn()
    assert statuses(engine) == {"db": "ready", "api": "ready"}
    repository.commit("env-bob", files())
    engine.turn()
    store = engine.application.services.store
    bob = store.environments(name="bob")
    assert {e.status for e in bob} == {Status.WAITING}
    approved = steering.approve(engine.application, next(e for e in bob if e.hold.guard))
    assert [e.id.application for e in approved] == ["api", "db"]
    engine.turn()
    assert {e.status for e in store.environments(name="bob")} == {Status.READY}


def test_the_audit_knows_each_by_its_state(engine: MemoryEngine) -> None:
    """A state that nobody tells of is found by its application's name, and taken in again."""
    shop(engine)
    engine.turn()
    services = engine.application.services
    organization = services.organizations["acme"]
    assert Audit(engine.application, organization).findings() == ()
    engine.repository_settings["shop"]["applications"] = [{"name": "db"}]
    engine.restart()
    engine.turn()
    assert Audit(engine.application, engine.application.services.organizations["acme"]).findings() == ()
    state(engine, "api", "carol").write_bytes(state(engine, "api").read_bytes())
    [finding] = Audit(engine.application, engine.application.services.organizations["acme"]).findings()
    assert finding.environment == EnvironmentId("acme", "shop", "carol", "api")


def test_a_destroy_by_hand_spares_what_is_needed_and_a_resume_brings_it_back(engine: MemoryEngine) -> None:
    shop(engine)
    engine.turn()
    application = engine.application
    with pytest.raises(Superseded, match="alice:api stays while web is there"):
        operations.destroy(application, record(engine, "api"), lambda *_: True)
    for name in ("web", "api"):
        operations.destroy(application, record(engine, name), lambda *_: True)
    engine.turn()
    assert statuses(engine) == {"db": "ready", "api": "suspended", "web": "suspended"}
    with pytest.raises(NothingDone, match="needs api, of which nothing is applied yet"):
        operations.apply(application, record(engine, "web"), lambda *_: True)
    for name in ("web", "api"):
        steering.resume(application, record(engine, name))
    engine.turn()
    assert statuses(engine) == dict.fromkeys(NAMES, "ready")


def test_one_goes_on_with_what_it_needs_though_pushes_come_faster(engine: MemoryEngine) -> None:
    """A single push keeps the order; where one overtook db, api has a turn with what db came to, and gets the rest later."""
    repository = shop(engine)
    engine.turn()
    reconciler = Reconciler(engine.application.services)

    def push(text: str) -> str:
        commit = repository.commit("env-alice", files(db=MODULES["db"].replace("db-of", text)))
        engine.poll()
        return commit

    push("first-of")
    reconciler.reconcile(record(engine, "api").id)
    assert len(order(engine, RunKind.APPLY)) == 3
    reconciler.reconcile(record(engine, "db").id)
    newest = push("second-of")
    for _ in range(2):  # one turn, and no other before db has come further
        reconciler.reconcile(record(engine, "api").id)
        assert order(engine, RunKind.APPLY)[3:] == ["db", "api"]
    api = record(engine, "api")
    assert (api.applied.commit, api.applied.url) == (newest, "http://api on first-of-alice")
    engine.turn()
    assert statuses(engine) == dict.fromkeys(NAMES, "ready")
    assert record(engine, "web").applied.url == "page of http://api on second-of-alice"
