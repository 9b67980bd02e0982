"""One process of envmgr: a pass or a command that a person typed, which may be told to die on the way.

It is forked from a server that has imported everything, so that a campaign of hundreds takes minutes.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any
from unittest.mock import patch

from envmgr.cli import main
from envmgr.cli import work as verb
from envmgr.cli.verbs.change import apply as _apply_verb  # noqa: F401  (imported once, before any fork)
from envmgr.cli.verbs.change import destroy as _destroy_verb  # noqa: F401
from envmgr.commands.runtime import Runtime
from envmgr.composition.compose import Start, compose
from envmgr.daemon.housekeeping import tidy
from tests.chaos.boundaries import Boundaries
from tests.support.privileges import as_ordinary_user

INTERVAL = timedelta(seconds=1)
"""Between two looks at a remote, by the organization file."""

_CONTEXT = get_context("forkserver")
_UNKNOWN = 255  # what multiprocessing says where its server did not tell it how a process ended
_PATIENCE = 90  # real seconds for one process
_CONTEXT.set_forkserver_preload([__name__, "tests.chaos.campaign"])


class Hangs(AssertionError):
    """A process of envmgr that did not end in time, or not as it should."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a process does.

    `arguments` are of the command line, None for a pass, which looks at the remotes `looks` times and
    then does what is due, `offset` seconds in the future; one that does not even work only looks at what is recorded. `dies_before` is the boundary to die at, with
    its children or without. With `tidies` it does the daemon's housekeeping, too. What it said goes to `log`, why it died to `last_words`, and to `report` what it
    did and what its `observer` found, a dataclass.
    """

    config: Path
    data: Path
    log: Path
    report: Path
    last_words: Path
    arguments: tuple[str, ...] | None = None
    looks: int = 1
    offset: float = 0
    works: bool = True
    observer: Callable[[Runtime], Any] | None = None
    tidies: bool = False
    dies_before: int | None = None
    with_children: bool = False

    def start(self) -> ForkServerProcess:
        """Start the process; nothing is left of what an earlier one wrote."""
        self.report.unlink(missing_ok=True)
        self.last_words.unlink(missing_ok=True)
        process = _CONTEXT.Process(target=run, args=(self,))
        process.start()
        return process


def finish(order: Order, seconds: float | None = None) -> bool:
    """Runs a process to its end, or kills it after so many seconds; says whether it was killed, by whomever."""
    process = order.start()
    process.join(_PATIENCE if seconds is None else seconds)
    if process.exitcode is None:
        process.kill()
        process.join()
        if seconds is None:
            raise Hangs(f"A process did not end in {_PATIENCE} s: {order}")
    ended_well = process.exitcode == 0 or (process.exitcode == _UNKNOWN and order.report.exists())
    if not ended_well and process.exitcode != -signal.SIGKILL:
        raise Hangs(f"A process ended by {process.exitcode}: see {order.log}")
    return not ended_well


def run(order: Order) -> None:
    """The process."""
    began = time.monotonic()
    _redirect(order.log)
    for name in [name for name in os.environ if name.startswith(("TF_", "ENVMGR_", "GIT_"))]:
        del os.environ[name]
    boundaries = Boundaries(order.dies_before, order.with_children, order.last_words)
    observation, ended = None, 0
    with as_ordinary_user():
        if order.arguments is None:
            observation = _pass(order, boundaries)
        else:
            ended = _command(order, boundaries)
    report = {
        "observation": asdict(observation) if observation else None,
        "exit": ended,
        "writes": boundaries.writes,
        "seconds": time.monotonic() - began,
    }
    order.report.write_text(json.dumps(report))


def _pass(order: Order, boundaries: Boundaries) -> Any:
    offset, apart = timedelta(seconds=order.offset), timedelta()
    start = Start(
        config=order.config,
        data_dir=order.data,
        actor="daemon",
        environ=os.environ,
        clock=lambda: datetime.now(UTC) + offset - apart,
    )
    application = boundaries.lay(compose(start))
    repositories = application.services.repositories.values() if order.works else ()
    for look in range(order.looks):
        # An interval lies between two looks that confirm each other; the last of them is of the present.
        apart = INTERVAL * (order.looks - 1 - look)
        application.poller.poll_all(repositories, 4)
    application.workers.run_until_settled(repositories, frozenset())
    boundaries.cross("end")
    if order.tidies:
        tidy(application.services)
    try:
        return order.observer(application) if order.observer is not None else None
    finally:
        application.close()


def _command(order: Order, boundaries: Boundaries) -> int:
    places = ("--config", str(order.config), "--data-dir", str(order.data))
    with patch.object(verb, "compose", lambda start: boundaries.lay(compose(start))):
        try:
            code = main([*(order.arguments or ()), *places])
        except SystemExit as ended:
            sys.stderr.write(f"{ended}\n")
            code = 1
    boundaries.cross("end")
    return code


def _redirect(log: Path) -> None:
    """Standard output and standard error to a file."""
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
