"""The port `Steps` in memory: scripts of a small shell, and a list of what was run."""

from collections.abc import Callable
from dataclasses import dataclass, field

from envmgr.domain.errors import Interrupted, StepFailed
from envmgr.domain.values.environment import ProcessId
from envmgr.domain.values.step import Step
from envmgr.ports import Place, Progress, Watch

from .processes import Host
from .shell import Shell


@dataclass(frozen=True)
class Ran:
    """A step that was begun, where, and the commit's files that it found."""

    name: str
    environment: str
    commit: str
    outputs: dict[str, str]


@dataclass
class MemorySteps:
    """See `envmgr.ports.Steps`; what a script may say is in `Shell`."""

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
        place.temporary.mkdir(parents=True, exist_ok=True)
        try:
            self.at_work(place)
            _do(step, place, watch)
        finally:
            self.host.end(child)
        watch.progress(Progress(phase="step_complete", text=f"Step {step.name} is done", address=step.name))

    def end(self, child: ProcessId) -> bool:
        """Ends a step that a dead process had started."""
        is_ours = child in self.host.living
        self.host.end(child)
        return is_ours


def _do(step: Step, place: Place, watch: Watch) -> None:
    printed: list[str] = []

    def say(line: str) -> None:
        printed.append(watch.redact(line))
        with watch.log.open("a") as log:
            log.write(f"{printed[-1]}\n")

    def heed_stop() -> None:
        if watch.stop():
            raise Interrupted(f"Step {step.name} was stopped before its end.")

    given = {f"ENVMGR_OUTPUT_{name.upper().replace('-', '_')}": text for name, text in place.outputs.items()}
    shell = Shell(place.directory, {**place.environment, **given}, say, heed_stop)
    code = shell.command(step.run) if isinstance(step.run, tuple) else shell.run(str(step.run))
    if code:
        said = f": {printed[-1].rstrip('.')}" if printed else " and said nothing"
        raise StepFailed(f"Step {step.name} failed (exit {code}){said}.")
