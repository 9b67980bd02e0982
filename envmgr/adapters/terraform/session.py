"""Commands in one workspace: each runs as a child, is followed into the run's log, and leaves a transcript."""

import io
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from envmgr.domain.errors import NeedsPerson, Transient
from envmgr.domain.values.cage import Cage, CageLimits
from envmgr.domain.values.environment import ProcessId
from envmgr.host.cage.bounds import Left, told
from envmgr.host.cage.bubblewrap import caged, ended
from envmgr.host.children.child import Cause, Ended, Start, Supervision, attend, run
from envmgr.host.children.leftovers import end_leftovers
from envmgr.host.children.run_log import RunLog, lines_of_last_command
from envmgr.host.children.tail import Tail, first_data
from envmgr.host.leftovers import clear, private, sweep
from envmgr.host.temporary import Temporary
from envmgr.ports import RUN_MARK, Watch, Workspace

from .cli_configuration import mirrors_in
from .command import IsFlagged, TerraformCommand
from .confinement import Confinement
from .messages import Message, Transcript, parse

_OUTPUT = "envmgr-output"
_WAITS = ("apply_progress", "ephemeral_op_progress")
_LARGEST_DOCUMENT = 64 * 1024 * 1024
"""Of a plan or state as one document: read whole, and a parsed one takes some ten times as much memory."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended, what it said, and in which cage; no cage is one without limits."""

    command: str
    ended: Ended
    transcript: Transcript
    cage: Cage | None = None

    @property
    def succeeded(self) -> bool:
        """Whether it did what it should: a plan's exit code 2 means changes, but is that of a program in Go that crashed, too."""
        has_changes = self.command == "plan" and self.ended.code == 2 and not self.transcript.crash
        return self.ended.code == 0 or has_changes


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
        confinement: Confinement,
        limits: Limits,
        identify: Callable[[int], ProcessId],
    ) -> None:
        """Make the data folder private, and refuse a root that is no folder of its own."""
        self.workspace = workspace
        self.watch = watch
        self.limits = limits
        self._confinement = confinement
        self._identify = identify
        if workspace.root.is_symlink() or not workspace.root.is_dir():
            raise NeedsPerson(
                f"The Terraform folder {workspace.root.name} is not a folder of the branch: correct terraform.directory in the organization file."
            )
        workspace.data.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        private(workspace.data)
        self.temporary = Temporary(workspace.temporary or workspace.data.parent / "tmp")

    @contextmanager
    def initial(self) -> Iterator["Session"]:
        """The same for `init`, within the block: with the variables that this one gets."""
        given = self.workspace.initial
        with given() if given is not None else nullcontext(self.workspace.environment) as environment:
            workspace = replace(self.workspace, environment=environment)
            confinement = replace(self._confinement, workspace=workspace)
            yield Session(workspace, self.watch, confinement, self.limits, self._identify)

    @property
    def mirrors(self) -> tuple[str, ...]:
        """Folders of the operator's that `init` takes providers from."""
        return mirrors_in(self._confinement.cli_config)

    def run(
        self,
        command: str,
        *args: str,
        keep_open: tuple[int, ...] = (),
        extra: Mapping[str, str] | None = None,
        arriving: Path | None = None,
        **options: Any,
    ) -> Outcome:
        """Runs a command, follows it into the log, and says how it ended.

        `options` are python-terraform's; `extra` are environment variables for this command only, `arriving` is the
        folder that it may put providers in.
        """
        transcript = Transcript()
        with self._output() as output, RunLog(self.watch.log, self.watch.redact) as log:
            log.write(f"terraform {command}")
            tail = Tail(output.fileno())
            cage = self._cage(command, arriving)
            start = self._start(cage, output.fileno(), output.fileno(), keep_open, extra)
            try:
                follow = partial(self._follow, tail, transcript, log)
                found = self._run(command, args, options, (cage, start), follow)
                self._take(tail.last(), transcript, log)
            finally:
                sweep(self._named)
            if found.cause or found.code < 0:
                log.write(_ending(command, found))
            if limit := told(found.reached, cage.together):
                log.write(f"limit: terraform {command} reached {limit}")
        return Outcome(command, found, transcript, cage)

    def adopt(self, child: ProcessId | None) -> Transcript:
        """Attends the command that another process left running here, to its end; gives all that it said.

        Its output is followed into the log from where the other process left off.
        """
        transcript = Transcript()
        with self._left_output() as output:
            # Of a long output the first reader gave back what it had read, so the rest tells where it was; a
            # short one is read again from its start, without the lines that the log has already.
            start = first_data(output.fileno())
            skip = 0 if start else lines_of_last_command(self.watch.log)
            tail = Tail(output.fileno(), start=start)
            with RunLog(self.watch.log, self.watch.redact, skip=skip) as log:
                if child is not None:
                    supervision = self._supervision(partial(self._follow, tail, transcript, log))
                    bounds = Left(self.watch.log)
                    attend(child.pid, lambda pid: self._identify(pid).is_same(child), supervision, bounds)
                    if limit := bounds.end():
                        log.write(f"limit: what the run started reached {limit}")
                if self._mark:
                    # What a Terraform that was killed left running is known by its mark alone: the session
                    # went with it.
                    end_leftovers(None, self._mark)
                self._take(tail.last(), transcript, log)
            sweep(self._named)
        self.temporary.tidy()
        return transcript

    def _follow(self, tail: Tail, transcript: Transcript, log: RunLog) -> bool:
        return self._take(tail.lines(), transcript, log)

    def document(
        self, command: str, *args: str, json: bool = True, keep_open: tuple[int, ...] = ()
    ) -> tuple[Outcome, bytes]:
        """Runs a command that prints one document, JSON or for people, which goes to no log."""
        transcript = Transcript()
        with self._nameless_output() as output, self._nameless_output() as errors:
            cage = self._cage(command)
            start = self._start(cage, output.fileno(), errors.fileno(), keep_open)
            options = {"json": IsFlagged if json else None}
            found = self._run(command, args, options, (cage, start), lambda: False)
            for line in Tail(errors.fileno()).last():
                transcript.add(parse(line))
            size = os.fstat(output.fileno()).st_size
            if size > _LARGEST_DOCUMENT:
                raise NeedsPerson(
                    f"terraform {command} printed {size // 2**20} MiB, and envmgr reads at most "
                    f"{_LARGEST_DOCUMENT // 2**20} MiB of it: split the code into several applications."
                )
            outcome = Outcome(command, found, transcript, cage)
            # By position: what the child wrote has moved where this descriptor stands.
            return outcome, os.pread(output.fileno(), size, 0)

    def _cage(self, command: str, arriving: Path | None = None) -> Cage:
        limits = CageLimits(memory=self._memory(command), time=self.limits.timeout)
        return self._confinement.of(command, limits, self.temporary.ready(), arriving)

    def _start(
        self,
        cage: Cage,
        output: int,
        errors: int,
        keep_open: tuple[int, ...] = (),
        extra: Mapping[str, str] | None = None,
    ) -> Callable[[list[str]], Start]:
        environment = {
            **self._confinement.environment(cage),
            **(extra or {}),
            RUN_MARK: str(self.watch.log),
            "TMPDIR": str(self.temporary.ready()),
        }
        return lambda argv: Start(
            argv=argv,
            folder=self.workspace.root,
            environment=environment,
            output=output,
            errors=errors,
            keep_open=keep_open,
            memory=cage.limits.memory,
        )

    def _memory(self, command: str) -> int | None:
        """What a command may take: what plans within its limit is to apply, since an apply that dies loses what it made."""
        memory = self.workspace.memory
        return memory if memory is None or command != "apply" else 2 * memory

    def _run(
        self,
        command: str,
        args: tuple[str, ...],
        options: Mapping[str, Any],
        caging: tuple[Cage, Callable[[list[str]], Start]],
        follow: Callable[[], bool],
    ) -> Ended:
        cage, start = caging
        supervision = replace(self._supervision(follow), timeout=cage.limits.time or self.limits.timeout)
        found: list[Ended] = []

        def begin(argv: list[str]) -> int:
            with caged(start(argv), cage, self.watch.log) as made:
                found.append(ended(run(made, supervision), cage))
            return found[0].code

        try:
            TerraformCommand(self._confinement.program(cage), begin).cmd(
                command, *args, no_color=IsFlagged, **options
            )
        except (FileNotFoundError, PermissionError) as error:
            raise NeedsPerson(
                f"{self.workspace.binary} cannot be started: install Terraform, or correct terraform.binary."
            ) from error
        finally:
            self.temporary.tidy()
        return found[0]

    def _supervision(self, follow: Callable[[], bool]) -> Supervision:
        return Supervision(
            timeout=self.limits.timeout,
            patience=self.limits.patience,
            started=lambda pid: self.watch.started(self._identify(pid)),
            stop=self.watch.stop,
            tick=follow,
            quiet=self.watch.quiet,
            mark=self._mark,
        )

    @property
    def _mark(self) -> str:
        """What all processes of the run have in their environment; empty for what belongs to no run."""
        log = str(self.watch.log)
        return "" if log == os.devnull else f"{RUN_MARK}={log}"

    def _take(self, lines: Iterable[str], transcript: Transcript, log: RunLog) -> bool:
        """Whether any of it is news: that something still takes its time is none."""
        is_news = False
        for line in lines:
            message = parse(line)
            if message.diagnostic is not None and message.diagnostic.is_noise:
                continue
            transcript.add(message)
            log.write(message.text)
            self._report(message)
            is_news = is_news or message.type not in _WAITS
        return is_news

    def _report(self, message: Message) -> None:
        if message.type:
            self.watch.progress(message.progress(self.watch.redact, self.workspace.folder))

    @property
    def _named(self) -> Path:
        """The raw output of the command under way: where we die, the next process reads the rest of it here."""
        return self.workspace.data / _OUTPUT

    def _output(self) -> io.FileIO:
        """A private file for the raw output, made anew."""
        return self._open(os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, fresh=True)

    def _nameless_output(self) -> io.FileIO:
        """A private file for a document, which may hold secrets: it has no name as soon as it is open."""
        file = self._output()
        clear(self._named)
        return file

    def _left_output(self) -> io.FileIO:
        """The output that a command left; empty where there is none, or something else in its place."""
        is_there = not self._named.is_symlink() and self._named.is_file()
        return self._open(os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, fresh=not is_there)

    def _open(self, flags: int, *, fresh: bool) -> io.FileIO:
        try:
            if fresh:
                clear(self._named)
            return os.fdopen(os.open(self._named, flags | os.O_CLOEXEC, 0o600), "r+b", buffering=0)
        except OSError as error:
            raise Transient(
                f"Terraform's output cannot be kept in {self._named.parent}: {error.strerror}."
            ) from error


def _ending(command: str, ended: Ended) -> str:
    if ended.cause is Cause.STOPPED:
        return f"terraform {command} was stopped"
    if ended.cause is Cause.TIMED_OUT:
        return f"terraform {command} took too long and was ended"
    if ended.cause is Cause.LIMITED:
        return f"terraform {command} used up what it may and was ended"
    return f"terraform {command} was killed by signal {-ended.code}"
