"""The port `Steps` in memory: commands of a small language, and a list of what was run."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass, field

from envmgr.domain.errors import Interrupted, StepFailed
from envmgr.domain.values.environment import ProcessId
from envmgr.domain.values.step import Step
from envmgr.ports import Place, Progress, Watch

from .processes import Host


@dataclass(frozen=True)
class Ran:
    """A step that was begun, where, and the commit's files that it found."""

    name: str
    environment: str
    commit: str
    outputs: dict[str, str]


@dataclass
class MemorySteps:
    """See `envmgr.ports.Steps`. Knows `true`, `exit N`, `echo TEXT` and `test -f FILE`, one after the other by `;`."""

    host: Host
    ran: list[Ran] = field(default_factory=list)
    at_work: Callable[[Place], None] = lambda _: None

    def run(self, step: Step, place: Place, watch: Watch) -> None:
        """Does the step's commands."""
        child = self.host.start(watch.log)
        watch.started(child)
        watch.progress(Progress(phase="step_start", text=f"Step {step.name}", address=step.name))
        given = place.environment
        self.ran.append(
            Ran(
                step.name,
                given.get("ENVMGR_ENVIRONMENT", ""),
                given.get("ENVMGR_COMMIT", ""),
                dict(place.outputs),
            )
        )
        try:
            self.at_work(place)
            for command in _commands(step):
                if watch.stop():
                    raise Interrupted(f"Step {step.name} was stopped before its end.")
                _do(step, command, place, watch)
        finally:
            self.host.end(child)
        watch.progress(Progress(phase="step_complete", text=f"Step {step.name} is done", address=step.name))

    def end(self, child: ProcessId) -> bool:
        """Ends a step that a dead process had started."""
        is_ours = child in self.host.living
        self.host.end(child)
        return is_ours


def _commands(step: Step) -> list[list[str]]:
    if isinstance(step.run, tuple):
        return [list(step.run)]
    return [shlex.split(command) for command in str(step.run).split(";")]


def _do(step: Step, command: list[str], place: Place, watch: Watch) -> None:
    match command:
        case ["echo", *words]:
            with watch.log.open("a") as log:
                log.write(watch.redact(f"{' '.join(words)}\n"))
        case ["true"] | ["exit", "0"]:
            pass
        case ["test", "-f", name] if (place.directory / name).is_file():
            pass
        case _:
            raise StepFailed(f"Step {step.name} failed: {shlex.join(command)}.")
