"""The daemon as a process of its own, with faults on demand.

python -m tests.integration.daemon_process CONFIG DATA DRAIN_SECONDS [FAULT=REPOSITORY]...
"""

import os
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from envmgr.commands.runtime import Runtime
from envmgr.composition.compose import Start, compose
from envmgr.daemon.lifecycle import Daemon
from envmgr.daemon.notify import Notifier


def hang(*_: object) -> None:
    """Does not come back."""
    threading.Event().wait()


def fail(*_: object) -> None:
    """Raises what nobody foresees."""
    raise RuntimeError("a fault that was asked for")


def only_for(repository: str, fault: Callable[..., None], honest: Callable[..., Any]) -> Callable[..., Any]:
    """The fault where this repository is polled, else what it was."""

    def call(polled: Any, **options: Any) -> Any:
        return fault() if polled.id.name == repository else honest(polled, **options)

    return call


def inject(application: Any, fault: str, repository: str) -> None:
    """Puts a fault into an application."""
    match fault:
        case "hang-poll":
            application.poller.poll = only_for(repository, hang, application.poller.poll)
        case "fail-poll":
            application.poller.poll = only_for(repository, fail, application.poller.poll)
        case "fail-look":
            application.workers.look = only_for(repository, fail, application.workers.look)
        case "hang-store":
            application.services.store.touched = hang
        case _:
            raise ValueError(fault)


def main(config: str, data: str, drain: str, *faults: str) -> None:
    """Runs until told to end."""
    start = Start(config=Path(config), data_dir=Path(data), actor="daemon", environ=os.environ)
    application = compose(start)
    for fault in faults:
        inject(application, *fault.split("="))

    def again(before: Runtime) -> Runtime:
        return compose(start, before)

    door = None
    if application.server is not None:
        from envmgr.web.server import Server  # which few tests want, and which takes a while

        door = Server()
    Daemon(application, again, Notifier(os.environ), timedelta(seconds=float(drain)), door).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
