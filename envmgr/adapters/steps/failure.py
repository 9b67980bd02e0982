"""How a step failed, in one sentence."""

import re
import signal
from collections.abc import Iterable

from envmgr.config.sections.duration import format_duration
from envmgr.domain.values.step import Step
from envmgr.host.children.child import Cause, Ended
from envmgr.host.children.run_log import printable
from envmgr.ports import Redact, StepLimits

_SHOWN = 3
_LONGEST = 400
_ERROR = re.compile(
    r"error|fail|fatal|cannot|can't|could not|not found|no such|denied|refused|unbound|not set|exceeded|\*\*\*",
    re.IGNORECASE,
)
_NO_MEMORY = re.compile(
    r"out of memory|cannot allocate memory|memoryerror|bad_alloc|memory exhausted", re.IGNORECASE
)
_NO_PROCESS = re.compile(r"resource temporarily unavailable|cannot fork", re.IGNORECASE)
_SHELL_SIGNAL = 128
_UNITS = ((1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB"))


def ending(step: Step, ended: Ended, limits: StepLimits, *, is_too_much: bool) -> str:
    """How a step ended that did not do its work, such as `exit 2`, `killed by SIGKILL`, `took longer than 15m`."""
    if is_too_much:
        return f"printed more than {_size(limits.output)}"
    if ended.cause is Cause.TIMED_OUT:
        return f"took longer than {format_duration(step.timeout)}"
    number = -ended.code if ended.code < 0 else ended.code - _SHELL_SIGNAL
    if number == signal.SIGXCPU and limits.cpu_seconds is not None:
        return f"used up its {limits.cpu_seconds} s of CPU time"
    if ended.code < 0:
        return f"killed by {_signal(number)}"
    return f"exit {ended.code}, as after {_signal(number)}" if number in _SIGNALS else f"exit {ended.code}"


def sentence(step: Step, how: str, printed: Iterable[str], limits: StepLimits, redact: Redact) -> str:
    """`Step build failed (exit 2): make: *** No rule to make target 'image'.` for the last lines it printed."""
    stripped = (printable(line).strip() for line in redact("\n".join(printed)).splitlines())
    lines = [line for line in stripped if line]
    said = _cut("; ".join(_telling(lines)))
    rest = f": {said.rstrip('.')}" if said else " and said nothing"
    return f"Step {printable(step.name)} failed ({how}{_hint(lines, limits)}){rest}."


def _telling(lines: list[str]) -> list[str]:
    """The last lines that look like errors: programs that buffer print other things after those."""
    return [line for line in lines if _ERROR.search(line)][-_SHOWN:] or lines[-1:]


def _hint(lines: list[str], limits: StepLimits) -> str:
    text = "\n".join(lines)
    if limits.memory is not None and _NO_MEMORY.search(text):
        return f", its memory is limited to {_size(limits.memory)}"
    if limits.processes is not None and _NO_PROCESS.search(text):
        return f", its processes are limited to {limits.processes}"
    return ""


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


_SIGNALS = {number.value for number in signal.Signals}


def _signal(number: int) -> str:
    return signal.Signals(number).name if number in _SIGNALS else f"signal {number}"


def _size(count: int) -> str:
    """`64 MiB` where it comes out even, else bytes."""
    return next(
        (f"{count // unit} {name}" for unit, name in _UNITS if count and count % unit == 0), f"{count} bytes"
    )
