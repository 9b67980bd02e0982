"""Deploy steps through the whole of envmgr: when they run, what they get, and what their failures leave."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from envmgr.commands import operations
from envmgr.domain.documents.plan import Plan
from envmgr.domain.errors import StepFailed
from envmgr.domain.values.environment import RunStatus, Status
from tests.support.engine import MODULE, code
from tests.support.in_memory.engine import MemoryEngine

if TYPE_CHECKING:
    from tests.support.in_memory.git import MemoryRepository
OUTPUTS = (
    MODULE
    + """
output "port-number" { value = 8080 }
output "token" {
  value     = "hush-hush-token"
  sensitive = true
}
"""
)


def yes(_: str, __: Plan | None) -> bool:
    """Confirm."""
    return True


class Shop:
    """A repository whose deploys write what they did to a file."""

    def __init__(self, engine: MemoryEngine, folder: Path) -> None:
        """Without any step yet."""
        self.engine = engine
        self.file = folder / "deployed"
        self.repository: MemoryRepository | None = None

    def step(self, name: str, more: str = "", **options: Any) -> dict[str, Any]:
        """A step that notes its name and commit."""
        note = f'echo "{name} $(cat app.txt) $ENVMGR_COMMIT" >> {self.file}'
        return {"name": name, "run": f"{note}\n{more}", **options}

    def start(self, *steps: dict[str, Any], **settings: Any) -> str:
        """Push `env-alice` with version one and bring it up; gives the commit."""
        self.repository = self.engine.repository(deploy=list(steps), **settings)
        return self.push(code({"app.txt": "one"}, OUTPUTS))

    def push(self, files: Mapping[str, str]) -> str:
        """Push to `env-alice` and work; gives the commit."""
        assert self.repository is not None
        commit = self.repository.commit("env-alice", files)
        self.engine.turn()
        return commit

    def done(self) -> list[str]:
        """What the steps noted since the last call of this, without the commits."""
        if not self.file.exists():
            return []
        lines = self.file.read_text().splitlines()
        self.file.unlink()
        return [line.rpartition(" ")[0] for line in lines]


@pytest.fixture
def shop(engine: MemoryEngine, tmp_path: Path) -> Shop:
    """A shop on an engine."""
    return Shop(engine, tmp_path)


def test_a_failed_deploy_is_tried_again_without_an_apply(shop: Shop, tmp_path: Path) -> None:
    """It is `failed` at the step, with its last words; the steps before it are run again, Terraform is not."""
    gate = tmp_path / "gate"
    shop.start(shop.step("first"), shop.step("second", f"echo no gate here; test -e {gate}"))
    engine = shop.engine
    alice = engine.environment("alice")
    assert alice.status is Status.FAILED
    assert alice.message == "Step second failed (exit 1): no gate here."
    assert alice.applied.commit == alice.commit
    assert alice.deployment is not None
    assert alice.deployment.commit is None
    assert [run.status for run in engine.runs()] == [RunStatus.SUCCEEDED, RunStatus.FAILED]
    shop.done()
    engine.calls()

    engine.turn()
    assert shop.done() == []  # not before its pause is over
    engine.turn(minutes=2)
    assert shop.done() == ["first one", "second one"]
    failures = engine.environment("alice").failure.count
    assert failures == 2

    gate.touch()
    engine.turn(minutes=10)
    assert shop.done() == ["first one", "second one"]
    alice = engine.environment("alice")
    assert (alice.status, alice.failure.count, alice.message) == (Status.READY, 0, "")
    assert engine.calls() == []


def test_steps_run_after_the_changes_they_are_for(shop: Shop) -> None:
    """Always, infrastructure, code, and paths."""
    engine = shop.engine
    shop.start(
        shop.step("always"),
        shop.step("infra", when="infrastructure"),
        shop.step("code", when="code"),
        shop.step("web", when={"paths": ["web/", "*.css"]}),
    )
    assert shop.done() == ["always one", "infra one", "code one", "web one"]
    shop.push({"app.txt": "two"})
    assert shop.done() == ["always two", "code two"]
    shop.push({"web/index.html": "hello"})
    assert shop.done() == ["always two", "code two", "web two"]
    shop.push({"deep/down/style.css": "body {}"})
    assert shop.done() == ["always two", "code two", "web two"]
    shop.push({"terraform/main.tf": OUTPUTS.replace("small", "large")})
    assert shop.done() == ["always two", "infra two", "code two"]
    engine.repository_settings["shop"]["variables"] = {"size": "huge"}
    engine.restart()
    engine.turn()
    assert shop.done() == ["always two", "infra two"]


def test_other_steps_in_the_organization_file_are_run(shop: Shop) -> None:
    """The commit is the same, and Terraform is not started."""
    engine = shop.engine
    shop.start(shop.step("app"))
    shop.done()
    engine.calls()
    engine.repository_settings["shop"]["deploy"] = [shop.step("other", when="code")]
    engine.restart()
    engine.turn()
    assert (shop.done(), engine.calls()) == (["other one"], [])
    engine.repository_settings["shop"]["deploy"] = []
    engine.restart()
    engine.turn(2)
    assert engine.environment("alice").status is Status.READY
    assert engine.environment("alice").deployment is None


def test_a_branch_brings_its_own_steps_only_where_it_may(shop: Shop) -> None:
    """Else it is refused with a sentence, and nothing is run."""
    engine = shop.engine
    shop.start(shop.step("app"))
    shop.done()
    own = f"deploy:\n  - {{name: own, run: 'echo own >> {shop.file}; echo $ENVMGR_COMMIT >> {shop.file}'}}\n"
    shop.push({".envmgr.yaml": own})
    alice = engine.environment("alice")
    assert (alice.status, shop.done()) == (Status.FAILED, [])
    assert "takes no commands from branches" in alice.message
    engine.repository_settings["shop"]["allow_branch_deploy"] = True
    engine.restart()
    commit = shop.push({"app.txt": "two"})
    assert shop.file.read_text().splitlines() == ["own", commit]
    assert engine.environment("alice").status is Status.READY


def test_steps_before_a_destroy_are_run_once_and_with_what_is_deployed(shop: Shop, tmp_path: Path) -> None:
    """Where they fail nothing is destroyed; Terraform's failure does not run them again."""
    engine = shop.engine
    gate = tmp_path / "gate"
    bye = shop.step("bye", f"test -e {gate}")
    shop.start(shop.step("app"), on_destroy=[bye])
    shop.done()
    assert shop.repository is not None
    shop.repository.delete("env-alice")
    engine.turn(2, minutes=10)
    alice = engine.environment("alice")
    assert (alice.status, shop.done()) == (Status.FAILED, ["bye one"])
    assert "Step bye failed" in alice.message
    assert engine.state("alice").exists()
    assert alice.applied.resources

    gate.touch()
    engine.terraform.fails["apply"] = "no luck"
    engine.turn(minutes=30)
    assert (engine.environment("alice").status, shop.done()) == (Status.FAILED, ["bye one"])
    engine.terraform.fails.clear()
    engine.turn(minutes=90)
    assert (engine.environment("alice").status, shop.done()) == (Status.DESTROYED, [])
    assert not engine.state("alice").exists()


def test_by_hand_it_is_destroyed_without_the_steps_before(shop: Shop) -> None:
    """Where these cannot succeed any more; an event says so."""
    engine = shop.engine
    shop.start(shop.step("app"), on_destroy=[shop.step("bye", "exit 1")])
    shop.done()
    with pytest.raises(StepFailed, match="--skip-on-destroy"):
        operations.destroy(engine.application, engine.environment("alice"), yes)
    assert shop.done() == ["bye one"]
    assert engine.state("alice").exists()
    operations.destroy(engine.application, engine.environment("alice"), yes, leaves_code=True)
    assert (engine.environment("alice").status, shop.done()) == (Status.SUSPENDED, [])
    assert not engine.state("alice").exists()
    assert "on-destroy-skipped" in engine.actions("alice")


def test_a_branch_that_comes_back_is_deployed_anew(shop: Shop) -> None:
    """Its end was begun: the steps before the destroy had run."""
    engine = shop.engine
    shop.start(shop.step("app"), on_destroy=[shop.step("bye")])
    engine.terraform.fails["apply"] = "no luck"
    assert shop.repository is not None
    shop.repository.delete("env-alice")
    engine.turn(2, minutes=10)
    assert shop.done() == ["app one", "bye one"]
    engine.terraform.fails.clear()
    shop.push(code({"app.txt": "three"}, OUTPUTS))
    assert engine.environment("alice").status is Status.READY
    assert shop.done() == ["app three"]


def test_by_hand_it_is_deployed_too(shop: Shop) -> None:
    """An apply, also where nothing changes; its failure is raised."""
    engine = shop.engine
    shop.start(shop.step("app", "test $(cat app.txt) != bad"))
    shop.done()
    operations.apply(engine.application, engine.environment("alice"), yes)
    assert shop.done() == ["app one"]
    shop.push({"app.txt": "bad"})
    shop.done()
    with pytest.raises(StepFailed, match="Step app failed"):
        operations.apply(engine.application, engine.environment("alice"), yes)
    assert shop.done() == ["app bad"]
    assert engine.environment("alice").status is Status.FAILED
