"""What the port `Steps` promises, of child processes and of the commands in memory."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from envmgr.adapters.processes import identify
from envmgr.adapters.steps.runner import StepRunner
from envmgr.domain.errors import Interrupted, StepFailed
from envmgr.domain.values.environment import ProcessId
from envmgr.domain.values.step import Command, Step
from envmgr.ports import Place, StepLimits, Steps, Watch
from tests.support.in_memory.processes import Host
from tests.support.in_memory.steps import MemorySteps

GONE = ProcessId("elsewhere", "boot", 1, 1)


@dataclass
class Trial:
    """A place in which steps run."""

    steps: Steps
    folder: Path
    children: list[ProcessId] = field(default_factory=list)
    is_over: bool = False

    def run(self, command: Command) -> str:
        """Runs a step; gives the log."""
        place = Place(
            checkout=self.folder / "checkout",
            home=self.folder / "home",
            temporary=self.folder / "tmp",
            cache=self.folder / "cache",
            environment={},
            limits=StepLimits(output=10_000),
        )
        log = self.folder / "run.log"
        watch = Watch(
            log=log,
            redact=lambda text: text.replace("s3cr3t", "[redacted]"),
            started=self.children.append,
            stop=lambda: self.is_over,
        )
        self.steps.run(Step(name="build", run=command), place, watch)
        return log.read_text() if log.exists() else ""


@pytest.fixture(params=["processes", "memory"])
def trial(request: pytest.FixtureRequest, tmp_path: Path) -> Trial:
    (tmp_path / "checkout").mkdir()
    (tmp_path / "checkout" / "code.txt").write_text("code")
    steps: Steps = StepRunner(identify)
    if request.param == "memory":
        steps = MemorySteps(Host(lambda: datetime.now(UTC)))
    return Trial(steps, tmp_path)


def test_a_step_is_done_where_the_commit_is(trial: Trial) -> None:
    """Its child is told before its end, and what it printed is in the log, redacted."""
    assert "said [redacted]" in trial.run("test -f code.txt; echo said s3cr3t")
    assert len(trial.children) == 1
    trial.run(("true",))


@pytest.mark.parametrize("command", ["exit 3", "test -f absent; true", ("test", "-f", "absent")])
def test_a_step_that_fails_is_named(trial: Trial, command: Command) -> None:
    with pytest.raises(StepFailed, match="Step build failed"):
        trial.run(command)


def test_a_stop_ends_it(trial: Trial) -> None:
    trial.is_over = True
    with pytest.raises(Interrupted, match="build was stopped"):
        trial.run("sleep 60" if isinstance(trial.steps, StepRunner) else "true")


def test_nothing_but_a_step_that_was_left_is_ended(trial: Trial) -> None:
    trial.run("true")
    assert not trial.steps.end(trial.children[0])
    assert not trial.steps.end(GONE)
