"""What the port `Terraform` promises, of the real one and of the one in memory, by the same code."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from envmgr.adapters.processes import identify
from envmgr.adapters.state.connect import open_state_store
from envmgr.adapters.terraform.commands import TerraformCommands
from envmgr.domain.errors import EnvmgrError, Interrupted, NeedsPerson, StalePlan, Transient
from envmgr.domain.values.environment import Changes, ProcessId
from envmgr.ports import Attended, PlanResult, StateStore, Terraform, Watch, Workspace
from tests.support.in_memory.cloud import MemoryCloud
from tests.support.in_memory.processes import Host
from tests.support.in_memory.states import StatePlace
from tests.support.in_memory.terraform import MemoryTerraform

KEY = "acme/shop/alice/terraform.tfstate"
CODE = """
variable "word" { type = string }
variable "size" { default = "small" }
resource "terraform_data" "one" { input = "${var.word} ${var.size}" }
output "word" { value = var.word }
output "secret" {
  value     = "s3cr3t"
  sensitive = true
}
"""
FAILING = """
resource "terraform_data" "broken" {
  depends_on = [terraform_data.one]
  provisioner "local-exec" { command = "exit 1" }
}
"""


@dataclass
class Trial:
    """A workspace of an adapter's, and where its state is."""

    terraform: Terraform
    folder: Path
    backend: tuple[str, dict[str, object]]
    states: StateStore
    children: list[ProcessId] = field(default_factory=list)
    is_over: bool = False

    @property
    def workspace(self) -> Workspace:
        """As the port takes it."""
        return Workspace(
            root=self.folder / "code",
            data=self.folder / "data",
            binary="terraform",
            backend=self.backend,
            variables={"word": "hello"},
            environment={},
        )

    @property
    def watch(self) -> Watch:
        """One that remembers children."""
        return Watch(log=self.folder / "run.log", started=self.children.append, stop=lambda: self.is_over)

    def code(self, text: str) -> None:
        """The branch's code."""
        self.workspace.root.mkdir(exist_ok=True)
        (self.workspace.root / "main.tf").write_text(text)

    def plan(self, *, destroy: bool = False) -> PlanResult:
        """A plan in a file of its own."""
        out = self.folder / f"{uuid4().hex}.tfplan"
        return self.terraform.plan(self.workspace, out, self.watch, destroy=destroy)

    def applied(self, *, destroy: bool = False) -> PlanResult:
        """A plan that was applied."""
        planned = self.plan(destroy=destroy)
        self.terraform.apply(self.workspace, planned.file, self.watch)
        return planned

    def resources(self) -> tuple[str, ...]:
        """What the state lists."""
        state = self.states.read(KEY)
        return tuple(sorted(state.resources)) if state is not None else ()


def _real(folder: Path) -> Trial:
    path = str(folder / "state")
    states = open_state_store("local", {"path": path}, {})
    states.ensure()
    terraform = TerraformCommands(folder / "cache", identify)
    return Trial(terraform, folder, ("local", {"path": f"{path}/{KEY}"}), states)


def _in_memory(folder: Path) -> Trial:
    place = StatePlace(exists=True)
    host = Host(lambda: datetime.now(UTC))
    terraform = MemoryTerraform(host, MemoryCloud(), lambda _: (place, KEY), host.clock)
    return Trial(terraform, folder, ("s3", {"key": KEY}), place.open())


@pytest.fixture(params=[_real, _in_memory], ids=["terraform", "memory"])
def trial(request: pytest.FixtureRequest, tmp_path: Path) -> Trial:
    """One with code."""
    if request.param is _real:
        request.getfixturevalue("terraform_binary")
    made: Trial = request.param(tmp_path)
    made.code(CODE)
    return made


def refused(kind: type[EnvmgrError], action: Callable[[], object]) -> str:
    """The sentence of a failure of exactly this kind."""
    with pytest.raises(kind) as caught:
        action()
    assert type(caught.value) is kind, caught.value
    return str(caught.value)


def test_a_life_from_the_first_apply_to_the_destroy(trial: Trial) -> None:
    """Each child is told, sensitive outputs have no value, and what is as it should be changes nothing."""
    planned = trial.plan()
    assert (planned.has_changes, planned.changes) == (True, Changes(add=1))
    outputs = trial.terraform.apply(trial.workspace, planned.file, trial.watch)
    assert outputs["word"].value == "hello"
    assert (outputs["secret"].value, outputs["secret"].sensitive) == (None, True)
    state = trial.states.read(KEY)
    assert state is not None
    assert (state.resources, state.outputs["secret"].value) == (("terraform_data.one",), "s3cr3t")
    assert len(set(trial.children)) >= 2
    assert not trial.plan().has_changes

    trial.code(CODE.replace("small", "large"))
    changed = trial.plan()
    assert changed.changes == Changes(change=1)
    shown = trial.terraform.show(trial.workspace, changed.file)
    assert [(r.address, r.actions) for r in shown.resources] == [("terraform_data.one", ("update",))]

    destroyed = trial.applied(destroy=True)
    assert destroyed.changes == Changes(destroy=1)
    assert trial.resources() == ()
    assert not trial.plan(destroy=True).has_changes


def test_only_the_plan_that_was_checked_is_applied(trial: Trial) -> None:
    """One whose state moved on, and a file that is another than was planned, are stale."""
    first, second = trial.plan(), trial.plan()
    trial.terraform.apply(trial.workspace, first.file, trial.watch)
    refused(StalePlan, lambda: trial.terraform.apply(trial.workspace, second.file, trial.watch))
    trial.code(CODE.replace("small", "large"))
    third = trial.plan()
    altered = replace(third.file, digest="0" * 64)
    refused(StalePlan, lambda: trial.terraform.apply(trial.workspace, altered, trial.watch))


def test_an_apply_that_fails_half_way_says_what_it_made(trial: Trial) -> None:
    trial.code(CODE + FAILING)
    said = refused(Transient, trial.applied)
    assert "local-exec" in said
    assert trial.resources() == ("terraform_data.broken", "terraform_data.one")
    assert trial.states.lock(KEY) is None
    trial.code(CODE)
    assert trial.applied().changes == Changes(destroy=1)
    assert trial.resources() == ("terraform_data.one",)


@pytest.mark.parametrize(
    "code",
    [
        pytest.param('resource "terraform_data" "one" {', id="syntax"),
        pytest.param('variable "missing" { type = string }', id="no value"),
        pytest.param('terraform {\n  backend "s3" {}\n}', id="backend"),
    ],
)
def test_code_that_only_a_commit_mends_needs_a_person(trial: Trial, code: str) -> None:
    trial.code(code)
    refused(NeedsPerson, trial.plan)


def test_a_stop_ends_it_and_the_state_says_the_truth(trial: Trial) -> None:
    trial.code(CODE + FAILING.replace("exit 1", "sleep 20"))
    planned = trial.plan()
    trial.is_over = True
    refused(Interrupted, lambda: trial.terraform.apply(trial.workspace, planned.file, trial.watch))
    trial.is_over = False
    assert trial.states.lock(KEY) is None
    trial.code(CODE)
    trial.applied()
    assert trial.resources() == ("terraform_data.one",)


def test_of_a_run_that_did_nothing_there_is_nothing_to_know(trial: Trial) -> None:
    assert trial.terraform.adopt(trial.workspace, None, trial.watch) == Attended()
    assert trial.terraform.push_errored_state(trial.workspace, trial.watch) is False
