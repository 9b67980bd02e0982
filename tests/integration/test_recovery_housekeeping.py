"""Housekeeping between plan and claim takes away nothing that the destroy will need."""

from envmgr.daemon import housekeeping
from envmgr.domain.values.environment import Status
from tests.support.engine import Engine


def test_tidying_while_an_apply_is_planned_keeps_its_module_and_terraform(engine: Engine) -> None:
    """Nothing claims them yet; the destroy finds them all the same, after the module has changed."""
    modules = engine.folder / "modules"
    (modules / "mark").mkdir(parents=True)
    (modules / "mark" / "main.tf").write_text('resource "terraform_data" "mark" {}')
    engine.modules = modules
    shop = engine.repository(terraform={"module": "mark"})
    shop.commit("env-alice", {"app.py": ""})
    terraform = engine.application.services.organizations["acme"].terraform
    plan, apply = terraform.plan, terraform.apply

    def plan_then_tidy(*args: object, **options: object) -> object:
        result = plan(*args, **options)  # type: ignore[arg-type]
        housekeeping.tidy(engine.application.services)
        return result

    terraform.plan = plan_then_tidy  # type: ignore[method-assign, assignment]
    engine.turn()
    assert engine.environment("alice").status is Status.READY, engine.environment("alice").message
    terraform.plan, terraform.apply = plan, apply  # type: ignore[method-assign]
    (modules / "mark" / "main.tf").write_text('variable "needed_now" {}')
    shop.delete("env-alice")

    engine.turn(2, seconds=30)
    engine.turn(minutes=5)

    assert engine.environment("alice").status is Status.DESTROYED, engine.environment("alice").message
