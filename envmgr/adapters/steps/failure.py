"""How a step failed, in one sentence."""

import re
import signal
from collections.abc import Iterable

from envmgr.config.sections.duration import format_duration
from envmgr.config.sections.size import format_size
from envmgr.domain.values.cage import CageLimits
from envmgr.domain.values.step import Step
from envmgr.host.cage.bounds import told
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


def ending(
    step: Step, ended: Ended, limits: StepLimits, together: CageLimits, *, is_too_much: bool = False
) -> str:
    """How a step ended that did not do its work, such as `exit 2`, `killed by SIGKILL`, `took longer than 15m`.

    `together` are the limits for all that it starts.
    """
    if is_too_much:
        return f"printed more than {_size(limits.output)}"
    if ended.cause is Cause.TIMED_OUT:
        return f"took longer than {format_duration(step.timeout)}"
    return _by_limit(ended, limits, together) or _by_itself(ended.code)


def _by_limit(ended: Ended, limits: StepLimits, together: CageLimits) -> str:
    if reached := told(ended.reached, together):
        return f"reached {reached}"
    number = _signal_of(ended.code)
    if number == signal.SIGXCPU and limits.cpu_seconds is not None:
        return f"used up its {limits.cpu_seconds} s of CPU time"
    if number == signal.SIGXFSZ and together.disk is not None:
        return f"wrote a file larger than the {format_size(together.disk)} that cage.disk allows"
    return ""


def _by_itself(code: int) -> str:
    number = _signal_of(code)
    if code < 0:
        return f"killed by {_signal(number)}"
    return f"exit {code}, as after {_signal(number)}" if number in _SIGNALS else f"exit {code}"


def _signal_of(code: int) -> int:
    return -code if code < 0 else code - _SHELL_SIGNAL


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
