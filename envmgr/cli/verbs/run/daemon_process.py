"""The daemon in this process: what `envmgr daemon` and `envmgr demo --page` run."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from envmgr.cli.invocation import Invocation
from envmgr.cli.logging import Scrubber, log_for_daemon
from envmgr.commands.runtime import Runtime
from envmgr.composition.compose import Start, compose
from envmgr.config.settings_file import read_settings
from envmgr.daemon.lifecycle import Daemon
from envmgr.daemon.notify import Notifier
from envmgr.daemon.signals import Signals
from envmgr.host.control_group import settle

if TYPE_CHECKING:
    from envmgr.web.server import Server


def run_daemon(
    invocation: Invocation,
    drain: timedelta,
    *,
    take_over: bool = False,
    opened: Callable[[], None] = lambda: None,
    signals: Signals | None = None,
) -> None:
    """The daemon in this process, until it is told to end; `drain` is how long what runs may go on then.

    `opened` is called once page and API can be reached. `signals` has those that came before.
    """
    scrubber = log_for_daemon(invocation, read_settings(invocation.config).log_level)
    held = settle()
    if held is not None:
        said = f"The service limits what each run starts together by: {', '.join(held) or 'nothing'}."
        structlog.get_logger().info(said, action="control-groups")
    start = Start(
        config=invocation.config,
        data_dir=invocation.data_dir,
        actor="daemon",
        environ=invocation.environ,
        takes_over=take_over,
    )
    Daemon(
        composed(start, scrubber, None),
        lambda before: composed(start, scrubber, before),
        Notifier(invocation.environ),
        drain,
        _Door(opened),
        signals,
    ).run()


class _Door:
    """Page and API; all that they need is imported only once the settings ask for them."""

    def __init__(self, opened: Callable[[], None]) -> None:
        self._server: Server | None = None
        self._opened: Callable[[], None] | None = opened
        self._lock = (
            threading.Lock()
        )  # a reload and a tick may come together, and only one can have the address

    def reconfigure(self, runtime: Runtime) -> None:
        """As `Server` does."""
        with self._lock:
            self._reconfigure(runtime)

    def _reconfigure(self, runtime: Runtime) -> None:
        if self._server is None and runtime.server is not None:
            from envmgr.web.server import Server

            self._server = Server()
        if self._server is not None:
            self._server.reconfigure(runtime)
            if self._server.address and self._opened is not None:
                self._opened()
                self._opened = None

    def close(self) -> None:
        """As `Server` does."""
        if self._server is not None:
            self._server.close()


def composed(start: Start, scrubber: Scrubber, before: Runtime | None) -> Runtime:
    """The runtime of the files as they are now; what it warns of is logged, what is secret in it is not."""
    runtime = compose(start, before)
    scrubber.refresh()
    for warning in runtime.services.warnings:
        structlog.get_logger().warning(warning, action="configuration")
    return runtime
