"""`envmgr daemon`."""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import click
import structlog

from envmgr.cli.command import pass_invocation, take_over_option, verb
from envmgr.cli.duration_type import Duration
from envmgr.cli.invocation import Invocation
from envmgr.cli.logging import Scrubber, log_for_daemon
from envmgr.commands.runtime import Runtime
from envmgr.composition.compose import Start, compose
from envmgr.config.settings_file import read_settings
from envmgr.daemon.lifecycle import Daemon
from envmgr.daemon.notify import Notifier
from envmgr.host.control_group import settle

if TYPE_CHECKING:
    from envmgr.web.server import Server

_DRAIN = "10m"


@verb("daemon", example="envmgr --config /etc/envmgr daemon\nsystemctl start envmgr")
@click.option(
    "--drain-timeout",
    type=Duration(),
    default=_DRAIN,
    metavar="DURATION",
    help=f"How long running Terraform may go on after SIGTERM before it is asked to end. [{_DRAIN}]",
)
@take_over_option
@pass_invocation
def daemon_command(invocation: Invocation, drain_timeout: timedelta, take_over: bool) -> None:
    """Watch the repositories until SIGTERM (drains; a second one ends Terraform too) or Ctrl-C.

    SIGHUP reads the files again; where they have mistakes, the old configuration stays. Logs go to
    standard error: JSON lines, or colours on a terminal.
    """
    run_daemon(invocation, drain_timeout, take_over=take_over)


def run_daemon(
    invocation: Invocation,
    drain: timedelta,
    *,
    take_over: bool = False,
    opened: Callable[[], None] = lambda: None,
) -> None:
    """The daemon in this process, until it is told to end; `drain` is how long what runs may go on then.

    `opened` is called once page and API can be reached.
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
        _composed(start, scrubber, None),
        lambda before: _composed(start, scrubber, before),
        Notifier(invocation.environ),
        drain,
        _Door(opened),
    ).run()


class _Door:
    """Page and API; all that they need is imported only once the settings ask for them."""

    def __init__(self, opened: Callable[[], None]) -> None:
        self._server: Server | None = None
        self._opened: Callable[[], None] | None = opened

    def reconfigure(self, runtime: Runtime) -> None:
        """As `Server` does."""
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


def _composed(start: Start, scrubber: Scrubber, before: Runtime | None) -> Runtime:
    runtime = compose(start, before)
    scrubber.refresh()
    for warning in runtime.services.warnings:
        structlog.get_logger().warning(warning, action="configuration")
    return runtime
