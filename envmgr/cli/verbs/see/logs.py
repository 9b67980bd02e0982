"""`envmgr logs`."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from envmgr.cli.command import complete_environment, json_option, pass_invocation, verb
from envmgr.cli.invocation import Invocation
from envmgr.cli.lookup import Elsewhere, known_records
from envmgr.cli.screen import emit, emit_json, printable, say
from envmgr.domain.errors import NeedsPerson, UsageError
from envmgr.domain.values.environment import Run, RunStatus
from envmgr.domain.values.names import ref_component
from envmgr.views import documents

if TYPE_CHECKING:
    from envmgr.cli.remote.records import RemoteRecords
    from envmgr.composition.records import Records
    from envmgr.ports import Store
    from envmgr.views import objects

    Find = Callable[[Run], tuple[Path | None, str]]

_PAUSE = 0.3
_CHUNK = 1 << 20


@verb("logs", example="envmgr logs alice --follow\nenvmgr logs 17", remote=True)
@click.argument("target", metavar="RUN_OR_ENV", shell_complete=complete_environment)
@click.option("--follow", "-f", is_flag=True, help="Follow it until it ends.")
@json_option
@pass_invocation
def logs_command(invocation: Invocation, target: str, follow: bool, as_json: bool) -> None:
    """The full log of a run, or of an environment's newest run.

    With --follow --json there is a JSON object `{run, line}` on each line. Ends with 1 where an ended run has no log any more.
    """
    with ExitStack() as opened:
        store = opened.enter_context(invocation.shown_records())
        run = _run(store, target)
        if isinstance(store, Elsewhere):
            lines = store.log(run, follows=follow)
        else:
            lines = _lines(store, run, _found(invocation, opened, store, run), follow)
        if as_json and not follow:
            whole: objects.LogObject = {**documents.run(run), "lines": list(lines)}
            emit_json(whole)
            return
        for line in lines:
            one: objects.LogLineObject = {"run": run.id, "line": line}
            emit(json.dumps(one) if as_json else printable_line(line))
        run = store.run(run.id) or run
        say(_closing(run))


def _run(store: "Store | RemoteRecords", target: str) -> Run:
    if target.isascii() and target.isdigit():
        found = store.run(int(target)) if len(target) < 19 else None
        if found is None:
            raise UsageError(f"There is no run {target}: `envmgr history` shows them.")
        return found
    records = known_records(store, target)
    newest = [run for each in records for run in store.runs(each.id, limit=1)]
    if not newest:
        raise NeedsPerson(f"Nothing has run for {records[0].id.environment} yet.")
    return max(newest, key=lambda run: run.id)


def _found(invocation: Invocation, opened: ExitStack, store: "Records", run: Run) -> "Find":
    """What finds a run's log: the file here, or what another host has put beside the states, which takes a configuration."""
    path = invocation.data_dir / run.log if run.log else None
    if path is None or path.is_file() or not store.is_shared:
        return lambda _: (path if path is not None and path.is_file() else None, "")
    from envmgr.cli.work import start
    from envmgr.commands.hosts import logs
    from envmgr.composition.compose import compose

    runtime = opened.enter_context(closing(compose(start(invocation))))
    return lambda now: logs.readable(runtime, now)


def _lines(store: "Store", run: Run, find: "Find", follow: bool) -> Iterator[str]:
    """The log's lines as far as they are written; with `follow` until the run has ended.

    Raises NeedsPerson, saying why, where an ended run has no log to be read.
    """
    position, rest = 0, b""
    while True:
        # Asked before the file is read: what a run wrote last is there once it has ended.
        is_running = follow and run.status is RunStatus.RUNNING
        path, why = find(run)
        for chunk in _chunks(path, position):
            position += len(chunk)
            *whole, rest = (rest + chunk).split(b"\n")
            yield from (line.decode(errors="replace") for line in whole)
        if not is_running:
            break
        time.sleep(_PAUSE)
        run = store.run(run.id) or run
    if rest:
        yield rest.decode(errors="replace")
    if path is None and run.status is not RunStatus.RUNNING:
        none = f"Run {run.id} left no log on this host: Terraform was not started, or the log was pruned."
        raise NeedsPerson(f"{why or none} {_closing(run)}")


def _chunks(path: Path | None, position: int) -> Iterator[bytes]:
    if path is None or not path.is_file():
        return
    with path.open("rb") as file:
        file.seek(position)
        while chunk := file.read(_CHUNK):
            yield chunk


def printable_line(line: str) -> str:
    """A line as it is, but for what nobody would see."""
    return "\t".join(map(ref_component, line.split("\t")))


def _closing(run: Run) -> str:
    message = f": {printable(run.message)}" if run.message else "."
    return f"Run {run.id} ({run.kind} of {run.environment}) {_ended(run)}{message}"


def _ended(run: Run) -> str:
    return "is running; --follow waits for its end" if run.status is RunStatus.RUNNING else run.status.value
