"""Steps as the port asks for them."""

import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from envmgr.domain.errors import Interrupted, StepFailed
from envmgr.domain.values.cage import Cage
from envmgr.domain.values.environment import ProcessId
from envmgr.domain.values.step import Step
from envmgr.host.cage.bubblewrap import caged, ended
from envmgr.host.children.child import Cause, Ended, Start, Supervision, run
from envmgr.host.children.group import end_group
from envmgr.host.children.run_log import RunLog
from envmgr.host.leftovers import private
from envmgr.ports import Place, Progress, Watch

from .confinement import confinement, limited_by
from .environment import step_environment
from .failure import ending, sentence
from .printed import Printed, output_file
from .sandbox import sandbox


class StepRunner:
    """Runs steps, each as the leader of a session and process group of its own; safe to be called from several threads.

    At its time limit, when it is stopped, prints too much or fails, the whole group gets SIGTERM and after a patience
    SIGKILL. After a good end nothing is sent: a server that the step left in the background serves on. Such a server
    should have a session of its own (`setsid`) and its output in a file of its own. What is in another session is
    never ended, except in a sandbox.
    """

    def __init__(
        self,
        identify: Callable[[int], ProcessId],
        hidden: Sequence[Path] = (),
        patience: timedelta = timedelta(seconds=10),
        own: Mapping[str, str] = os.environ,
    ) -> None:
        """`identify` names a process beyond doubt, `own` is envmgr's own environment, `hidden` what no sandbox shows."""
        self._identify = identify
        self._hidden = hidden
        self._patience = patience
        self._own = own

    def run(self, step: Step, place: Place, watch: Watch) -> None:
        """See the port. What it prints is also in the file `LOG.output` beside the log, while it runs."""
        watch.progress(Progress(phase="step_start", text=f"Step {step.name}", address=step.name))
        try:
            for folder in (place.home, place.temporary, place.cache):
                folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                private(folder)
            cage = confinement(step, place, self._own)
            step, place = limited_by(cage, step, place)
            self._follow(step, place, cage, watch)
        except (OSError, ValueError) as error:
            why = watch.redact((error.strerror if isinstance(error, OSError) else None) or str(error))
            raise StepFailed(f"Step {step.name} failed: it could not be run ({why}).") from error
        watch.progress(Progress(phase="step_complete", text=f"Step {step.name} is done", address=step.name))

    def end(self, child: ProcessId) -> bool:
        """See the port."""
        try:
            is_it = self._identify(child.pid).is_same(child) and os.getpgid(child.pid) == child.pid
        except ProcessLookupError:
            return False
        if is_it:
            end_group(child.pid, signal.SIGTERM, self._patience)
        return is_it

    def _follow(self, step: Step, place: Place, cage: Cage, watch: Watch) -> None:
        output = watch.log.with_name(f"{watch.log.name}.output")
        with output_file(output) as file, RunLog(watch.log, watch.redact) as log:
            log.write(f"step {step.name}")
            environment = step_environment(place, self._own, cage.inherits, watch.log)
            for remark in _remarks(place, environment):
                log.write(remark)
            printed = Printed(file, place.limits.output, log)
            start = Start(
                argv=self._argv(step, place, cage),
                folder=place.directory,
                environment=environment,
                output=file.fileno(),
                errors=file.fileno(),
            )
            with caged(start, cage, watch.log) as made:
                found = ended(run(made, self._supervision(step, printed, watch)), cage)
            printed.finish()
            if found.code == 0 and found.cause is None and not printed.is_too_much:
                return
            how = ending(step, found, place.limits, cage.together, is_too_much=printed.is_too_much)
            log.write(f"step {step.name}: {how}")
        if found.cause is Cause.STOPPED and not printed.is_too_much:
            raise Interrupted(f"Step {step.name} was stopped before its end.")
        raise StepFailed(sentence(step, how, printed.last, place.limits, watch.redact))

    def _argv(self, step: Step, place: Place, cage: Cage) -> list[str]:
        argv = _argv(step)
        return argv if cage.is_closed else sandbox(place.sandbox, self._hidden)(argv, place)

    def _supervision(self, step: Step, printed: Printed, watch: Watch) -> Supervision:
        return Supervision(
            timeout=step.timeout,
            patience=self._patience,
            started=lambda pid: watch.started(self._identify(pid)),
            stop=lambda: printed.is_too_much or watch.stop(),
            tick=printed.follow,
            quiet=watch.quiet,
            ending=signal.SIGTERM,
            clears=lambda ended: _clears(ended, printed),
        )


def _remarks(place: Place, environment: Mapping[str, str]) -> Iterator[str]:
    yield from place.remarks
    for name in sorted(place.outputs.keys() - environment.keys()):
        yield f"{name} is not set: no process can be given such a value; it is in the file $ENVMGR_OUTPUTS."


def _argv(step: Step) -> list[str]:
    match step.run:
        case str(text):
            # With -e and -u, as a script that goes on after a failure would report a success.
            return ["sh", "-eu", "-c", text]
        case tuple(words):
            return list(words)
        case other:
            raise TypeError(f"{type(other).__name__} is no command")


def _clears(ended: Ended, printed: Printed) -> bool:
    """Looks once more at what it printed: a step may pass its limit and end between two looks."""
    printed.follow()
    return ended.code != 0 or ended.cause is not None or printed.is_too_much
