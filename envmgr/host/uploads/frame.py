"""How every step that uploads begins and ends: its time, its log, its progress, the sentence where it fails."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from envmgr.domain.errors import EnvmgrError, NeedsPerson, Refused, StepFailed, Transient
from envmgr.domain.values.step import Step
from envmgr.host.children.run_log import RunLog, printable
from envmgr.ports import Progress, Watch

from .deadline import Deadline

Say = Callable[[str], None]
"""Writes a line to the run's log."""


@contextmanager
def uploading(step: Step, watch: Watch) -> Iterator[tuple[Deadline, Say]]:
    """Around all that a step does; what fails within is `Step page failed: …`, in the log and as raised.

    NeedsPerson stays that; all else is StepFailed and so tried again, also what a cloud refuses: the apply before may
    have given the permission, and it takes a while to be known there.
    """
    watch.progress(Progress(phase="step_start", text=f"Step {step.name}", address=step.name))
    with RunLog(watch.log, watch.redact) as log:
        log.write(f"step {step.name}")
        try:
            yield Deadline(step, watch), log.write
        except (NeedsPerson, Transient, OSError) as error:
            raise _failure(step, error, watch, log) from error
    watch.progress(Progress(phase="step_complete", text=f"Step {step.name} is done", address=step.name))


def _failure(step: Step, error: EnvmgrError | OSError, watch: Watch, log: RunLog) -> NeedsPerson | StepFailed:
    told = printable(watch.redact(f"Step {step.name} failed: {_reason(error).rstrip('.')}."))
    log.write(told)
    stays = isinstance(error, NeedsPerson) and not isinstance(error, Refused)
    return NeedsPerson(told) if stays else StepFailed(told)


def _reason(error: EnvmgrError | OSError) -> str:
    """Why it failed, to go on after a colon."""
    if isinstance(error, EnvmgrError):
        return error.continued
    text = error.strerror or str(error)
    return f"{text[:1].lower()}{text[1:]}"
