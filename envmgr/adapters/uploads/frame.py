"""How every step that uploads begins and ends: its time, its log, its progress, the sentence where it fails."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from envmgr.adapters.children.run_log import RunLog, printable
from envmgr.domain.errors import NeedsPerson, StepFailed, Transient
from envmgr.domain.step import Step
from envmgr.ports import Progress, Watch

from .deadline import Deadline

Say = Callable[[str], None]
"""Writes a line to the run's log."""


@contextmanager
def uploading(step: Step, watch: Watch) -> Iterator[tuple[Deadline, Say]]:
    """Around all that a step does; what fails within is `Step page failed: …`, in the log and as raised.

    NeedsPerson stays that; all else that may pass is StepFailed.
    """
    watch.progress(Progress(phase="step_start", text=f"Step {step.name}", address=step.name))
    with RunLog(watch.log, watch.redact) as log:
        log.write(f"step {step.name}")
        try:
            yield Deadline(step, watch), log.write
        except (NeedsPerson, Transient, OSError) as error:
            raise _failure(step, error, watch, log) from error
    watch.progress(Progress(phase="step_complete", text=f"Step {step.name} is done", address=step.name))


def _failure(step: Step, error: Exception, watch: Watch, log: RunLog) -> NeedsPerson | StepFailed:
    why = (error.strerror if isinstance(error, OSError) else None) or str(error)
    told = printable(watch.redact(f"Step {step.name} failed: {why.rstrip('.')}."))
    log.write(told)
    return NeedsPerson(told) if isinstance(error, NeedsPerson) else StepFailed(told)
