"""The time that a step has, and whether it is to stop."""

import time

from envmgr.config.sections.duration import format_duration
from envmgr.domain.errors import Interrupted, Transient
from envmgr.domain.values.step import Step
from envmgr.ports import Watch

_TICK_SECONDS = 0.1


class Deadline:
    """Runs from its making on, for as long as the step may take."""

    def __init__(self, step: Step, watch: Watch) -> None:
        self._step = step
        self._watch = watch
        self._end = time.monotonic() + step.timeout.total_seconds()

    @property
    def left(self) -> float:
        """The seconds that are left, at least one."""
        return max(self._end - time.monotonic(), 1)

    def check(self) -> None:
        """Raises Interrupted where envmgr stops, Transient where the time is up."""
        if self._watch.stop():
            raise Interrupted(f"Step {self._step.name} was stopped before its end.")
        if time.monotonic() >= self._end:
            raise Transient(f"it took longer than {format_duration(self._step.timeout)}.")

    def wait(self, seconds: float) -> None:
        """Waits, and checks all the while."""
        end = time.monotonic() + seconds
        self.check()
        while time.monotonic() < end:
            time.sleep(_TICK_SECONDS)
            self.check()
