"""Where structlog's events go: to standard error, with every known secret scrubbed."""

import logging
import math
import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from envmgr.config.expand import redactor_for
from envmgr.config.load import load
from envmgr.domain.errors import EnvmgrError
from envmgr.domain.rules.severity import level_of
from envmgr.ports import Redact

from .invocation import Invocation
from .screen import visible

_PRIORITIES = {"critical": 2, "error": 3, "warning": 4, "info": 6, "debug": 7}
_FRESH = 60.0  # seconds after which rotated secrets are read again


def log_for_people(invocation: Invocation) -> None:
    """For verbs that say themselves what they do: only errors are logged, everything with --verbose."""
    level = logging.DEBUG if invocation.verbose else logging.ERROR
    error = structlog.processors.format_exc_info if invocation.verbose else _without_traceback
    once = [] if invocation.verbose else [_without_events]
    _configure(level, [*once, error, Scrubber(invocation), _console()])


def log_for_daemon(invocation: Invocation, level: str) -> "Scrubber":
    """For the daemon: JSON lines, with priorities for systemd's journal, or colours on a terminal.

    Gives what is to be told of a reload.
    """
    scrubber = Scrubber(invocation)
    chosen = logging.DEBUG if invocation.verbose else getattr(logging, level.upper())
    journal = reads_priorities(invocation.environ, sys.stderr.fileno())
    plain = Prioritised() if journal else structlog.processors.JSONRenderer()
    render = _console() if sys.stderr.isatty() else plain
    # The traceback is text before it is scrubbed: what an exception says may hold a secret too.
    _configure(chosen, [structlog.processors.format_exc_info, scrubber, render])
    return scrubber


def redactor(invocation: Invocation, before: Redact = lambda text: text) -> Redact:
    """Knows the secrets of all organizations as they are now; what `before` knew where the files have mistakes."""
    try:
        configuration = load(invocation.config, invocation.environ)
    except EnvmgrError:
        return before
    return redactor_for(
        configuration.organizations, invocation.environ, configuration.settings.secrets
    ).redact


def reads_priorities(environ: Mapping[str, str], descriptor: int) -> bool:
    """Whether what is written there goes to systemd's journal, which takes a priority from a line's beginning."""
    found = os.fstat(descriptor)
    return environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


class Prioritised:
    """Renders events as JSON lines that begin with their priority, as sd-daemon(3) says: `<3>{…}`."""

    def __init__(self) -> None:
        """JSON as everywhere else."""
        self._render = structlog.processors.JSONRenderer()

    def __call__(self, logger: WrappedLogger, name: str, event: EventDict) -> str:
        """The line; the journal takes the priority off it again."""
        return f"<{_PRIORITIES.get(str(event.get('level')), 6)}>{self._render(logger, name, event)!s}"


class Scrubber:
    """A processor of log events that replaces every secret in every text of them."""

    def __init__(self, invocation: Invocation) -> None:
        """The secrets are first read when something is logged, and again once a minute."""
        self._invocation = invocation
        self._redact: Redact = lambda text: text
        self._read_at = -math.inf

    def refresh(self) -> None:
        """Reads the secrets again at the next event: the configuration is another."""
        self._read_at = -math.inf

    def __call__(self, _: WrappedLogger, __: str, event: EventDict) -> EventDict:
        """The event without secrets."""
        redact = self._current()
        return {key: _scrub(value, redact) for key, value in event.items()}

    def _current(self) -> Redact:
        now = time.monotonic()
        if now - self._read_at > _FRESH:
            self._redact, self._read_at = redactor(self._invocation, self._redact), now
        return self._redact


def _scrub(value: Any, redact: Redact) -> Any:
    """Redacts text at any depth; what is neither text nor a number is logged as text."""
    match value:
        case str():
            return redact(value)
        case bool() | int() | float() | None:
            return value
        case dict():
            return {redact(str(key)): _scrub(inner, redact) for key, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_scrub(inner, redact) for inner in value]
        case _:
            return redact(str(value))


def _without_events(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Drops what is an event in the records too: the verb says itself what became of its work."""
    if level_of(str(event.get("action", ""))) != "info":
        raise structlog.DropEvent
    return event


def _without_traceback(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    error = event.pop("exc_info", None) and sys.exc_info()[1]
    return {**event, "error": f"{type(error).__name__}: {error}"} if error else event


def _console() -> Processor:
    """Others' words are in events as well: nothing of them is the terminal's to obey."""
    render = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())

    def shown(logger: WrappedLogger, name: str, event: EventDict) -> str:
        texts = {
            key: visible(value if isinstance(value, str) else repr(value)) for key, value in event.items()
        }
        return render(logger, name, texts)

    return shown


def _configure(level: int, ending: list[Callable[..., Any]]) -> None:
    start: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*start, *ending],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_lines_to(sys.stderr),
    )
    _adopt_standard_logging(max(level, logging.WARNING), start, ending)


class _Lines(structlog.WriteLogger):
    """Writes lines, and lets none that can't be written end the work it tells of.

    The reader of a pipe may be gone (the journal was restarted), a disk may be full. What matters is in the records
    as well; the standard library's logging goes on in the same way.
    """

    def msg(self, message: str) -> None:
        """Writes one line, if that is possible."""
        with suppress(OSError, ValueError):  # ValueError: the file was closed
            super().msg(message)

    log = debug = info = warn = warning = error = err = critical = fatal = failure = exception = msg


def _lines_to(file: TextIO) -> Callable[..., _Lines]:
    return lambda *_: _Lines(file)


def _adopt_standard_logging(level: int, start: list[Processor], ending: list[Callable[..., Any]]) -> None:
    """What libraries log by the standard library goes the same way, warnings and above."""
    output = logging.StreamHandler(sys.stderr)
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    output.setFormatter(
        structlog.stdlib.ProcessorFormatter(processors=[remove, *ending], foreign_pre_chain=start)
    )
    root = logging.getLogger()
    root.handlers[:] = [output]
    root.setLevel(level)
