"""The main job: from push to environment to nothing left, on real git and real Terraform."""

import json

from envmgr.domain.values.environment import RunKind, RunStatus, Status
from tests.support.engine import MODULE, Engine, code

SECOND = MODULE + '\nresource "terraform_data" "more" {}\n'


def test_a_branch_becomes_an_environment_and_is_gone_with_it(engine: Engine) -> None:
    """Push, apply, push, apply, delete, confirm, wait, destroy, verify."""
    shop = engine.repository()
    first = shop.commit("env-alice", code())

    engine.turn()
    alice = engine.environment("alice")
    assert (alice.status, alice.commit, alice.applied.commit) == (Status.READY, first, first)
    assert alice.applied.url == "http://alice.example.com"
    assert alice.applied.resources == ("terraform_data.app",)
    assert engine.calls() == ["version", "init", "plan", "apply"]
    assert "alice small" in engine.state("alice").read_text()

    second = shop.commit("env-alice", code(module=SECOND))
    engine.turn(seconds=30)
    alice = engine.environment("alice")
    assert (alice.status, alice.applied.commit) == (Status.READY, second)
    assert set(alice.applied.resources) == {"terraform_data.app", "terraform_data.more"}
    assert engine.calls() == ["plan", "apply"], "no gate has a say: the plan need not be read"

    shop.delete("env-alice")
    engine.turn(seconds=30)
    assert engine.environment("alice").status is Status.WAITING
    assert "1 of 2 confirmations" in engine.environment("alice").message
    engine.turn(seconds=30)
    assert "grace period until" in engine.environment("alice").message
    assert engine.calls() == []

    engine.turn(minutes=5)
    alice = engine.environment("alice")
    assert (alice.status, alice.claim, alice.applied.resources, alice.applied.url) == (
        Status.DESTROYED,
        None,
        (),
        None,
    )
    assert engine.calls() == ["plan", "show", "apply"]
    assert not engine.state("alice").exists()
    assert len(engine.archived()) == 1
    assert shop_refs(engine) == []
    assert [(r.kind, r.status) for r in engine.runs()] == [
        (RunKind.APPLY, RunStatus.SUCCEEDED),
        (RunKind.APPLY, RunStatus.SUCCEEDED),
        (RunKind.DESTROY, RunStatus.SUCCEEDED),
    ]
    assert engine.actions("alice") == [
        "branch-seen", "applied", "pushed", "applied", "branch-gone", "waiting", "destroyed",
    ]  # fmt: skip


def shop_refs(engine: Engine) -> list[str]:
    """The refs by which the mirror keeps commits for environments."""
    mirror = engine.data / "mirrors" / "acme" / "shop.git"
    packed = (mirror / "packed-refs").read_text() if (mirror / "packed-refs").exists() else ""
    loose = [p for p in (mirror / "refs" / "envmgr").rglob("*") if p.is_file()]
    return [str(p) for p in loose] + [line for line in packed.splitlines() if "refs/envmgr/" in line]


def test_a_push_that_changes_no_infrastructure_starts_no_terraform(engine: Engine) -> None:
    """The fingerprint is what was applied: no process, but the commit is taken in."""
    shop = engine.repository()
    shop.commit("env-alice", code())
    engine.turn()
    engine.calls()

    commit = shop.commit("env-alice", {"app.py": "print('new')"})
    engine.turn(seconds=30)

    assert engine.calls() == []
    alice = engine.environment("alice")
    assert (alice.status, alice.applied.commit) == (Status.READY, commit)
    assert alice.claim is not None
    assert alice.claim.commit == commit


def test_code_that_reaches_outside_its_folder_counts_as_a_whole(engine: Engine) -> None:
    """A module in a neighbouring folder is part of the infrastructure, whatever changes there."""
    shop = engine.repository()
    shop.commit(
        "env-alice",
        {
            "terraform/main.tf": 'module "net" { source = "../modules/net" }',
            "modules/net/main.tf": 'resource "terraform_data" "one" {}',
        },
    )
    engine.turn()
    assert engine.environment("alice").applied.resources == ("module.net.terraform_data.one",)

    shop.commit("env-alice", {"modules/net/main.tf": 'resource "terraform_data" "two" {}'})
    engine.turn(seconds=30)

    assert engine.environment("alice").applied.resources == ("module.net.terraform_data.two",)


def test_variables_come_from_organization_repository_and_branch_the_later_winning(engine: Engine) -> None:
    """And a change of the organization file alone is applied too."""
    module = """
    variable "a" {}
    variable "b" {}
    variable "c" {}
    variable "tags" { type = map(string) }
    output "all" { value = "${var.a} ${var.b} ${var.c}" }
    output "tags" { value = var.tags }
    """
    engine.settings["variables"] = {"a": "organization", "b": "organization", "c": "organization"}
    shop = engine.repository(variables={"b": "repository", "c": "repository"})
    shop.commit("env-alice", code({".envmgr.yaml": "variables: {c: branch}"}, module))
    engine.turn()
    outputs = engine.environment("alice").applied.outputs
    assert outputs["all"].value == "organization repository branch"
    assert outputs["tags"].value == {
        "environment": "alice",
        "project": "shop",
        "organization": "acme",
        "branch": "env-alice",
        "managed-by": "envmgr",
    }

    engine.settings["variables"]["a"] = "changed"
    engine.restart()
    engine.turn(seconds=30)

    assert engine.environment("alice").applied.outputs["all"].value == "changed repository branch"


def test_a_module_of_envmgr_serves_branches_without_code(engine: Engine) -> None:
    """The module is kept by its content, and gone with the last environment that uses it."""
    root = engine.folder / "environments"
    shop = engine.repository(terraform={"module": "local-environment"}, variables={"root": str(root)})
    shop.commit("env-alice", {"app.py": ""})

    engine.turn()

    alice = engine.environment("alice")
    assert alice.status is Status.READY, alice.message
    mark = root / "acme" / "shop" / "alice" / "envmgr.json"
    assert json.loads(mark.read_text())["tags"]["environment"] == "alice"
    shop.delete("env-alice")
    engine.turn(2, seconds=30)
    engine.turn(minutes=5)
    assert engine.environment("alice").status is Status.DESTROYED
    assert not mark.parent.exists()


def test_environments_of_one_repository_do_not_touch_each_other(engine: Engine) -> None:
    """One fails, the others go on; one goes, the others stay."""
    shop = engine.repository()
    for name in ("alice", "bob", "carol"):
        shop.commit(f"env-{name}", code())
    shop.commit("env-bob", {"terraform/main.tf": "resource {"})

    engine.turn()
    assert engine.statuses() == {"alice": "ready", "bob": "failed", "carol": "ready"}
    shop.delete("env-carol")
    engine.turn(2, seconds=30)
    engine.turn(minutes=5)

    assert engine.statuses() == {"alice": "ready", "bob": "failed", "carol": "destroyed"}
    assert engine.state("alice").exists()


def test_a_branch_that_comes_back_after_its_end_starts_afresh(engine: Engine) -> None:
    """The same name, a new environment."""
    shop = engine.repository()
    shop.commit("env-alice", code())
    engine.turn()
    shop.delete("env-alice")
    engine.turn(2, seconds=30)
    engine.turn(minutes=5)
    assert engine.environment("alice").status is Status.DESTROYED

    shop.commit("env-alice", code())
    engine.turn(seconds=30)

    assert engine.environment("alice").status is Status.READY
    assert engine.state("alice").exists()
