"""What was gated and shown is what is applied, and nothing that a run starts outlives it."""

import os
import signal
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from envmgr.adapters.processes import identify
from envmgr.adapters.terraform.commands import TerraformCommands
from envmgr.commands import operations
from envmgr.domain.documents.plan import Plan
from envmgr.domain.errors import StalePlan
from envmgr.domain.values.environment import Status
from envmgr.ports import PlanFile, Watch, Workspace
from tests.support.engine import Engine, code

WRITES = """
variable "folder" {{}}
resource "terraform_data" "x" {{
  triggers_replace = "{word}"
  provisioner "local-exec" {{ command = "echo {word} >> ${{var.folder}}/done" }}
}}
"""


@pytest.fixture
def workspace(tmp_path: Path, terraform_binary: str) -> Workspace:
    """A workspace whose code writes down that it was applied."""
    root = tmp_path / "root"
    root.mkdir()
    return Workspace(
        root=root,
        data=tmp_path / "data",
        binary=terraform_binary,
        backend=("local", {"path": str(tmp_path / "terraform.tfstate")}),
        variables={"folder": str(tmp_path)},
        environment={},
    )


@pytest.fixture
def adapter(tmp_path: Path) -> TerraformCommands:
    """Terraform of one organization."""
    return TerraformCommands(tmp_path / "cache", identify, timeout=timedelta(seconds=60))


def planned(adapter: TerraformCommands, workspace: Workspace, word: str) -> PlanFile:
    """A plan of code that writes a word."""
    (workspace.root / "main.tf").write_text(WRITES.format(word=word))
    watch = Watch(log=workspace.data.parent / "log")
    return adapter.plan(workspace, workspace.data.parent / f"{word}.tfplan", watch).file


def test_a_plan_that_was_swapped_is_neither_shown_nor_applied(
    adapter: TerraformCommands, workspace: Workspace
) -> None:
    """Its digest says so, also where the other is a sound plan of the same state."""
    watch = Watch(log=workspace.data.parent / "log")
    wanted, other = planned(adapter, workspace, "wanted"), planned(adapter, workspace, "other")
    wanted.path.chmod(0o600)
    own = wanted.path.read_bytes()
    wanted.path.write_bytes(other.path.read_bytes())
    for use in (
        lambda: adapter.apply(workspace, wanted, watch),
        lambda: adapter.show(workspace, wanted),
        lambda: adapter.render(workspace, wanted),
    ):
        with pytest.raises(StalePlan, match="was changed after it had been checked"):
            use()
    wanted.path.write_bytes(own)
    adapter.apply(workspace, wanted, watch)
    assert (workspace.data.parent / "done").read_text() == "wanted\n"
    wanted.path.unlink()
    with pytest.raises(StalePlan, match="is gone"):
        adapter.apply(workspace, wanted, watch)


def test_what_is_put_in_the_working_folder_while_the_question_stands_is_not_applied(engine: Engine) -> None:
    """As a process left over from an earlier run did."""
    shop = engine.repository(variables={"folder": str(engine.folder)})
    shop.commit("env-alice", code(module=WRITES.format(word="first")))
    engine.turn()
    shop.commit("env-alice", code(module=WRITES.format(word="wanted")))
    engine.poll()
    folder = engine.data / "workspaces/acme/shop/alice"
    before: list[Path] = []

    def confirm(text: str, plan: Plan | None) -> bool:
        assert plan is not None
        before.extend(folder.rglob("*.tfplan"))
        for place in (folder, folder / "terraform"):
            (place / "plan.tfplan").write_bytes(b"another plan")
        return True

    operations.apply(engine.application, engine.environment("alice"), confirm)

    assert engine.environment("alice").status is Status.READY
    assert not before, "nothing of the plan is where the branch's code runs"
    assert (engine.folder / "done").read_text() == "first\nwanted\n"
    assert not list((engine.data / "plans").rglob("*.tfplan"))


LEAVES = """
resource "terraform_data" "x" {{
  provisioner "local-exec" {{
    interpreter = ["/bin/bash", "-c"]
    command     = "{command} >/dev/null 2>&1 < /dev/null & echo $! > {file}; disown; exit {code}"
  }}
}}
"""


@pytest.mark.parametrize("code", [0, 3])
@pytest.mark.parametrize(
    "command",
    ["setsid sleep 300", "env -i sleep 300", "setsid bash -c 'trap \\\"\\\" TERM; sleep 300'"],
    ids=["another session", "another environment", "deaf"],
)
def test_what_a_run_leaves_running_ends_with_it(
    adapter: TerraformCommands, workspace: Workspace, command: str, code: int
) -> None:
    """By its session or by its mark, asked first and then killed."""
    folder = workspace.data.parent
    file = folder / "left"
    (workspace.root / "main.tf").write_text(LEAVES.format(command=command, file=file, code=code))
    watch = Watch(log=folder / "log")
    plan = adapter.plan(workspace, folder / "plan", watch).file
    other = os.posix_spawn("/bin/sleep", ["sleep", "300"], {"ENVMGR_RUN_LOG": str(folder / "another-log")})
    try:
        with suppress(Exception):
            adapter.apply(workspace, plan, watch)
        pid = int(file.read_text())
        assert not is_running(pid)
        assert not [p for p in Path("/proc").iterdir() if p.name.isdigit() and has_mark(p, str(watch.log))]
        assert is_running(other), "another run's"
    finally:
        os.kill(other, signal.SIGKILL)
        os.waitpid(other, 0)


def is_running(pid: int) -> bool:
    """Whether a process lives; one that was only not reaped yet does not."""
    time.sleep(0.05)
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def has_mark(folder: Path, log: str) -> bool:
    """Whether a process belongs to a run."""
    with suppress(OSError):
        return f"ENVMGR_RUN_LOG={log}".encode() in (folder / "environ").read_bytes().split(b"\0")
    return False
