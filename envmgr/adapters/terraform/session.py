"""Commands in one workspace: each runs as a child, is followed into the run's log, and leaves a transcript."""

import io
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from envmgr.domain.environment import ProcessId
from envmgr.domain.errors import NeedsPerson, Transient
from envmgr.ports import Watch, Workspace

from .backend import remove
from .child import Cause, Ended, Start, Supervision, run
from .command import IsFlagged, TerraformCommand
from .messages import Message, Transcript, parse
from .run_log import RunLog
from .tail import Tail

_OUTPUT = "envmgr-output"
_LARGEST_DOCUMENT = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended, and what it said."""

    command: str
    ended: Ended
    transcript: Transcript

    @property
    def succeeded(self) -> bool:
        """Whether it did what it should (a plan's exit code 2 means changes)."""
        return self.ended.code == 0 or (self.command == "plan" and self.ended.code == 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long one command may take until SIGINT, and from there until SIGKILL."""

    timeout: timedelta
    patience: timedelta


class Session:
    """One workspace with one watch. `override` is the backend's form that the branch's code asks for."""

    def __init__(
        self,
        workspace: Workspace,
        watch: Watch,
        environment: Mapping[str, str],
        limits: Limits,
        identify: Callable[[int], ProcessId],
    ) -> None:
        """Make the data folder private, and refuse a root that is no folder of its own."""
        self.workspace = workspace
        self.watch = watch
        self.limits = limits
        self._environment = environment
        self._identify = identify
        if workspace.root.is_symlink() or not workspace.root.is_dir():
            raise NeedsPerson(
                f"The Terraform folder {workspace.root.name} is not a folder of the branch: "
                "mend terraform.directory in the organization file."
            )
        workspace.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        workspace.data.chmod(0o700)

    def run(
        self,
        command: str,
        *args: str,
        keep_open: tuple[int, ...] = (),
        extra: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Outcome:
        """Runs a command, follows it into the log, and says how it ended.

        `options` are python-terraform's; `extra` are environment variables for this command only.
        """
        transcript = Transcript()
        with self._output() as output, RunLog(self.watch.log, self.watch.redact) as log:
            log.write(f"terraform {command}")
            tail = Tail(output.fileno())

            def follow() -> None:
                for line in tail.lines():
                    self._take(line, transcript, log)

            start = self._start(output.fileno(), output.fileno(), keep_open, extra)
            ended = self._run(command, args, options, start, follow)
            for line in tail.last():
                self._take(line, transcript, log)
            if ended.cause or ended.code < 0:
                log.write(_ending(command, ended))
        return Outcome(command, ended, transcript)

    def document(self, command: str, *args: str, json: bool = True) -> tuple[Outcome, bytes]:
        """Runs a command that prints one document, JSON or for people, which goes to no log."""
        transcript = Transcript()
        with self._output() as output, self._output() as errors:
            start = self._start(output.fileno(), errors.fileno())
            ended = self._run(command, args, {"json": IsFlagged if json else None}, start, lambda: None)
            for line in Tail(errors.fileno()).last():
                transcript.add(parse(line))
            return Outcome(command, ended, transcript), os.pread(output.fileno(), _LARGEST_DOCUMENT, 0)

    def _start(
        self,
        output: int,
        errors: int,
        keep_open: tuple[int, ...] = (),
        extra: Mapping[str, str] | None = None,
    ) -> Callable[[list[str]], Start]:
        environment = {**self._environment, **(extra or {})}
        return lambda argv: Start(
            argv=argv,
            folder=self.workspace.root,
            environment=environment,
            output=output,
            errors=errors,
            keep_open=keep_open,
        )

    def _run(
        self,
        command: str,
        args: tuple[str, ...],
        options: Mapping[str, Any],
        start: Callable[[list[str]], Start],
        follow: Callable[[], None],
    ) -> Ended:
        supervision = Supervision(
            timeout=self.limits.timeout,
            patience=self.limits.patience,
            started=lambda pid: self.watch.started(self._identify(pid)),
            stop=self.watch.stop,
            tick=follow,
        )
        ended: list[Ended] = []

        def begin(argv: list[str]) -> int:
            ended.append(run(start(argv), supervision))
            return ended[0].code

        try:
            TerraformCommand(self.workspace.binary, begin).cmd(command, *args, no_color=IsFlagged, **options)
        except (FileNotFoundError, PermissionError) as error:
            raise NeedsPerson(
                f"{self.workspace.binary} cannot be started: install Terraform, or mend terraform.binary."
            ) from error
        return ended[0]

    def _take(self, line: str, transcript: Transcript, log: RunLog) -> None:
        message = parse(line)
        transcript.add(message)
        log.write(message.text)
        self._report(message)

    def _report(self, message: Message) -> None:
        if message.type:
            self.watch.progress(message.progress(self.watch.redact(message.text)))

    def _output(self) -> io.FileIO:
        """A private file for the raw output, which may hold secrets: it has no name as soon as it is open."""
        path = self.workspace.data / _OUTPUT
        try:
            remove(path)
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
            file = os.fdopen(os.open(path, flags, 0o600), "r+b", buffering=0)
            path.unlink()
        except OSError as error:
            raise Transient(
                f"Terraform's output cannot be kept in {path.parent}: {error.strerror}."
            ) from error
        return file


def _ending(command: str, ended: Ended) -> str:
    if ended.cause is Cause.STOPPED:
        return f"terraform {command} was stopped"
    if ended.cause is Cause.TIMED_OUT:
        return f"terraform {command} took too long and was ended"
    return f"terraform {command} was killed by signal {-ended.code}"
