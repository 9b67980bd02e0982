"""Checks and an approval with real Terraform: what waits is applied once people have said yes to just that."""

from pathlib import Path

from envmgr.commands import steering
from envmgr.domain.rules.access.roles import Rules, signed_in
from envmgr.domain.values.asking.person import Role
from envmgr.domain.values.environment import Guard, RunKind, Status
from envmgr.domain.values.pipeline.proposal import CheckOutcome
from tests.support.engine import Engine, code

CAROL = signed_in("carol", (), {"acme": Rules({Role.APPROVER: ("carol",)})})


def test_a_life_with_checks_and_an_approval(engine: Engine, tmp_path: Path) -> None:
    policy = tmp_path / "policy.rego"
    policy.write_text(
        "package envmgr\n"
        'warn contains m if { some c in input.resource_changes; m := concat(" ", [c.address, input.envmgr.environment]) }\n'
    )
    repository = engine.repository(
        checks=[
            {"name": "policy", "rego": str(policy)},
            {"name": "meaning", "terraform": "validate"},
            {"name": "layout", "terraform": "fmt", "on_failure": "warn"},
            {
                "name": "files",
                "run": 'grep -q resource_changes "$ENVMGR_PLAN" && ls "$ENVMGR_TERRAFORM"/main.tf',
            },
        ],
        approval={"needed": 1},
    )
    repository.commit("env-alice", code(module='resource "terraform_data" "app" {\n      input = "x"\n}\n'))
    engine.turn()
    found = engine.environment("alice")
    assert found.hold.guard is Guard.APPROVAL, found.message
    assert found.proposal is not None
    assert [check.outcome for check in found.proposal.checks] == [
        CheckOutcome.WARNED,
        CheckOutcome.PASSED,
        CheckOutcome.WARNED,
        CheckOutcome.PASSED,
    ]
    assert found.proposal.checks[0].findings == ("terraform_data.app alice",)
    assert "terraform_data.app" in found.proposal.text
    assert not list((tmp_path / "data").rglob("plan.json"))
    steering.approve(engine.application.asked_by(CAROL), found)
    engine.turn()
    assert engine.environment("alice").status is Status.READY, engine.environment("alice").message
    kinds = [run.kind for run in engine.application.services.store.runs(found.id)]
    assert kinds.count(RunKind.CHECK) == 8
